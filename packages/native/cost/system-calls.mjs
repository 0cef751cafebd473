// System calls of an operation, counted by strace while calls.mjs does a thousand of each kind on a file in `directory`.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

/** Calls of the engine itself (futex, brk, madvise of its own heap) come and go; these are the ones that could be ours. */
const OURS = /^(?:msync|fsync|fdatasync|pread64|pwrite64|read|write|mmap|munmap|mremap|mincore|userfaultfd|fallocate|fcntl|ioctl|statx|fstat|rt_sig\w*)\(/;

/** Calls of one operation by its name. `run(command, args)` runs strace and throws if it fails; `log` is a file for it. */
export function systemCallsOf(directory, log, run) {
  // Of the thread that does the work: what the pool's and the engine's threads do beside has nothing to do with it.
  run('strace', ['-o', log, process.execPath, path.join(import.meta.dirname, 'calls.mjs'), directory]);
  const counts = {};
  let name;
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const mark = /cost-marker\/(\w+)/.exec(line)?.[1];
    if (mark !== undefined) {
      name = mark === 'end' ? undefined : mark;
      if (name !== undefined) counts[name] = 0;
    } else if (name !== undefined && OURS.test(line)) {
      counts[name]++;
    }
  }
  return Object.fromEntries(Object.entries(counts).map(([operation, calls]) => [operation, Math.round(calls / 100) / 10]));
}

/** Of whole operations, which may use the pool's threads: everything that touches a file. */
const FILE_CALLS =
  'msync fsync fdatasync sync_file_range pread64 pwrite64 fallocate ftruncate openat renameat renameat2 unlinkat ' +
  'fsetxattr fgetxattr fremovexattr fchown fchmod ioctl fcntl statx';
const OF_FILES = new RegExp(String.raw`^\d+ +(?:${FILE_CALLS.replaceAll(' ', '|')})\(`);

/** [operation, what it is counted for, how often it is done, by how much the count is divided] */
const WHOLE = [
  ['logCommit', 'logCommit', 100, 100],
  ['repairOne', 'repairOfOnePage', 1, 1],
  ['repairScattered', 'repairOfEachScatteredPage', 500, 500],
  ['repairAdjoining', 'repairOfEachAdjoiningPage', 500, 500],
];

/** What is done once is counted so often, and the least counts: the engine opens a file of its own now and then. */
const TRIALS_OF_ONE = 3;

/** System calls on files of a commit of the log, and of a repair: of all threads, between the marks. */
export function systemCallsOfWhole(directory, log, run) {
  const countOnce = ([operation, , count, divisor]) => {
    const program = path.join(import.meta.dirname, 'whole-operations.mjs');
    run('strace', ['-f', '-o', log, process.execPath, program, directory, operation, String(count)]);
    const lines = readFileSync(log, 'utf8').split('\n');
    const start = lines.findIndex((line) => line.includes(`cost-marker/${operation}`));
    const end = lines.findIndex((line) => line.includes('cost-marker/end'));
    if (start < 0 || end < start) throw new Error(`strace saw no marks of ${operation}`);
    const within = lines.slice(start, end);
    // Asking for the times as well makes the next flush dearer than the call itself: see docs/internals/performance.md.
    const dear = within.find((line) => /^\d+ +fstat\(/.test(line));
    if (dear !== undefined) throw new Error(`${operation} asks a file for its times: ${dear}`);
    const calls = within.filter((line) => OF_FILES.test(line)).length;
    return Math.round((calls / divisor) * 100) / 100;
  };
  return Object.fromEntries(WHOLE.map((whole) => {
    const [, name, count] = whole;
    const trials = Array.from({ length: count === 1 ? TRIALS_OF_ONE : 1 }, () => countOnce(whole));
    return [name, Math.min(...trials)];
  }));
}

/** The engine's own threads wake up now and then: the least of at most so many trials is what a watch costs. */
const IDLE_TRIALS_MAX = 5;
const IDLE_MS = 2000;

/**
 * Every system call of every thread within two seconds in which nothing happens, beside the wait itself: of a process
 * that has files open, and of one that watches them `watches` times. `devices` as idle-watch.mjs has it.
 */
export function systemCallsWhileIdle(directory, log, run, { watches = 200, devices = [] } = {}) {
  const program = path.join(import.meta.dirname, 'idle-watch.mjs');
  const callsOf = (count) => {
    run('strace', ['-f', '-o', log, process.execPath, program, directory, String(count), String(IDLE_MS), ...devices]);
    const lines = readFileSync(log, 'utf8').split('\n');
    const start = lines.findIndex((line) => line.includes('cost-marker/idle'));
    const end = lines.findIndex((line) => line.includes('cost-marker/end'));
    if (start < 0 || end < start) throw new Error('strace saw no marks of the wait');
    return lines.slice(start + 1, end).length;
  };
  const idle = Math.max(callsOf(0), callsOf(0));
  let idleWatched = Infinity;
  for (let trial = 0; trial < IDLE_TRIALS_MAX && idleWatched > idle; trial++) {
    idleWatched = Math.min(idleWatched, callsOf(watches));
  }
  return { idle, idleWatched };
}
