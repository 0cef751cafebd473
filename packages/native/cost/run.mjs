// npm run test:cost [-- --update]: the cost of the hot path in what is not noise. Instructions of the C++ core by callgrind, system
// calls of the operations by strace; both against cost/expected.json. Needs valgrind and strace (apt-get install valgrind strace).
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { systemCalls } from './system-calls.mjs';

const here = import.meta.dirname;
const packageFolder = path.join(here, '..');
const build = path.join(packageFolder, 'build', 'cost');
const expectedFile = path.join(here, 'expected.json');
/** Another release of the compiler moves a few instructions; a lost inlining or a new branch moves more. */
const TOLERANCE = 0.05;
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
  return Object.fromEntries(['read64', 'write4096', 'durable64', 'durable4096', 'find'].map((name) => [
    name, Math.round((total(name, 2 * COUNT) - total(name, COUNT)) / COUNT),
  ]));
}

rmSync(build, { recursive: true, force: true });
mkdirSync(build, { recursive: true });
const found = { instructions: instructions(), systemCalls: systemCalls(build, path.join(build, 'strace')) };
if (process.argv.includes('--update')) writeFileSync(expectedFile, `${JSON.stringify(found, undefined, 2)}\n`);
const expected = JSON.parse(readFileSync(expectedFile, 'utf8'));
let worse = 0;
for (const kind of ['instructions', 'systemCalls']) {
  for (const [name, was] of Object.entries(expected[kind])) {
    const is = found[kind][name];
    const limit = kind === 'instructions' ? was * (1 + TOLERANCE) : was;
    const verdict = is === undefined || Number.isNaN(is) || is > limit ? 'MORE' : 'ok';
    if (verdict !== 'ok') worse++;
    console.log(`${verdict.padEnd(5)} ${kind === 'instructions' ? 'instructions' : 'system calls'} of ${name.padEnd(16)} ${String(is).padStart(6)} (expected ${was})`);
  }
}
if (worse > 0) console.error(`${worse} operations cost more than cost/expected.json says; if that is meant: npm run test:cost -- --update`);
process.exitCode = worse > 0 ? 1 : 0;
