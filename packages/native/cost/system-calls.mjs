// System calls of an operation, counted by strace while calls.mjs does a thousand of each kind on a file in `directory`.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

/** Calls of the engine itself (futex, brk, madvise of its own heap) come and go; these are the ones that could be ours. */
const OURS = /^(?:msync|fsync|fdatasync|pread64|pwrite64|read|write|mmap|munmap|mremap|mincore|userfaultfd|fallocate|fcntl|ioctl|rt_sig\w*)\(/;

/** Calls of one operation by its name. `run(command, args)` runs strace and throws where it fails; `log` is a file for it. */
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
