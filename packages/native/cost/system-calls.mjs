// node system-calls.mjs DIRECTORY LOG: counts the system calls of operations on a file in DIRECTORY, by strace, and prints how many
// each operation makes on average, as JSON. LOG is where strace writes what it saw.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

/** Calls of the engine itself (futex, madvise of its own heap) come and go; these are the ones that could be ours. */
const OURS = /^(?:msync|fsync|fdatasync|pread64|pwrite64|write|mmap|munmap|mremap|madvise|fallocate|fcntl|ioctl|rt_sig\w*)\(/;

export function systemCalls(directory, log) {
  // Of the thread that does the work: what the pool's and the engine's threads do beside has nothing to do with it.
  const done = spawnSync('strace', ['-o', log, process.execPath, path.join(import.meta.dirname, 'calls.mjs'), directory], { encoding: 'utf8' });
  if (done.error?.code === 'ENOENT') {
    console.error('counting system calls needs strace: apt-get install strace');
    process.exit(2);
  }
  if (done.status !== 0) throw new Error(`strace ended with ${done.signal ?? done.status}\n${done.stderr}`);
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

if (process.argv[1] === import.meta.filename) console.log(JSON.stringify(systemCalls(process.argv[2], process.argv[3])));
