// Builds the binaries of all four targets on one x86-64 Linux machine, with zig from npm (release/zig has its own lock
// file). The first build of a target also compiles its C library and takes minutes; zig keeps that in its cache.
//
//   npm run build:binaries [-- linux-arm64-musl ...]
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { addonSources, compileAddon, sourcesIn, TESTING_SOURCES } from '../scripts/compile.mjs';
import { ADDON, shippedBinary, TARGETS, TESTING_ADDON } from '../scripts/target.mjs';
import { inspectBinary, manifestFile, packageFolder, sha256, sourcesDigest } from './binary-facts.mjs';
import { prepareZig, zigBuild } from './zig-targets.mjs';

const SOURCES = {
  [ADDON]: () => addonSources(packageFolder),
  [TESTING_ADDON]: () => sourcesIn(packageFolder, TESTING_SOURCES),
};

async function buildAddon(target, zig, addon) {
  const build = zigBuild(target, zig);
  const output = path.join(build.objects, 'linked.node');
  await compileAddon({ ...build, sources: [...SOURCES[addon](), ...sourcesIn(packageFolder, build.extraSources)], output });
  const bytes = readFileSync(output);
  const { problems, floor } = inspectBinary(bytes, target);
  if (problems.length > 0) throw new Error(`${addon} for ${target} is not fit to be published: ${problems.join('; ')}`);
  const binary = shippedBinary(packageFolder, target, addon);
  mkdirSync(path.dirname(binary), { recursive: true });
  renameSync(output, binary);
  console.log(`${target}: ${addon}: ${bytes.length} bytes, ${floor ?? 'no versioned symbols'}`);
  return sha256(bytes);
}

async function main() {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((target) => !TARGETS.includes(target));
  if (unknown.length > 0) throw new Error(`no such target: ${unknown.join(', ')}. There are ${TARGETS.join(', ')}`);
  const zig = prepareZig();
  const sources = sourcesDigest();
  const known = existsSync(manifestFile) ? JSON.parse(readFileSync(manifestFile, 'utf8')) : undefined;
  // Binaries of other sources are worth nothing beside the new ones.
  const binaries = known?.sources === sources ? { ...known.binaries } : {};
  rmSync(manifestFile, { force: true });
  for (const target of asked.length > 0 ? asked : TARGETS) {
    for (const addon of Object.keys(SOURCES)) rmSync(shippedBinary(packageFolder, target, addon), { force: true });
    binaries[target] = {};
    for (const addon of Object.keys(SOURCES)) binaries[target][addon] = await buildAddon(target, zig, addon);
  }
  writeFileSync(manifestFile, `${JSON.stringify({ sources, zig: zig.version, binaries }, undefined, 2)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
