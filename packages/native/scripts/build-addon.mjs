#!/usr/bin/env node
// Builds the addon from source for the platform it runs on, and puts it where the loader looks first:
//
//   npx safe-pmem-build [--nodedir=<folder that holds include/node>]
//
// Needs a C++17 compiler (g++, or $CXX) and two packages of headers; no Python, no make, no network. On another system
// than Linux that is an error; with --if-supported, as the workspace calls it, nothing is built there. The old binary
// goes first and the new one comes last, so that a failed build leaves nothing that could be loaded in its place.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonSources, compileAddon, CompilerFailed, sourcesIn, TESTING_SOURCES } from './compile.mjs';
import { findNodeHeaders } from './node-headers.mjs';
import { localBinary, TESTING_ADDON } from './target.mjs';

const require = createRequire(import.meta.url);
const packageFolder = path.resolve(fileURLToPath(import.meta.url), '..', '..');
const COMMAND = 'npx safe-pmem-build';

class BuildError extends Error {}

const words = (text) => (text ?? '').split(/\s+/).filter(Boolean);

function findAddonApi() {
  try {
    return path.dirname(require.resolve('node-addon-api/package.json'));
  } catch {
    return undefined;
  }
}

/** First line of what `compiler` says of itself, or `undefined` if it does not run. */
function versionOf(compiler) {
  const { status, stdout } = spawnSync(compiler[0], [...compiler.slice(1), '--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n', 1)[0] : undefined;
}

/** Everything that a build needs, found before anything is compiled. Throws BuildError with all that is missing. */
function findTools() {
  const compiler = process.env.CXX ? words(process.env.CXX) : ['g++'];
  const argument = process.argv.slice(2).find((value) => value.startsWith('--nodedir='));
  const { SAFE_PMEM_NODEDIR, npm_config_nodedir } = process.env;
  const headers = findNodeHeaders(argument?.slice('--nodedir='.length) || SAFE_PMEM_NODEDIR || npm_config_nodedir || undefined);
  const version = versionOf(compiler);
  const addonApi = findAddonApi();
  const packages = [addonApi === undefined && 'node-addon-api@8', headers === undefined && 'node-api-headers@1'].filter(Boolean);
  const missing = [];
  if (version === undefined) {
    missing.push(
      `a C++17 compiler: '${compiler.join(' ')}' does not run. Install one (Debian: apt-get install g++; ` +
        'Alpine: apk add g++ linux-headers), or name yours with CXX=...',
    );
  }
  if (packages.length > 0) {
    missing.push(`the packages ${packages.join(' and ')}. In your project, run\n    npm install --no-save ${packages.join(' ')}`);
  }
  if (missing.length > 0) {
    throw new BuildError(
      `building @safe-pmem/native from source needs\n${missing.map((text) => `- ${text}`).join('\n')}\nThen run again: ${COMMAND}`,
    );
  }
  return { compiler, version, includes: [headers, addonApi] };
}

async function build() {
  if (process.platform !== 'linux') {
    const reason = `@safe-pmem/native supports Linux, and this is ${process.platform}`;
    if (!process.argv.includes('--if-supported')) throw new BuildError(reason);
    console.log(`${reason}: no addon is built. Everything but nativeDriver() works.`);
    return;
  }
  const binary = localBinary(packageFolder);
  const testing = localBinary(packageFolder, undefined, TESTING_ADDON);
  const injector = path.join(packageFolder, 'build', 'Release', 'fault_injector.node');
  mkdirSync(path.dirname(binary), { recursive: true });
  for (const file of [binary, testing, injector]) rmSync(file, { force: true });
  const { compiler, version, includes } = findTools();
  const { SAFE_PMEM_SANITIZE: sanitize, CPPFLAGS, CXXFLAGS, LDFLAGS } = process.env;
  const sanitizer = sanitize ? [`-fsanitize=${sanitize}`, '-fno-omit-frame-pointer', '-g', '-O1'] : [];
  const shared = {
    root: packageFolder,
    compiler,
    identity: version,
    includes,
    // The switches are kept in the binary, so that a test can tell how the very binary it runs was compiled.
    flags: ['-frecord-gcc-switches', ...sanitizer, ...words(CPPFLAGS), ...words(CXXFLAGS)],
    linkFlags: words(LDFLAGS),
  };
  const make = async (sources, objects, target) => {
    const output = path.join(packageFolder, 'build', 'objects', objects, 'linked.node');
    await compileAddon({ ...shared, sources, objects: path.dirname(output), output });
    mkdirSync(path.dirname(target), { recursive: true });
    // By rename: overwriting a binary that some process has mapped would change the code under its feet.
    renameSync(output, target);
  };
  await make(addonSources(packageFolder), 'addon', binary);
  await make(sourcesIn(packageFolder, TESTING_SOURCES), 'testing', testing);
  // The published package has no test sources.
  if (existsSync(path.join(packageFolder, 'cpp', 'fault_injector'))) {
    await make([...sourcesIn(packageFolder, ['cpp/fault_injector']), 'cpp/testing/poison.cc'], 'injector', injector);
  }
  console.log(binary);
}

try {
  await build();
} catch (error) {
  console.error(error instanceof BuildError || error instanceof CompilerFailed ? error.message : error);
  process.exitCode = 1;
}
