// Builds and runs the C++ tests of cpp/pmem with plain g++ (or $CXX), without Node. SANITIZE=address|undefined|thread adds
// a sanitizer.
//
//   node cpp/test/run.mjs [-O2] [-O3]      without either: -O2, as the published addon, then -O3, the highest
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CompilerFailed, compileProgram, oneUnit, sourcesIn } from '../../scripts/compile.mjs';

const packageFolder = path.resolve(fileURLToPath(import.meta.url), '..', '..', '..');
const compiler = (process.env.CXX || 'g++').split(/\s+/).filter(Boolean);
const sanitize = process.env.SANITIZE === undefined ? [] : [`-fsanitize=${process.env.SANITIZE}`, '-g'];
const warnings = ['-Wshadow', '-Werror'];

// A sanitizer's own SIGBUS handler would stand where the tests expect the default action.
const env = {
  ...process.env,
  ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:handle_sigbus=0`,
  TSAN_OPTIONS: `${process.env.TSAN_OPTIONS ?? ''}:handle_sigbus=0:halt_on_error=1`,
  UBSAN_OPTIONS: `${process.env.UBSAN_OPTIONS ?? ''}:handle_sigbus=0:halt_on_error=1:print_stacktrace=1`,
};

function fail(what) {
  console.error(what);
  process.exit(1);
}

function run(program, more = {}) {
  const { status, signal, error } = spawnSync(program, [], {
    cwd: packageFolder, stdio: 'inherit', env: { ...env, ...more },
  });
  if (status !== 0) fail(`${program} failed: ${error?.message ?? signal ?? `exit code ${status}`}`);
}

async function build(optimisation) {
  const objects = path.join(packageFolder, 'build', `cpp-test${optimisation}${process.env.SANITIZE ?? ''}`);
  const output = path.join(objects, 'pmem-test');
  const { status, stdout } = spawnSync(compiler[0], [...compiler.slice(1), '--version'], { encoding: 'utf8' });
  if (status !== 0) fail(`a C++17 compiler: '${compiler.join(' ')}' does not run (Debian: apt-get install g++)`);
  await compileProgram({
    root: packageFolder, compiler, identity: stdout.split('\n', 1)[0], includes: [], objects, output,
    flags: [...warnings, ...sanitize, optimisation],
    sources: [
      oneUnit(packageFolder, 'cpp-test', sourcesIn(packageFolder, ['cpp/test'])),
      ...sourcesIn(packageFolder, ['cpp/pmem']),
    ],
  }).catch((error) => fail(error instanceof CompilerFailed ? error.message : error));
  return output;
}

const asked = process.argv.slice(2);
const unknown = asked.find((argument) => !/^-O[23]$/.test(argument));
if (unknown !== undefined) fail(`there is no option '${unknown}': node cpp/test/run.mjs [-O2] [-O3]`);

for (const optimisation of asked.length > 0 ? asked : ['-O2', '-O3']) {
  const program = await build(optimisation);
  console.log(`cpp/pmem at ${optimisation}${sanitize.length > 0 ? ` with ${sanitize[0]}` : ''}`);
  run(program);
  if (process.env.SANITIZE !== 'thread') continue;
  // As within Node, where what is not instrumented is ignored: what a copy that faulted leaves ignored is reported then.
  run(program, { TSAN_OPTIONS: `${env.TSAN_OPTIONS}:ignore_noninstrumented_modules=1` });
}
