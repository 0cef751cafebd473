// Builds the binaries of all four targets on one x86-64 Linux machine, with zig from npm (release/zig has its own lock
// file). The first build of a target also compiles its C library and takes minutes; zig keeps that in its cache.
//
//   npm run build:binaries [-- linux-arm64-musl ...]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ADDON_SOURCES, compileAddon, sourcesIn } from '../scripts/compile.mjs';
import { packagedHeaders } from '../scripts/node-headers.mjs';
import { shippedBinary, TARGETS } from '../scripts/target.mjs';
import { inspectBinary, manifestFile, packageFolder, sha256, sourcesDigest } from './binary-facts.mjs';

const require = createRequire(import.meta.url);
const zigFolder = path.join(packageFolder, 'release', 'zig');

// 2.17 is the oldest that zig and all of our system calls know; whatever is used of a newer one fails to link.
const ZIG_TARGETS = {
  'linux-x64-glibc': { triple: 'x86_64-linux-gnu.2.17', extra: ['cpp/compat'] },
  'linux-x64-musl': { triple: 'x86_64-linux-musl', linkFlags: ['-dynamic'], extra: [] },
  'linux-arm64-glibc': { triple: 'aarch64-linux-gnu.2.17', extra: ['cpp/compat'] },
  'linux-arm64-musl': { triple: 'aarch64-linux-musl', linkFlags: ['-dynamic'], extra: [] },
};

/** The path of zig, installed from its lock file if it is not there yet. */
function prepareZig() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`build:binaries needs x86-64 Linux, which its compiler is made for; this is ${process.platform}-${process.arch}`);
  }
  const zig = path.join(zigFolder, 'node_modules', '@ryoppippi', 'zig-linux-x64', 'zig');
  if (!existsSync(zig)) {
    // In its own folder: within the workspace npm would take it for a part of that.
    const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-workspaces'], { cwd: zigFolder, stdio: 'inherit' });
    if (status !== 0) throw new Error(`npm ci in ${zigFolder} failed`);
  }
  const { status, stdout, error } = spawnSync(zig, ['version'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${zig} does not run: ${error?.message ?? `exit code ${status}`}`);
  return { zig, version: stdout.trim() };
}

async function buildTarget(target, { zig, version }) {
  const { triple, extra, linkFlags = [] } = ZIG_TARGETS[target];
  const output = path.join(packageFolder, 'build', 'objects', target, 'linked.node');
  await compileAddon({
    root: packageFolder,
    compiler: [zig, 'c++', '-target', triple],
    identity: version,
    sources: sourcesIn(packageFolder, [...ADDON_SOURCES, ...extra]),
    includes: [packagedHeaders(), path.dirname(require.resolve('node-addon-api/package.json'))],
    flags: ['-g0'],
    linkFlags: ['-s', ...linkFlags],
    objects: path.dirname(output),
    output,
  });
  const bytes = readFileSync(output);
  const { problems, floor } = inspectBinary(bytes, target);
  if (problems.length > 0) throw new Error(`the binary for ${target} is not fit to be published: ${problems.join('; ')}`);
  const binary = shippedBinary(packageFolder, target);
  mkdirSync(path.dirname(binary), { recursive: true });
  renameSync(output, binary);
  console.log(`${target}: ${bytes.length} bytes, ${floor ?? 'no versioned symbols'}`);
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
    rmSync(shippedBinary(packageFolder, target), { force: true });
    binaries[target] = await buildTarget(target, zig);
  }
  writeFileSync(manifestFile, `${JSON.stringify({ sources, zig: zig.version, binaries }, undefined, 2)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
