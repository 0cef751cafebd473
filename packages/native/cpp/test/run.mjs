// Builds and runs the C++ tests of cpp/pmem with plain g++ (or $CXX), without Node: once with the optimisation of the
// published addon, and once with the compiler's highest. SANITIZE=address|undefined|thread adds a sanitizer.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = path.resolve(fileURLToPath(import.meta.url), '..', '..', '..');
const compiler = process.env.CXX ?? 'g++';
const sanitize = process.env.SANITIZE === undefined ? [] : [`-fsanitize=${process.env.SANITIZE}`, '-g'];
const flags = ['-std=c++17', '-fPIC', '-fvisibility=hidden', '-fno-exceptions', '-fno-rtti', '-pthread'];
const warnings = ['-Wall', '-Wextra', '-Wshadow', '-Werror'];

const sourcesOf = (folder) =>
  readdirSync(path.join(packageFolder, folder))
    .filter((name) => name.endsWith('.cc'))
    .map((name) => path.join(folder, name));

// A sanitizer's own SIGBUS handler would stand where the tests expect the default action.
const env = {
  ...process.env,
  ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:handle_sigbus=0`,
  TSAN_OPTIONS: `${process.env.TSAN_OPTIONS ?? ''}:handle_sigbus=0:halt_on_error=1`,
  UBSAN_OPTIONS: `${process.env.UBSAN_OPTIONS ?? ''}:handle_sigbus=0:halt_on_error=1:print_stacktrace=1`,
};

function run(command, options, more = {}) {
  const { status, signal, error } = spawnSync(command, options, { cwd: packageFolder, stdio: 'inherit', env: { ...env, ...more } });
  if (status === 0) return;
  console.error(`${command} failed: ${error?.message ?? signal ?? `exit code ${status}`}`);
  process.exit(1);
}

for (const optimisation of ['-O2', '-O3']) {
  const folder = path.join('build', `cpp-test${optimisation}${process.env.SANITIZE ?? ''}`);
  mkdirSync(path.join(packageFolder, folder), { recursive: true });
  const objects = [...sourcesOf('cpp/pmem'), ...sourcesOf('cpp/test')].map((source) => {
    const object = path.join(folder, `${source.replaceAll(path.sep, '-')}.o`);
    run(compiler, [...flags, ...warnings, ...sanitize, optimisation, '-c', source, '-o', object]);
    return object;
  });
  const program = path.join(folder, 'pmem-test');
  run(compiler, [...flags, ...sanitize, ...objects, '-o', program]);
  console.log(`cpp/pmem at ${optimisation}${sanitize.length > 0 ? ` with ${sanitize[0]}` : ''}`);
  run(path.join(packageFolder, program), []);
  if (process.env.SANITIZE !== 'thread') continue;
  // As within Node, where what is not instrumented is ignored: what a copy that faulted leaves ignored is reported then.
  run(path.join(packageFolder, program), [], { TSAN_OPTIONS: `${env.TSAN_OPTIONS}:ignore_noninstrumented_modules=1` });
}
