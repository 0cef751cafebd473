/** A job's way in and out: the context on its command line, results on a descriptor of their own. */
import { writeSync } from 'node:fs';
import type { JobContext } from '../protocol.js';
import { resultDescriptor } from '../protocol.js';

export function jobContext(): JobContext {
  const text = process.argv[2];
  if (text === undefined) throw new Error('a job is started by the agent, with its context as the only argument');
  return JSON.parse(text) as JobContext;
}

/** Sends one result to the host. */
export function report(value: unknown): void {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  for (let written = 0; written < bytes.length; ) written += writeSync(resultDescriptor, bytes, written);
}
