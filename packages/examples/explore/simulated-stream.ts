/** A deterministic server and connections to it, in this process: what a RecordStream may do, without a network. */
import { ReplicatedError } from '../src/replicated/replicated-error.js';
import type { RecordStream, StreamBounds } from '../src/replicated/record-stream.js';
import { StreamConflict } from '../src/replicated/record-stream.js';

/** The answer of the server to one question. */
export type Answer =
  | 'done'
  /** It never arrives. */
  | 'unheard'
  /** It is done, and the answer is lost. */
  | 'unanswered'
  /** The server dies before it is done, and comes back when a client waits for it. */
  | 'killed'
  /** The server dies, and what it stored last is gone when it comes back: a power loss before its fsync. */
  | 'forgotten';

export class SimulatedServer {
  readonly records: Uint8Array[] = [];
  readonly first: number;
  /** Decides about each question, counted from 1. Default: everything is done. */
  plan: (question: number) => Answer = () => 'done';
  questions = 0;
  /** The server's words if it answers and takes no records: a limit is reached, say. */
  refusal: string | undefined;
  isDown = false;

  constructor(first = 1) {
    this.first = first;
  }

  get last(): number {
    return this.first + this.records.length - 1;
  }

  connect(): SimulatedStream {
    return new SimulatedStream(this);
  }

  ask<Result>(question: () => Result): Result {
    const answer = this.isDown ? 'unheard' : this.plan(++this.questions);
    if (answer === 'forgotten') this.records.pop();
    if (answer === 'killed' || answer === 'forgotten') this.isDown = true;
    if (answer === 'done') return question();
    if (answer === 'unanswered') question();
    throw new ReplicatedError('ERR_REPLICATED_SERVER', undefined, `the server does not answer: ${answer}`);
  }
}

export class SimulatedStream implements RecordStream {
  readonly recordBytesMax = 1_000_000;
  readonly #server: SimulatedServer;
  #closed = false;

  constructor(server: SimulatedServer) {
    this.#server = server;
  }

  async bounds(): Promise<StreamBounds> {
    return this.#ask(() => ({ first: this.#server.first, last: this.#server.last }));
  }

  async publish(sequence: number, bytes: Uint8Array): Promise<void> {
    await this.#ask(() => {
      const { refusal } = this.#server;
      if (refusal !== undefined) throw new ReplicatedError('ERR_REPLICATED_REFUSED', undefined, 'the stream does not take it', new Error(refusal));
      if (sequence !== this.#server.last + 1) throw new StreamConflict(sequence);
      this.#server.records.push(bytes.slice());
    });
  }

  async fetch(first: number, last: number): Promise<Map<number, Uint8Array>> {
    return this.#ask(() => {
      const records = new Map<number, Uint8Array>();
      for (let sequence = first; sequence <= last; sequence++) {
        const bytes = this.#server.records[sequence - this.#server.first];
        if (bytes !== undefined) records.set(sequence, bytes.slice());
      }
      return records;
    });
  }

  /** Starts the server again. */
  async ready(signal?: AbortSignal): Promise<void> {
    await Promise.resolve();
    signal?.throwIfAborted();
    if (this.#closed) throw new ReplicatedError('ERR_REPLICATED_CLOSED', undefined, 'the host is gone');
    this.#server.isDown = false;
  }

  async changed(sequence: number, signal?: AbortSignal): Promise<void> {
    while (this.#server.last <= sequence && signal?.aborted !== true) await new Promise(setImmediate);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #ask<Result>(question: () => Result): Promise<Result> {
    await Promise.resolve();
    if (this.#closed) throw new ReplicatedError('ERR_REPLICATED_CLOSED', undefined, 'the host is gone');
    return this.#server.ask(question);
  }
}
