/** One job: a node program that runs as nobody and writes its results to a descriptor of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { LineSplitter } from '../line-splitter.js';
import type { GuestMessage, JobContext } from '../protocol.js';
import { guestPaths, nobody, resultDescriptor } from '../protocol.js';

export class JobProcess {
  readonly #child: ChildProcess;

  /** What the program writes, and in the end how it ended, is passed on to `send`. */
  constructor(
    program: string, nodeArguments: readonly string[], context: JobContext, send: (message: GuestMessage) => void,
    asRoot = false,
  ) {
    this.#child = spawn(process.execPath, [...nodeArguments, program, JSON.stringify(context)], {
      ...(asRoot ? {} : { uid: nobody, gid: nobody }),
      cwd: guestPaths.tree,
      env: { PATH: process.env.PATH ?? '', HOME: '/tmp', LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    const results = new LineSplitter((line) => {
      send({ type: 'result', value: JSON.parse(line) as unknown });
    });
    follow(this.#child.stdio[resultDescriptor] as Readable, results);
    for (const stream of ['stdout', 'stderr'] as const) {
      follow(this.#child[stream], new LineSplitter((line) => {
        send({ type: 'text', stream, line });
      }));
    }
    this.#child.stdin?.on('error', () => undefined);
    this.#child.on('error', (cause) => {
      send({ type: 'failed', error: `${program} does not start: ${cause.message}` });
    });
    this.#child.on('close', (exitCode, signal) => {
      send({ type: 'finished', exitCode, signal });
    });
  }

  ask(question: unknown): void {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
  }

  noMoreQuestions(): void {
    this.#child.stdin?.end();
  }
}

function follow(stream: Readable | null, lines: LineSplitter): void {
  stream?.on('data', (chunk: Buffer) => {
    lines.push(chunk);
  });
  stream?.on('end', () => {
    lines.end();
  });
}
