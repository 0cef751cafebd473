// A copy of this package, built under sanitizers, in a place of its own: `.cache/hardening/<name>` of the repository.
// The loader looks in one place only, beside the sources it was loaded from, so that no build made here can ever be what
// somebody else runs. In the copy `@safe-pmem/native` means the copy, because a package's own name refers to itself;
// everything else (core, the tools) is the repository's.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = path.resolve(fileURLToPath(import.meta.url), '..', '..');
const root = path.resolve(packageFolder, '..', '..');
const require = createRequire(import.meta.url);

/** Something that this machine lacks. The message says what to install. */
export class MissingPrerequisite extends Error {}

/** The shared library of a sanitizer that belongs to the compiler. */
export function sanitizerLibrary(name) {
  const compiler = process.env.CXX ?? 'g++';
  const { status, stdout, error } = spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' });
  if (status !== 0)
    throw new MissingPrerequisite(`${compiler} does not run (${error?.message ?? status}): install g++`);
  const found = stdout.trim();
  if (!path.isAbsolute(found))
    throw new MissingPrerequisite(`${compiler} has no ${name}: install GCC with its sanitizers`);
  return realpathSync(found);
}

/**
 * What the sanitizers are told.
 *
 * `handle_sigbus=0`: SIGBUS is what is under test, so the sanitizers must not install a handler of their own where the
 * tests expect the default action (theirs would turn the death into an exit code). The guard's own handler is installed
 * as in production: ASan lets everybody have SIGBUS who asks for it (allow_user_segv_handler=1 is its default).
 *
 * Reports go to files, because some tests expect their child to die and never look at what it said. Errors abort; leaks
 * do not change the exit code (`exitcode=0`), since V8 and every shell leak on purpose: see `leaksOf`.
 */
function sanitizerEnvironment(sanitize, { reports, leaks }) {
  if (sanitize === 'thread') {
    // Node is not compiled for TSan, and without the first switch every lock inside V8 would be a report.
    const options = `log_path=${path.join(reports, 'report')}:ignore_noninstrumented_modules=1:handle_sigbus=0:halt_on_error=1`;
    return { LD_PRELOAD: sanitizerLibrary('libtsan.so'), TSAN_OPTIONS: options };
  }
  // The module at the end of each frame is what a leak is attributed by.
  const shared = `log_path=${path.join(reports, 'report')}:handle_sigbus=0:abort_on_error=1:stack_trace_format="    #%n %p %F %L [%m]"`;
  return {
    LD_PRELOAD: sanitizerLibrary('libasan.so'),
    ASAN_OPTIONS: `${shared}:exitcode=0:detect_leaks=${leaks ? 1 : 0}:strict_string_checks=1:detect_stack_use_after_return=1`,
    UBSAN_OPTIONS: `${shared}:halt_on_error=1:print_stacktrace=1`,
  };
}

/** Frames of the sanitizer and of the C++ library, which allocate on behalf of whoever called them. */
const ON_BEHALF = /libasan|libsanitizer|libstdc\+\+|interceptor|operator new/;

/** The allocations of a leak report that the code of `binary` has made itself. */
export function leaksOf(binary, report) {
  const leaks = report.split(/^(?=(?:Direct|Indirect) leak of )/m).slice(1);
  return leaks.filter((leak) => {
    const frames = leak.split('\n').filter((line) => /^ +#\d+ /.test(line));
    return frames.find((frame) => !ON_BEHALF.test(frame))?.includes(binary) ?? false;
  });
}

/** What sanitizers have reported into `folder`: errors whole, and of the leaks those of `binary`. */
export function findingsIn(folder, binary) {
  const reports = readdirSync(folder)
    .sort()
    .map((name) => readFileSync(path.join(folder, name), 'utf8'));
  const isLeaks = (report) => report.includes('ERROR: LeakSanitizer: detected memory leaks');
  const foreign = reports.filter((report) => isLeaks(report) && leaksOf(binary, report).length === 0);
  return { findings: reports.filter((report) => !foreign.includes(report)), foreignLeakReports: foreign.length };
}

/** Quiet unless it fails. */
function run(what, command, args, cwd, env = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  if (status !== 0)
    throw new Error(`${what} failed: ${error?.message ?? signal ?? `exit code ${status}`}\n${stdout}${stderr}`);
}

/** The copy's own folder for scratch files is `build`, which the tests make themselves. */
function copySources(copy) {
  const left = new Set(['build', 'binary', 'dist', 'node_modules', 'coverage']);
  for (const name of readdirSync(packageFolder)) {
    if (!left.has(name)) cpSync(path.join(packageFolder, name), path.join(copy, name), { recursive: true });
  }
}

/** The repository's packages, but its own: of those the copy has what it needs. */
function linkModules(folder) {
  const modules = path.join(folder, 'node_modules');
  mkdirSync(path.join(modules, '@safe-pmem'), { recursive: true });
  for (const name of readdirSync(path.join(root, 'node_modules'))) {
    if (name !== '@safe-pmem') symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
  }
  symlinkSync(path.join(folder, 'packages', 'core'), path.join(modules, '@safe-pmem', 'core'));
}

/** A command that is node under the sanitizers: for tests that start node without handing their environment down. */
function writeNodeCommand(file, copy, environment) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}`);
  const before = quoted(path.join(copy, 'hardening', 'instrumented-child.cjs'));
  writeFileSync(file, `#!/bin/sh\n${assignments.join(' ')} exec ${quoted(process.execPath)} -r ${before} "$@"\n`, {
    mode: 0o755,
  });
}

/**
 * Copies and returns where it is: `packageFolder`, `node` (a command), `reports` (a folder, empty), `environment` (for a
 * process that is to be like `node`). With `addon`, compiles it under `sanitize` ('address,undefined' or 'thread'), and the
 * TypeScript as always.
 */
export function makeInstrumentedStage(name, { sanitize, leaks = false, addon = true }) {
  if (process.platform !== 'linux') throw new MissingPrerequisite('the addon is built on Linux only');
  if (!existsSync(path.join(root, 'packages', 'core', 'dist', 'index.js'))) {
    throw new MissingPrerequisite('packages/core is not built: run npm run build');
  }
  for (const library of ['libasan.so', 'libubsan.so', 'libtsan.so']) sanitizerLibrary(library);
  const folder = path.join(root, '.cache', 'hardening', name);
  rmSync(folder, { recursive: true, force: true });
  const copy = path.join(folder, 'packages', 'native');
  const reports = path.join(folder, 'reports');
  mkdirSync(copy, { recursive: true });
  mkdirSync(reports);
  copySources(copy);
  for (const part of ['package.json', 'dist']) {
    cpSync(path.join(root, 'packages', 'core', part), path.join(folder, 'packages', 'core', part), { recursive: true });
  }
  linkModules(folder);
  for (const file of ['package.json', 'tsconfig.base.json', 'tsup.base.ts', 'vitest.base.ts', 'vitest.setup.ts'])
    cpSync(path.join(root, file), path.join(folder, file));
  if (addon) {
    const tsup = path.join(path.dirname(require.resolve('tsup/package.json')), 'dist', 'cli-default.js');
    run('tsup', process.execPath, [tsup, '--silent'], copy);
    run('the build of the addon', process.execPath, [path.join(copy, 'scripts', 'build-addon.mjs')], copy, {
      SAFE_PMEM_SANITIZE: sanitize,
    });
  }
  const node = path.join(folder, 'node');
  const environment = { ...sanitizerEnvironment(sanitize, { reports, leaks }), SAFE_PMEM_INSTRUMENTED_NODE: node };
  writeNodeCommand(node, copy, environment);
  return { folder, packageFolder: copy, node, reports, environment };
}
