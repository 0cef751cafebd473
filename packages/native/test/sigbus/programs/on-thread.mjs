// Runs a program on the main thread or on a worker: every thread that opens a file has a guard of its own.
import { once } from 'node:events';
import { isMainThread, Worker } from 'node:worker_threads';

/** `program` is the caller's import.meta.url; on a worker it is run a second time, as a whole. */
export async function onThread(thread, program, body) {
  if (thread === 'main' || !isMainThread) return body();
  const worker = new Worker(new URL(program), { argv: process.argv.slice(2) });
  // An error that the worker did not catch rejects here, and ends the process with exit code 1.
  const [code] = await once(worker, 'exit');
  if (code !== 0) throw new Error(`the worker ended with exit code ${code}`);
}
