// npm run fuzz:native [-- --seconds 60] [--seed N] [--case K] [--sanitized | --sanitizer thread]
//
// Calls the driver, the addon below it and PmemFile above it with everything that a program can get wrong, in processes
// whose death is the finding. A seed repeats what was done; what the threads made of it, nobody can repeat. See
// docs/internals/native-hardening.md.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { binaryPath } from '../scripts/target.mjs';
import { checkAddonControls } from './controls.mjs';
import { findingsIn, makeInstrumentedStage, MissingPrerequisite } from './instrumented-stage.mjs';

const TMPFS = 0x01021994;
const LANES = 2;
/** A new process now and then: the caches of an old one hide what a new one does. */
const CASES_PER_PROCESS = 12;
/** Between two lines of a process. A case takes about a second, also under a sanitizer on a busy machine. */
const HANGS_AFTER_MS = 120_000;
const LAST_LINES = 40;

const { values: asked } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    case: { type: 'string' },
    // Short for --sanitizer address.
    sanitized: { type: 'boolean', default: false },
    sanitizer: { type: 'string' },
  },
});
const builds = { address: 'address,undefined', thread: 'thread' };
const sanitizer = asked.sanitizer ?? (asked.sanitized ? 'address' : undefined);
const packageFolder = path.resolve(import.meta.dirname, '..');
const seed = Number(asked.seed ?? process.env.SAFE_PMEM_SEED ?? Math.floor(Math.random() * 2 ** 32));
/** Processes under way, and folders, of which an interrupted run leaves nothing either. */
const children = new Set();
const temporary = [];
const counts = { files: 0, threads: 0, pmemFiles: 0 };
let poisonedPages = 0;

function prepare() {
  if (!existsSync('/dev/shm') || statfsSync('/dev/shm').type !== TMPFS)
    throw new MissingPrerequisite('there is no tmpfs at /dev/shm');
  if (sanitizer !== undefined) {
    if (builds[sanitizer] === undefined)
      throw new MissingPrerequisite(`--sanitizer is one of ${Object.keys(builds).join(', ')}`);
    const stage = makeInstrumentedStage(`fuzz-${sanitizer}`, { sanitize: builds[sanitizer] });
    checkAddonControls(builds[sanitizer], stage);
    return { ...stage, command: stage.node };
  }
  for (const built of [
    '../core/dist/index.js',
    'dist/index.js',
    'build/Release/fault_injector.node',
    path.relative(packageFolder, binaryPath(packageFolder)),
  ]) {
    if (!existsSync(path.join(packageFolder, built)))
      throw new MissingPrerequisite(`packages/native/${built} is missing: run npm run build`);
  }
  return { packageFolder, command: process.execPath };
}

/** Runs `count` cases from `first` on. Resolves with a description of what went wrong, or undefined. */
function runProcess(target, { first, count, bases, folder }) {
  const logFile = path.join(folder, `log-${first}`);
  const request = JSON.stringify({ seed, first, count, bases, logFile });
  // 4 threads of the pool, as always; a semi-space of 1 MiB makes the collector work.
  const child = spawn(
    target.command,
    [
      '--expose-gc', '--max-semi-space-size=1',
      path.join(target.packageFolder, 'hardening', 'fuzz', 'child.mjs'), request,
    ],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    },
  );
  children.add(child);
  return new Promise((resolve) => {
    let current = first;
    let hung = false;
    let stderr = '';
    let watchdog = setTimeout(() => undefined, 0);
    const watch = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => {
        hung = true;
        child.kill('SIGKILL');
      }, HANGS_AFTER_MS);
    };
    watch();
    createInterface({ input: child.stdout }).on('line', (line) => {
      watch();
      const said = JSON.parse(line);
      current = said.begins ?? current;
      if (said.scene !== undefined) counts[said.scene]++;
      if (said.done === first + count - 1) poisonedPages += said.poisonedPages;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('close', (code, signal) => {
      clearTimeout(watchdog);
      children.delete(child);
      if (code === 0 && stderr === '') resolve(undefined);
      else resolve(describe({ current, code, signal, hung, stderr, logFile }));
    });
  });
}

function describe({ current, code, signal, hung, stderr, logFile }) {
  const log = existsSync(logFile)
    ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join('\n')
    : 'nothing';
  const how = hung
    ? `hung for ${HANGS_AFTER_MS / 1000} s`
    : signal === null
      ? `ended with exit code ${code}`
      : `was killed by ${signal}`;
  const again = `npm run fuzz:native -- --seed ${seed} --case ${current}${sanitizer === undefined ? '' : ` --sanitizer ${sanitizer}`}`;
  return `case ${current} of seed ${seed} ${how}\nlast of what it did:\n${log}\nstderr:\n${stderr}\nto do the same again: ${again}`;
}

async function fuzz(target, folders) {
  const begun = performance.now();
  const failures = [];
  let next = Number(asked.case ?? 0);
  const over = () => failures.length > 0 || performance.now() - begun >= Number(asked.seconds) * 1000;
  const lane = async () => {
    do {
      const first = next;
      next += CASES_PER_PROCESS;
      const failure = await runProcess(target, {
        first,
        count: asked.case === undefined ? CASES_PER_PROCESS : 1,
        ...folders,
      });
      if (failure !== undefined) failures.push(failure);
    } while (!over() && asked.case === undefined);
  };
  await Promise.all(Array.from({ length: asked.case === undefined ? LANES : 1 }, lane));
  return failures;
}

function newFolder(parent) {
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(path.join(parent, 'safe-pmem-fuzz-'));
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
});
const failures = [];
const begun = performance.now();
try {
  const target = prepare();
  console.log(`seed ${seed}${sanitizer === undefined ? '' : `, sanitizer ${builds[sanitizer]}`}, ${asked.seconds} s`);
  temporary.push(newFolder('/dev/shm'), newFolder(path.join(packageFolder, 'build')));
  failures.push(...(await fuzz(target, { bases: temporary, folder: temporary[1] })));
  if (target.reports !== undefined) failures.push(...findingsIn(target.reports, 'safe-pmem.node').findings);
  if (failures.length === 0 && counts.pmemFiles >= 20 && poisonedPages === 0) {
    throw new MissingPrerequisite('no page could be poisoned: UFFDIO_POISON needs Linux 6.6 and userfaultfd(2)');
  }
} catch (error) {
  failures.push(error instanceof MissingPrerequisite ? `cannot run here: ${error.message}` : error.stack);
}
const seconds = Math.round((performance.now() - begun) / 1000);
const cases = Object.values(counts).reduce((sum, count) => sum + count, 0);
console.log(
  `${cases} cases in ${seconds} s (${JSON.stringify(counts)}, ${poisonedPages} pages poisoned), ${failures.length} findings`,
);
for (const failure of failures) console.error(`\n${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;
