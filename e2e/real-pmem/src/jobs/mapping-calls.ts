/** The calls of mapping-calls.py, which neither Node nor xfs_io can make. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { ByteRange } from '@safe-pmem/core';
import { LineSplitter } from '../line-splitter.js';
import type { CallOutcome } from '../scenarios/replay-machine.js';
import type { OwnCall } from '../scenarios/step.js';

/** Built programs lie in dist/jobs/, this one stays among the sources. */
const script = path.resolve(import.meta.dirname, '..', '..', 'src', 'jobs', 'mapping-calls.py');

/** One program for many calls, started with the first. */
export class MappingCalls {
  #program: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #answered: ((line: string) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  #start(): ChildProcessByStdio<Writable, Readable, null> {
    const program = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = new LineSplitter((line) => this.#answered?.(line));
    program.stdout.on('data', (chunk: Buffer) => {
      lines.push(chunk);
    });
    program.on('error', (cause) => this.#failed?.(cause));
    program.on('close', (code, signal) => this.#failed?.(new Error(`mapping-calls.py ended (${signal ?? `status ${code ?? -1}`})`)));
    program.stdin.on('error', () => undefined);
    return program;
  }

  /** One call at a time. */
  async run(call: OwnCall, file: string, { offset, length }: ByteRange): Promise<CallOutcome> {
    const line = await new Promise<string>((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#program ??= this.#start();
      this.#program.stdin.write(`${JSON.stringify({ call, path: file, offset, length })}\n`);
    });
    return JSON.parse(line) as CallOutcome;
  }

  close(): void {
    this.#program?.stdin.end();
  }
}
