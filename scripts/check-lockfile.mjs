/**
 * Fails where the lockfile has a hole: a package whose optional dependency (a platform's binary) has no entry of its
 * own. npm writes such lockfiles when a registry serves some platforms late, and the next `npm ci` then fails.
 */
import { readFileSync } from 'node:fs';

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const names = new Set(Object.keys(packages).map((key) => key.slice(key.lastIndexOf('node_modules/') + 13)));
const holes = Object.entries(packages).flatMap(([key, entry]) =>
  Object.keys(entry.optionalDependencies ?? {})
    .filter((name) => !names.has(name))
    .map((name) => `${key} lacks ${name}`),
);
const resolved = Object.entries(packages).filter(([, entry]) => /^https?:/.test(entry.resolved ?? ''));
for (const hole of holes) console.error(hole);
for (const [key] of resolved) console.error(`${key} names a registry`);
if (holes.length + resolved.length > 0) process.exit(1);
console.log(`lockfile: ${names.size} packages, every platform has its entry`);
