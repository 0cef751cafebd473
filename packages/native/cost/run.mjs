// npm run test:cost [-- --update]: the cost of the hot path, of a commit of the log and of a repair, in what is not noise:
// instructions by callgrind (of JavaScript, those of the interpreter) and system calls by strace, against
// cost/expected.json. Needs valgrind and strace (apt-get install valgrind strace), and the packages built.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import ts from 'typescript';
import { systemCallsOf, systemCallsOfWhole, systemCallsWhileIdle } from './system-calls.mjs';

const here = import.meta.dirname;
const packageFolder = path.join(here, '..');
const build = path.join(packageFolder, 'build', 'cost');
const expectedFile = path.join(here, 'expected.json');
/** Another release of the compiler moves a few instructions; a lost inlining or a new branch moves more. */
const TOLERANCE = 0.05;
/** Of JavaScript: each count is a small difference of two long runs. */
const TOLERANCE_OF_JAVASCRIPT = 0.3;
const COUNT = 20_000;
/** The C library picks its memcpy by the CPU; with these features out of sight it is the same one everywhere. */
const ONE_MEMCPY = 'glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load';

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (done.error?.code === 'ENOENT') {
    console.error(`test:cost needs ${command}: apt-get install ${command === 'g++' ? 'g++' : command}`);
    process.exit(2);
  }
  if (done.status !== 0) {
    console.error(`${command} ${args.join(' ')} ended with ${done.signal ?? done.status}\n${done.stderr}`);
    process.exit(1);
  }
  return done;
}

function instructions() {
  const core = path.join(packageFolder, 'cpp', 'pmem');
  const sources = readdirSync(core).filter((name) => name.endsWith('.cc')).map((name) => path.join(core, name));
  const program = path.join(build, 'copies');
  run('g++', ['-O2', '-std=c++17', '-fno-exceptions', '-fno-rtti', '-o', program, path.join(here, 'copies.cc'), ...sources, '-lpthread']);
  const total = (name, count) => {
    const args = ['--tool=callgrind', `--callgrind-out-file=${path.join(build, 'out')}`, program, name, String(count)];
    const { stderr } = run('valgrind', args, { env: { ...process.env, GLIBC_TUNABLES: ONE_MEMCPY } });
    return Number(/Collected : (\d+)/.exec(stderr)?.[1]);
  };
  // The difference of two runs leaves start and end of the process out.
  return Object.fromEntries(['read64', 'write4096', 'durable64', 'durable4096', 'find', 'viewAmongMany'].map((name) => [
    name, Math.round((total(name, 2 * COUNT) - total(name, COUNT)) / COUNT),
  ]));
}

/** The engine's interpreter alone: what is compiled, and when, differs from run to run. */
const INTERPRETED = ['--jitless', '--single-threaded', '--predictable-gc-schedule', '--no-lazy-feedback-allocation'];

function interpreted() {
  const program = path.join(here, 'whole-operations.mjs');
  const total = (operation, count) => {
    const callgrind = ['--tool=callgrind', `--callgrind-out-file=${path.join(build, 'out')}`];
    const { stderr } = run('valgrind', [...callgrind, process.execPath, ...INTERPRETED, program, build, operation, String(count)]);
    return Number(/Collected : (\d+)/.exec(stderr)?.[1]);
  };
  return Object.fromEntries([['logCommit', 50], ['repairScattered', 50]].map(([name, count]) => [
    name, Math.round((total(name, 3 * count) - total(name, count)) / (2 * count)),
  ]));
}

/** The package's own code for devices, and the sysfs of a machine with one, whose list is empty. */
function pretendedDevices() {
  const sources = path.join(packageFolder, 'src');
  for (const name of readdirSync(sources).filter((file) => file.endsWith('.ts'))) {
    const source = readFileSync(path.join(sources, name), 'utf8');
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    // The folder belongs to a package of modules.
    const { outputText } = ts.transpileModule(source, { compilerOptions });
    writeFileSync(path.join(build, name.replace(/ts$/, 'js')), outputText);
  }
  const disk = path.join(build, 'sys', 'devices', 'pmem0');
  mkdirSync(disk, { recursive: true });
  writeFileSync(path.join(disk, 'badblocks'), '');
  mkdirSync(path.join(build, 'sys', 'dev', 'block'), { recursive: true });
  symlinkSync('../../devices/pmem0', path.join(build, 'sys', 'dev', 'block', '259:0'));
  return path.join(build, 'devices.js');
}

/** A watch wakes nothing up: a process that watches makes no call that one without makes not. */
function idleCalls() {
  const { idle, idleWatched } = systemCallsWhileIdle(build, log, run, { devices: [pretendedDevices()] });
  console.log(`      system calls in two idle seconds: ${idle} without a watch, ${idleWatched} with 200`);
  return { addedByWatchingWhileIdle: Math.max(0, idleWatched - idle) };
}

rmSync(build, { recursive: true, force: true });
mkdirSync(build, { recursive: true });
const log = path.join(build, 'strace');
const found = {
  instructions: instructions(),
  systemCalls: {
    ...systemCallsOf(build, log, run),
    ...systemCallsOfWhole(build, log, run),
    ...idleCalls(),
  },
  interpreted: interpreted(),
};
if (process.argv.includes('--update')) writeFileSync(expectedFile, `${JSON.stringify(found, undefined, 2)}\n`);
const expected = JSON.parse(readFileSync(expectedFile, 'utf8'));
let worse = 0;
const kinds = {
  instructions: ['instructions', TOLERANCE],
  systemCalls: ['system calls', 0],
  interpreted: ['instructions, interpreted,', TOLERANCE_OF_JAVASCRIPT],
};
for (const [kind, [unit, tolerance]] of Object.entries(kinds)) {
  for (const [name, was] of Object.entries(expected[kind])) {
    const is = found[kind][name];
    const limit = was * (1 + tolerance);
    const verdict = is === undefined || Number.isNaN(is) || is > limit ? 'MORE' : 'ok';
    if (verdict !== 'ok') worse++;
    console.log(`${verdict.padEnd(5)} ${unit} of ${name.padEnd(26)} ${String(is).padStart(6)} (expected ${was})`);
  }
}
if (worse > 0) console.error(`${worse} operations cost more than cost/expected.json says; if that is meant: npm run test:cost -- --update`);
process.exitCode = worse > 0 ? 1 : 0;
