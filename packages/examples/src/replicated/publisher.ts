/** Bringing records into the stream in order, for as long as it takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isLostFrame, mayBeOneRecord } from './frame.js';
import type { RecordStream } from './record-stream.js';
import { boundsOf } from './record-stream.js';
import { ReplicatedError } from './replicated-error.js';

/** Records on their way at a time. */
const WINDOW = 128;
/** Attempts without progress before waiting callers are told, if the server itself refuses. */
const ATTEMPTS_BEFORE_REFUSAL = 7;
/** So many attempts follow one another at once: if a server was just restarted, the second succeeds. */
const ATTEMPTS_AT_ONCE = 2;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 2000;

/** A record that the stream is to have. */
export interface Outgoing {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

export interface PublisherOptions {
  readonly stream: RecordStream;
  /** Path of the local log, for errors. */
  readonly path: string;
  /** Reads records of the local log, from number `first` on. */
  readonly readLocal: (first: number) => AsyncIterable<Outgoing>;
  /** Number of the last record of the local log. */
  readonly newest: number;
  /** Number of the last record of the stream. */
  readonly published: number;
  /** Records that wait for the stream are held in memory up to this many bytes. */
  readonly backlogBytesMax: number;
}

interface Waiter {
  readonly sequence: number;
  readonly resolve: (isHeld: boolean) => void;
  readonly reject: (error: Error) => void;
}

export class Publisher {
  readonly #stream: RecordStream;
  readonly #path: string;
  readonly #readLocal: (first: number) => AsyncIterable<Outgoing>;
  readonly #backlogBytesMax: number;
  /** Records that the stream may not have and that are in memory; the others are in the local log. */
  readonly #backlog = new Map<number, Uint8Array>();
  #backlogBytes = 0;
  #newest: number;
  #published: number;
  #waiters: Waiter[] = [];
  /** Records that the stream has as lost, among those that #advance() is about to pass. */
  readonly #lost = new Set<number>();
  #running: Promise<void> | undefined;
  #failure: Error | undefined;
  #refusal: Error | undefined;
  /** Attempts in a row that have brought nothing into the stream. */
  #vainAttempts = 0;
  readonly #stop = new AbortController();

  constructor({ stream, path, readLocal, newest, published, backlogBytesMax }: PublisherOptions) {
    this.#stream = stream;
    this.#path = path;
    this.#readLocal = readLocal;
    this.#backlogBytesMax = backlogBytesMax;
    this.#newest = newest;
    this.#published = published;
    this.#wake();
  }

  /** The last record that the stream has confirmed. */
  get published(): number {
    return this.#published;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Why the server takes no records at present; undefined while it does. */
  get refusal(): Error | undefined {
    return this.#refusal;
  }

  /** Takes the record after the newest one. If memory is full, it is read from the local log when its turn comes. */
  offer(sequence: number, bytes: Uint8Array): void {
    this.#newest = sequence;
    if (this.#backlogBytes + bytes.length <= this.#backlogBytesMax) {
      this.#backlog.set(sequence, bytes);
      this.#backlogBytes += bytes.length;
    }
    this.#wake();
  }

  /** Resolves when the stream has every record up to `sequence`; to false if it has that one as lost. */
  reached(sequence: number): Promise<boolean> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (sequence <= this.#published) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence, resolve, reject });
    });
  }

  /** Stops, and rejects the promises of callers that still wait. */
  async close(): Promise<void> {
    const what = 'the log was closed before the stream had the record: the next open() publishes it if the log has it';
    const closed = new ReplicatedError('ERR_REPLICATED_CLOSED', this.#path, what);
    this.#stop.abort(closed);
    this.#fail(closed);
    await this.#running;
  }

  #wake(): void {
    if (this.#running !== undefined || this.#failure !== undefined || this.#published >= this.#newest) return;
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#fail(error as Error);
      })
      .finally(() => {
        this.#running = undefined;
        this.#wake();
      });
  }

  async #run(): Promise<void> {
    while (this.#published < this.#newest && this.#failure === undefined) {
      const before = this.#published;
      const records = await this.#nextRecords();
      const outcomes = await Promise.allSettled(records.map(({ sequence, bytes }) => this.#stream.publish(sequence, bytes)));
      const failed = outcomes.findIndex(({ status }) => status === 'rejected');
      const stored = failed === -1 ? records : records.slice(0, failed);
      for (const { sequence, bytes } of stored) if (isLostFrame(bytes)) this.#lost.add(sequence);
      this.#advance(this.#published + stored.length);
      const reason: unknown = failed === -1 ? undefined : (outcomes[failed] as PromiseRejectedResult).reason;
      const refusal = reason === undefined ? undefined : ((await this.#resume()) ?? refusalIn(reason));
      if (this.#published > before) this.#progressed();
      else await this.#pause(refusal);
    }
  }

  #progressed(): void {
    this.#vainAttempts = 0;
    this.#refusal = undefined;
  }

  /** Waits longer after each attempt. Rejects the promises of waiting callers if the server itself refuses. */
  async #pause(refusal: Error | undefined): Promise<void> {
    const pauses = ++this.#vainAttempts - ATTEMPTS_AT_ONCE;
    if (refusal !== undefined && this.#vainAttempts >= ATTEMPTS_BEFORE_REFUSAL) {
      this.#refusal = refusal;
      for (const waiter of this.#waiters.splice(0)) waiter.reject(refusal);
    }
    if (pauses <= 0) return;
    const durationMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(pauses, 10));
    await sleep(durationMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  async #nextRecords(): Promise<Outgoing[]> {
    const first = this.#published + 1;
    const last = Math.min(this.#newest, this.#published + WINDOW);
    const records: Outgoing[] = [];
    for (let sequence = first; sequence <= last; sequence++) {
      const bytes = this.#backlog.get(sequence);
      if (bytes === undefined) break;
      records.push({ sequence, bytes });
    }
    if (records.length > 0) return records;
    for await (const record of this.#readLocal(first)) {
      if (record.sequence !== first + records.length) break;
      records.push(record);
      if (records.length >= WINDOW) break;
    }
    if (records.length > 0) return records;
    const what = `neither the stream nor the local log has record ${first}: begin a new stream`;
    throw new ReplicatedError('ERR_REPLICATED_GAP', this.#path, what);
  }

  /**
   * Asks the stream what it has, which is unknown after a failure. Records beyond those that it confirmed must be this
   * log's, stored by an attempt whose answer was lost; it may also have fewer, if the server has lost some. Returns the
   * refusal if the server refuses to answer.
   */
  async #resume(): Promise<Error | undefined> {
    await new Promise(setImmediate);
    try {
      await this.#stream.ready(this.#stop.signal);
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal === undefined) throw error;
      return refusal;
    }
    const { last } = await boundsOf(this.#stream).catch(unlessForeign(this.#published));
    if (last > this.#newest) throw this.#diverged(this.#newest + 1);
    for (let first = this.#published + 1; first <= last; first = this.#published + 1) {
      const ours = await this.#nextRecords();
      const theirs = await this.#stream.fetch(first, Math.min(last, first + ours.length - 1)).catch(() => undefined);
      if (theirs === undefined) return undefined;
      for (const { sequence, bytes } of ours.filter((record) => record.sequence <= last)) {
        // Records that the stream does not keep any more cannot be compared.
        const stored = theirs.get(sequence) ?? bytes;
        if (!mayBeOneRecord(stored, bytes)) throw this.#diverged(sequence);
        if (isLostFrame(stored)) this.#lost.add(sequence);
        this.#advance(sequence);
      }
    }
    this.#published = last;
    return undefined;
  }

  #advance(published: number): void {
    for (let sequence = this.#published + 1; sequence <= published; sequence++) {
      this.#backlogBytes -= this.#backlog.get(sequence)?.length ?? 0;
      this.#backlog.delete(sequence);
    }
    this.#published = published;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ sequence }) => sequence > published);
    for (const waiter of waiters) if (waiter.sequence <= published) waiter.resolve(!this.#lost.has(waiter.sequence));
    this.#lost.clear();
  }

  #diverged(sequence: number): ReplicatedError {
    const what = `record ${sequence} of the stream is not the one of this log: another writer has stored it; stop this one`;
    return new ReplicatedError('ERR_REPLICATED_DIVERGED', this.#path, what);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
  }
}

/** Returns the error if it says that the server answers, and refuses. */
function refusalIn(error: unknown): Error | undefined {
  return error instanceof ReplicatedError && error.code === 'ERR_REPLICATED_REFUSED' ? error : undefined;
}

/** A server that does not answer is asked again; an answer that cannot be is an end. */
function unlessForeign(published: number): (error: unknown) => { readonly last: number } {
  return (error) => {
    if (error instanceof ReplicatedError && error.code === 'ERR_REPLICATED_FOREIGN') throw error;
    return { last: published };
  };
}
