/**
 * Fails if a lockfile of the repository has a hole: a package whose optional dependency (a platform's binary) has no entry
 * of its own, or a dependency of package.json that it does not lock. npm writes such lockfiles when a registry serves some
 * platforms late, and the next `npm ci` then refuses. `check-lockfile.mjs DIRECTORY` checks the lockfiles below DIRECTORY.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
const skipped = new Set(['node_modules', 'dist', 'build', '.git', '.nx', '.cache']);

function lockfilesIn(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const inside = path.join(directory, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : lockfilesIn(inside);
    return entry.name === 'package-lock.json' ? [inside] : [];
  });
}

/** What is wrong with a lockfile, one line each. */
function problemsOf(file) {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'));
  const manifest = JSON.parse(readFileSync(path.join(path.dirname(file), 'package.json'), 'utf8'));
  const names = new Set(Object.keys(packages).map((key) => key.slice(key.lastIndexOf('node_modules/') + 13)));
  const holes = Object.entries(packages).flatMap(([key, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !names.has(name))
      .map((name) => `${key} lacks ${name}`),
  );
  const registries = Object.entries(packages)
    .filter(([, entry]) => /^https?:/.test(entry.resolved ?? ''))
    .map(([key]) => `${key} names a registry`);
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'];
  const differing = kinds.flatMap((kind) => {
    const [asked, locked] = [manifest[kind] ?? {}, packages['']?.[kind] ?? {}];
    return [...new Set([...Object.keys(asked), ...Object.keys(locked)])]
      .filter((name) => asked[name] !== locked[name])
      .map((name) => `${name} is ${locked[name] ?? 'missing'} here and ${asked[name] ?? 'missing'} in package.json`);
  });
  return { names, problems: [...holes, ...registries, ...differing] };
}

const lockfiles = lockfilesIn(root);
if (lockfiles.length === 0) throw new Error(`no lockfile below ${root}`);
for (const file of lockfiles) {
  const { names, problems } = problemsOf(file);
  const name = path.relative(root, file);
  for (const problem of problems) console.error(`${name}: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(`${name}: ${names.size} packages, every platform has its entry`);
}
