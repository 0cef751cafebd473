/** The calls of zero-range.py. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { LineSplitter } from '../line-splitter.js';

/** Built programs lie in dist/jobs/, this one stays among the sources. */
const script = path.resolve(import.meta.dirname, '..', '..', 'src', 'jobs', 'zero-range.py');

/** Of fallocate(2). */
export const mode = { allocate: 0, keepSize: 1, zeroRange: 16 } as const;

export interface SequenceRequest {
  readonly path: string;
  readonly seed: number;
  readonly steps: number;
  readonly reflink: boolean;
  /** Expect blocks to stay where they are. */
  readonly inPlace: boolean;
}

export class ZeroRangeCalls {
  readonly #program: ChildProcessByStdio<Writable, Readable, null>;
  #answered: ((line: string) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #ended: Error | undefined;

  constructor() {
    this.#program = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = new LineSplitter((line) => this.#answered?.(line));
    this.#program.stdout.on('data', (chunk: Buffer) => {
      lines.push(chunk);
    });
    const end = (cause: Error): void => {
      this.#ended = cause;
      this.#failed?.(cause);
    };
    this.#program.on('error', end);
    this.#program.on('close', (code, signal) => {
      end(new Error(`zero-range.py ended (${signal ?? `status ${code ?? -1}`})`));
    });
    this.#program.stdin.on('error', () => undefined);
  }

  /** errno of one fallocate(2) of the file, 0 for success. */
  async fallocate(file: string, flags: number, offset: number, length: number, readOnly = false): Promise<number> {
    const { errno } = await this.#ask({ do: 'call', path: file, mode: flags, offset, length, readOnly });
    return errno as number;
  }

  /** Runs random calls on a new file and on a model of it; how they differ. */
  async sequence(request: SequenceRequest): Promise<{ readonly failure?: string; readonly log?: readonly string[] }> {
    return this.#ask({ do: 'sequence', ...request });
  }

  /** Maps all of the file and writes every page of it: the page faults that it took. Held until `release()`. */
  async hold(file: string): Promise<number> {
    const { faults } = await this.#ask({ do: 'hold', path: file });
    return faults as number;
  }

  /** Ends the mapping. True if it showed what pread(2) does; not looked at, and false, unless `compare` is given. */
  async release(compare: boolean): Promise<boolean> {
    const { coherent } = await this.#ask({ do: 'release', compare });
    return coherent as boolean;
  }

  async #ask(request: object): Promise<Record<string, unknown>> {
    const line = await new Promise<string>((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      if (this.#ended !== undefined) reject(this.#ended);
      this.#program.stdin.write(`${JSON.stringify(request)}\n`);
    });
    const answer = JSON.parse(line) as Record<string, unknown>;
    if (typeof answer.error === 'string') throw new Error(`zero-range.py: ${answer.error}`);
    return answer;
  }

  close(): void {
    this.#program.stdin.end();
  }
}
