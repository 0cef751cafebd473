/** One job: a node program that runs as nobody and writes its results to a descriptor of their own. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { LineSplitter } from '../line-splitter.js';
import type { GuestMessage, JobContext } from '../protocol.js';
import { guestPaths, nobody, resultDescriptor } from '../protocol.js';

/** Resolves when the program has ended and everything it wrote has been passed on. */
export function runJob(
  program: string,
  nodeArguments: readonly string[],
  context: JobContext,
  send: (message: GuestMessage) => void,
): Promise<void> {
  const child = spawn(process.execPath, [...nodeArguments, program, JSON.stringify(context)], {
    uid: nobody,
    gid: nobody,
    cwd: guestPaths.tree,
    env: { PATH: process.env.PATH ?? '', HOME: '/tmp', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const results = new LineSplitter((line) => {
    send({ type: 'result', value: JSON.parse(line) as unknown });
  });
  follow(child.stdio[resultDescriptor] as Readable, results);
  for (const stream of ['stdout', 'stderr'] as const) {
    follow(child[stream], new LineSplitter((line) => {
      send({ type: 'text', stream, line });
    }));
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      send({ type: 'finished', exitCode, signal });
      resolve();
    });
  });
}

function follow(stream: Readable | null, lines: LineSplitter): void {
  stream?.on('data', (chunk: Buffer) => {
    lines.push(chunk);
  });
  stream?.on('end', () => {
    lines.end();
  });
}
