// Builds the addon with node-gyp and puts it where the loader looks.
//
//   node scripts/build-addon.mjs [--nodedir=<folder that holds include/node>]
//
// The old binary goes first and the new one comes last, so that a failed build leaves nothing that could be loaded in
// its place. Works without network, without HOME, and in folders whose path make cannot handle.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { binaryPath } from './binary-path.mjs';
import { findNodedir } from './node-headers.mjs';

const require = createRequire(import.meta.url);
const packageFolder = path.resolve(fileURLToPath(import.meta.url), '..', '..');
const injectorSources = path.join(packageFolder, 'cpp', 'fault_injector');

class BuildError extends Error {}

function resolveOr(request, otherwise) {
  try {
    return require.resolve(request);
  } catch {
    return otherwise;
  }
}

/** The project's own node-gyp, or the one that npm brings and names to the scripts it runs. */
function findTools() {
  const nodeGyp = resolveOr('node-gyp/bin/node-gyp.js', process.env.npm_config_node_gyp);
  const addonApi = resolveOr('node-addon-api/package.json', undefined);
  const missing = [nodeGyp === undefined && 'node-gyp', addonApi === undefined && 'node-addon-api'].filter(Boolean);
  if (missing.length > 0) {
    throw new BuildError(
      `building @safe-pmem/native needs ${missing.join(' and ')}, which this installation lacks. In your project, run\n` +
        '  npm install --no-save node-gyp@12 node-addon-api@8 node-api-headers@1\n' +
        '  npm explore @safe-pmem/native -- npm run build-native',
    );
  }
  return { nodeGyp, addonApiFolder: path.dirname(addonApi) };
}

/** make splits paths at spaces, and takes '#', ':', '%', '$' and others for its own. */
function makeCanHandle(folder) {
  return /^[\w./@+-]+$/.test(folder);
}

/** A copy of the sources under a path that make can handle. */
function stage(addonApiFolder) {
  const base = makeCanHandle(tmpdir()) ? tmpdir() : '/tmp';
  const folder = mkdtempSync(path.join(base, 'safe-pmem-build-'));
  cpSync(path.join(packageFolder, 'binding.gyp'), path.join(folder, 'binding.gyp'));
  for (const part of ['napi', 'pmem', 'fault_injector']) {
    const source = path.join(packageFolder, 'cpp', part);
    if (existsSync(source)) cpSync(source, path.join(folder, 'cpp', part), { recursive: true });
  }
  cpSync(addonApiFolder, path.join(folder, 'node_modules', 'node-addon-api'), { recursive: true });
  return folder;
}

function chooseNodedir(folder) {
  const argument = process.argv.slice(2).find((value) => value.startsWith('--nodedir='));
  const { SAFE_PMEM_NODEDIR, npm_config_nodedir } = process.env;
  const asked = argument?.slice('--nodedir='.length) || SAFE_PMEM_NODEDIR || npm_config_nodedir || undefined;
  const nodedir = findNodedir(asked, path.join(folder, 'build', 'node-headers'));
  if (nodedir === undefined) {
    throw new BuildError(
      'no Node-API headers: node has none beside it and the package node-api-headers is not installed. Run\n' +
        '  npm install --no-save node-api-headers@1\nor name a folder that holds include/node with --nodedir=<folder>',
    );
  }
  if (makeCanHandle(nodedir)) return nodedir;
  const link = path.join(folder, 'nodedir');
  symlinkSync(nodedir, link);
  return link;
}

function compile(nodeGyp, folder, nodedir) {
  const defines = [process.env.GYP_DEFINES ?? '', existsSync(injectorSources) ? 'fault_injector=1' : ''];
  const { status, error } = spawnSync(process.execPath, [nodeGyp, 'configure', 'build', `--nodedir=${nodedir}`], {
    cwd: folder,
    stdio: 'inherit',
    env: { ...process.env, GYP_DEFINES: defines.join(' ').trim() },
  });
  if (status !== 0) throw new BuildError(`node-gyp failed${error === undefined ? '' : `: ${error.message}`}`);
}

function place(source, target) {
  mkdirSync(path.dirname(target), { recursive: true });
  // By rename: overwriting a binary that some process has mapped would change the code under its feet.
  copyFileSync(source, `${target}.new`);
  renameSync(`${target}.new`, target);
}

function build() {
  const binary = binaryPath(packageFolder);
  const release = path.join(packageFolder, 'build', 'Release');
  rmSync(binary, { force: true });
  rmSync(path.join(release, 'safe_pmem.node'), { force: true });
  rmSync(path.join(release, 'fault_injector.node'), { force: true });
  if (process.platform !== 'linux') {
    throw new BuildError(`@safe-pmem/native supports Linux, and this is ${process.platform}`);
  }
  const { nodeGyp, addonApiFolder } = findTools();
  const staged = !makeCanHandle(packageFolder);
  const folder = staged ? stage(addonApiFolder) : packageFolder;
  try {
    compile(nodeGyp, folder, chooseNodedir(folder));
    const built = path.join(folder, 'build', 'Release');
    place(path.join(built, 'safe_pmem.node'), binary);
    const injector = path.join(built, 'fault_injector.node');
    if (staged && existsSync(injector)) place(injector, path.join(release, 'fault_injector.node'));
  } finally {
    if (staged) rmSync(folder, { recursive: true, force: true });
  }
  console.log(binary);
}

try {
  build();
} catch (error) {
  console.error(error instanceof BuildError ? error.message : error);
  process.exitCode = 1;
}
