// Compiles C++ sources into one addon, with whatever compiler it is given: g++, clang++ or a cross compiler.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';

/** The folders of the addon that applications test with. */
export const TESTING_SOURCES = ['cpp/testing'];

export const COMPILE_FLAGS = [
  '-std=c++17', '-O2', '-fPIC', '-pthread', '-fvisibility=hidden', '-fvisibility-inlines-hidden', '-fno-exceptions',
  '-fno-rtti', '-ffunction-sections', '-fdata-sections', '-Wall', '-Wextra',
  '-DNDEBUG', '-DNAPI_VERSION=9', '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', '-DNODE_ADDON_API_DISABLE_DEPRECATED',
  '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
];

// now: a missing symbol fails at load, not in the middle of a call.
// nodelete: Node unloads an addon with the last worker that used it; the signal handler has to stay.
export const LINK_FLAGS = ['-shared', '-pthread', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,nodelete', '-Wl,--gc-sections'];

/** All that Node looks for in an addon; everything else would meet the symbols of other libraries in the process. */
export const EXPORTED = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/** The `.cc` files of `folders`, relative to `root`. */
export function sourcesIn(root, folders) {
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder))
      .filter((name) => name.endsWith('.cc'))
      .sort()
      .map((name) => path.join(folder, name)),
  );
}

/**
 * Writes a source of the name `name` that includes all `sources` (relative to `root`), and returns its path. Compiled
 * in one go, they read their common headers once, which is most of what each takes.
 */
export function oneUnit(root, name, sources) {
  const unit = path.join('build', 'units', `${name}.cc`);
  const file = path.join(root, unit);
  const text = sources.map((source) => `#include "${path.relative(path.dirname(unit), source)}"\n`).join('');
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return unit;
}

/** Sources of the addon: all that speaks to Node in one unit, and each file that touches mapped memory alone. */
export function addonSources(root) {
  return [oneUnit(root, 'napi', sourcesIn(root, ['cpp/napi'])), ...sourcesIn(root, ['cpp/pmem'])];
}

export class CompilerFailed extends Error {}

function run(command, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', (cause) => {
      reject(new CompilerFailed(`${command[0]} could not be started: ${cause.message}`, { cause }));
    });
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new CompilerFailed(`${command[0]} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

/** Whether `object` is newer than all that went into it, as the compiler wrote down in `dependencies`. */
function isFresh(root, object, dependencies) {
  if (!existsSync(object) || !existsSync(dependencies)) return false;
  const made = statSync(object).mtimeMs;
  const names = readFileSync(dependencies, 'utf8').replace(/^[^:]*:/, '').split(/\\?\s+(?=\S)/);
  // A path with a space is written "a\ b", is not found in halves, and is compiled again.
  return names.every((name) => {
    const stat = statSync(path.resolve(root, name.trim()), { throwIfNoEntry: false });
    return name.trim() === '' || (stat !== undefined && stat.mtimeMs < made);
  });
}

/** Objects made by another command are of no use. */
function prepareFolder(folder, command) {
  const record = path.join(folder, 'command.json');
  const text = JSON.stringify(command);
  if (existsSync(record) && readFileSync(record, 'utf8') === text) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(record, text);
}

/**
 * Compiles `sources` (relative to `root`) with `compiler` (a command and its first arguments) into the folder `objects`, and
 * resolves with the objects' paths. An object is used again while nothing it depends on has changed. `identity` says which
 * compiler it is, if its name does not. Rejects with CompilerFailed.
 */
export async function compile({ root, compiler, identity, sources, includes, flags = [], objects }) {
  const command = [...compiler, ...COMPILE_FLAGS, ...includes.map((folder) => `-isystem${folder}`), ...flags];
  prepareFolder(objects, [identity, command]);
  const jobs = sources.map((source) => {
    const object = path.join(objects, `${source.replaceAll(path.sep, '-')}.o`);
    return { source, object, dependencies: `${object}.d` };
  });
  const stale = jobs.filter(({ object, dependencies }) => !isFresh(root, object, dependencies));
  const worker = async () => {
    for (let job = stale.shift(); job !== undefined; job = stale.shift()) {
      rmSync(job.object, { force: true });
      await run([...command, '-MMD', '-MF', job.dependencies, '-c', job.source, '-o', job.object], root);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: availableParallelism() }, worker));
  const failed = workers.find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return jobs.map(({ object }) => object);
}

/** Compiles (see above) and links an addon to `output`, which is not written if anything fails. */
export async function compileAddon({ linkFlags = [], output, ...build }) {
  const { root, compiler, flags = [], objects } = build;
  const compiled = await compile(build);
  const exportsFile = path.join(objects, 'exports.map');
  writeFileSync(exportsFile, `{ global: ${EXPORTED.map((name) => `${name};`).join(' ')} local: *; };\n`);
  mkdirSync(path.dirname(output), { recursive: true });
  const link = [...LINK_FLAGS, `-Wl,--version-script=${exportsFile}`, ...linkFlags];
  await run([...compiler, ...flags, ...link, ...compiled, '-o', output], root);
}

/** Compiles and links a program. */
export async function compileProgram({ linkFlags = [], output, ...build }) {
  const compiled = await compile(build);
  mkdirSync(path.dirname(output), { recursive: true });
  await run([...build.compiler, ...(build.flags ?? []), '-pthread', ...linkFlags, ...compiled, '-o', output], build.root);
}
