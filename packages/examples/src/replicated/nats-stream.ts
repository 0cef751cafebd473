/**
 * A RecordStream on NATS JetStream. Record n is message n - base of a stream of one subject, for good: every publish
 * names the message before it, and the server refuses any other place. `base` stands in the stream's description.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { JetStreamApiError, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connect, errors } from '@nats-io/transport-node';
import type { RecordStream, StreamBounds } from './record-stream.js';
import { StreamConflict } from './record-stream.js';
import { ReplicatedError } from './replicated-error.js';

export interface NatsStreamOptions {
  /** `nats://127.0.0.1:4222`. */
  readonly url: string;
  /** Token that the server asks for. */
  readonly token?: string;
  /** Name of the stream, and of its subject: letters, digits, `-` and `_`. */
  readonly name: string;
  /** Make the stream if there is none, for records from this number on. */
  readonly createFrom?: number;
  /** Longest time that a question may take. Default 2000 ms. */
  readonly timeoutMs?: number;
}

const WRONG_LAST_SEQUENCE = 10071;
const NO_SUCH_STREAM = 10059;
const RETRY_MS = 50;
/** changed() resolves after this long without news. */
const CHANGED_MS = 1000;
/** Room that the server's limit leaves for headers. */
const HEADER_BYTES = 512;
/** Messages asked for at a time. */
const FETCH_WINDOW = 64;

const DESCRIPTION = /^safe-pmem log, base (\d+)$/;

export class NatsStream implements RecordStream {
  readonly recordBytesMax: number;
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #name: string;
  readonly #base: number;
  readonly #timeoutMs: number;
  #isListening = false;
  /** The server's words if it is there, and has not let this client in when that connected again. */
  #denied: Error | undefined;
  /** Callbacks for the next message. */
  readonly #listeners = new Set<() => void>();
  /** Callbacks of publishers that wait for the server to confirm a message. */
  readonly #unconfirmed = new Set<(error: Error) => void>();

  private constructor(connection: NatsConnection, manager: JetStreamManager, base: number, options: Required<Pick<NatsStreamOptions, 'name' | 'timeoutMs'>>) {
    this.#connection = connection;
    this.#client = jetstream(connection, { timeout: options.timeoutMs });
    this.#manager = manager;
    this.#name = options.name;
    this.#base = base;
    this.#timeoutMs = options.timeoutMs;
    this.recordBytesMax = (connection.info?.max_payload ?? 1024 * 1024) - HEADER_BYTES;
    void this.#watchConnection();
  }

  /**
   * Connects, and stays connected: if the server goes away, it tries again until close(). Throws ERR_REPLICATED_SERVER
   * if it does not answer now, and ERR_REPLICATED_FOREIGN if the stream is another one, or there is none.
   */
  static async open({ url, token, name, createFrom, timeoutMs = 2000 }: NatsStreamOptions): Promise<NatsStream> {
    if (!/^[\w-]+$/.test(name)) throw new TypeError(`not a name for a stream: '${name}'`);
    const connection = await asked(
      connect({
        servers: url,
        ...(token === undefined ? {} : { token }),
        timeout: timeoutMs,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RETRY_MS,
        ignoreAuthErrorAbort: true,
      }),
    );
    try {
      const manager = await asked(jetstreamManager(connection, { timeout: timeoutMs }));
      const base = await baseOf(manager, name, createFrom);
      return new NatsStream(connection, manager, base, { name, timeoutMs });
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async bounds(): Promise<StreamBounds> {
    const { state } = await asked(this.#manager.streams.info(this.#name));
    // A stream from which everything was purged remembers its last number, and says 0 or the next as its first.
    const first = state.messages === 0 ? state.last_seq + 1 : state.first_seq;
    return { first: this.#base + first, last: this.#base + state.last_seq };
  }

  async publish(sequence: number, bytes: Uint8Array): Promise<void> {
    const before = sequence - 1 - this.#base;
    // The server's limit may have become smaller since; it ends the connection of a client that sends more.
    const bytesMax = this.#connection.info?.max_payload ?? Infinity;
    if (bytes.length > bytesMax) throw refused(new Error(`a record of ${bytes.length} bytes is longer than ${bytesMax}`));
    const confirmed = this.#client.publish(this.#name, bytes, {
      expect: { streamName: this.#name, lastSequence: before },
      timeout: this.#timeoutMs,
    });
    let giveUp: ((error: Error) => void) | undefined;
    const unlessDisconnected = new Promise<{ readonly seq: number }>((resolve, reject) => {
      giveUp = reject;
      this.#unconfirmed.add(reject);
      confirmed.then(resolve, reject);
    });
    try {
      const { seq } = await unlessDisconnected;
      if (seq !== before + 1) throw new StreamConflict(sequence);
    } catch (error) {
      if (isApiError(error, WRONG_LAST_SEQUENCE)) throw new StreamConflict(sequence, error);
      if (error instanceof JetStreamApiError || isNoResponder(error)) throw refused(error);
      throw error instanceof StreamConflict ? error : unanswered(error);
    } finally {
      if (giveUp !== undefined) this.#unconfirmed.delete(giveUp);
    }
  }

  async fetch(first: number, last: number): Promise<Map<number, Uint8Array>> {
    const records = new Map<number, Uint8Array>();
    for (let start = Math.max(first, this.#base + 1); start <= last; start += FETCH_WINDOW) {
      const numbers = Array.from({ length: Math.min(FETCH_WINDOW, last - start + 1) }, (_, i) => start + i);
      const messages = await asked(
        Promise.all(numbers.map((number) => this.#manager.direct.getMessage(this.#name, { seq: number - this.#base }))),
      );
      for (const [index, message] of messages.entries()) {
        if (message !== null) records.set(numbers[index] as number, new Uint8Array(message.data));
      }
    }
    return records;
  }

  /**
   * Waits for a server that is away for as long as it takes. One that is there, and has no JetStream or does not let
   * this client in, gets as long as a question may take: a server that is starting says so too.
   */
  async ready(signal?: AbortSignal): Promise<void> {
    const patientUntil = performance.now() + this.#timeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      if (this.#connection.isClosed()) throw new ReplicatedError('ERR_REPLICATED_CLOSED', undefined, `the stream '${this.#name}' is closed`);
      const failure = await this.bounds().then(() => undefined, (error: unknown) => error);
      if (failure === undefined) return;
      const { cause } = failure as ReplicatedError;
      if (isApiError(cause, NO_SUCH_STREAM)) throw refused(cause);
      const refusal = this.#denied ?? (cause instanceof JetStreamApiError || isNoResponder(cause) ? cause : undefined);
      if (refusal !== undefined && performance.now() >= patientUntil) throw refused(refusal);
      await waited(RETRY_MS, signal);
    }
  }

  async changed(sequence: number, signal?: AbortSignal): Promise<void> {
    // A writer that asks for no news is not sent its own records.
    if (!this.#isListening) this.#connection.subscribe(this.#name, { callback: () => { this.#tell(); } });
    this.#isListening = true;
    let tell: (() => void) | undefined;
    const told = new Promise<void>((resolve) => {
      tell = resolve;
      this.#listeners.add(resolve);
    });
    try {
      if ((await this.bounds()).last > sequence) return;
      await Promise.race([told, waited(CHANGED_MS, signal)]);
    } finally {
      if (tell !== undefined) this.#listeners.delete(tell);
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
    this.#tell();
  }

  #tell(): void {
    for (const tell of this.#listeners) tell();
  }

  /**
   * Rejects what was asked when the connection broke: the server will not answer it, and no caller has to wait until
   * time is up.
   */
  async #watchConnection(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === 'error' && isDenial(status.error)) this.#denied = status.error;
      if (status.type === 'reconnect') this.#denied = undefined;
      if (status.type !== 'disconnect') continue;
      for (const giveUp of this.#unconfirmed) giveUp(new Error('the connection broke'));
    }
  }
}

/** Returns the base that the stream was made with; makes the stream if `createFrom` asks for it. */
async function baseOf(manager: JetStreamManager, name: string, createFrom: number | undefined): Promise<number> {
  const description = await manager.streams.info(name).then(
    ({ config }) => config.description ?? '',
    async (error: unknown) => {
      if (!isApiError(error, NO_SUCH_STREAM)) throw unanswered(error);
      const what = `the server has no stream '${name}': createFrom makes it`;
      if (createFrom === undefined) throw new ReplicatedError('ERR_REPLICATED_FOREIGN', undefined, what, error);
      return createStream(manager, name, createFrom);
    },
  );
  const base = DESCRIPTION.exec(description)?.[1];
  if (base === undefined) {
    const what = `the stream '${name}' was not made by a replicated log: choose another name`;
    throw new ReplicatedError('ERR_REPLICATED_FOREIGN', undefined, what);
  }
  return Number(base);
}

async function createStream(manager: JetStreamManager, name: string, createFrom: number): Promise<string> {
  const description = `safe-pmem log, base ${createFrom - 1}`;
  await asked(
    manager.streams.add({ name, subjects: [name], description, storage: 'file', allow_direct: true, discard: 'new' }),
  );
  return description;
}

async function asked<Answer>(question: Promise<Answer>): Promise<Answer> {
  try {
    return await question;
  } catch (error) {
    throw unanswered(error);
  }
}

function unanswered(cause: unknown): ReplicatedError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ReplicatedError('ERR_REPLICATED_SERVER', undefined, `the server did not do what it was asked: ${why}`, cause);
}

function refused(cause: unknown): ReplicatedError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ReplicatedError('ERR_REPLICATED_REFUSED', undefined, `the stream does not take the record: ${why}`, cause);
}

/** Nothing listens at the stream's subject: the stream is gone, or the server has no streams. */
function isNoResponder(error: unknown): boolean {
  if (error instanceof errors.NoRespondersError) return true;
  if (error instanceof errors.RequestError) return error.isNoResponders();
  return error instanceof Error && error.cause !== undefined && isNoResponder(error.cause);
}

function isDenial(error: unknown): error is Error {
  return error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError;
}

function isApiError(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

async function waited(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(durationMs, undefined, signal === undefined ? {} : { signal, ref: true });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
