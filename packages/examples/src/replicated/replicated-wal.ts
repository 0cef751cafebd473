import { randomId } from '../random-id.js';
import { Turns } from '../turns.js';
import type { ReplayItem, Wal, WalRepairReport } from '../wal/index.js';
import { copyFromStream, requireSameHistory } from './copy-from-stream.js';
import { FRAME_BYTES, decodeFrame, encodeFrame, encodeLost, framesOf, isFrame } from './frame.js';
import type { Outgoing } from './publisher.js';
import { Publisher } from './publisher.js';
import type { RecordStream } from './record-stream.js';
import { boundsOf } from './record-stream.js';
import { ReplicatedError } from './replicated-error.js';
import { becomeWriter } from './sole-writer.js';

/** The places that must have a record before append() resolves. */
export type Ack = 'local' | 'stream' | 'both';

export interface ReplicatedWalOptions {
  /** The local log. It stays the caller's, but only this object may append to it or truncate it. */
  readonly wal: Wal;
  /** The stream that gets every record as well. It stays the caller's. */
  readonly stream: RecordStream;
  /**
   * `local`: durable in the local log; the stream follows when it can. `stream`: stored by the stream; the local log
   * follows. `both`: the default.
   */
  readonly ack?: Ack;
  /**
   * Records waiting for the stream are held in memory up to this many bytes, then read from the log. Default 16 MiB.
   */
  readonly backlogBytes?: number;
}

const DEFAULT_BACKLOG_BYTES = 16 * 1024 * 1024;

/**
 * A write-ahead log whose records are published to a stream as well, under the same numbers. What the local medium
 * loses comes back from there, and what the stream's server loses comes back from here.
 */
export class ReplicatedWal {
  readonly #wal: Wal;
  readonly #stream: RecordStream;
  readonly #ack: Ack;
  readonly #publisher: Publisher;
  /** In each record: equal records of another writer are not taken for ours. */
  readonly #writer = randomId();
  /** Wal.repair() refuses to run twice at a time. */
  readonly #repairs = new Turns();
  readonly #release: () => void;
  #closed = false;

  private constructor(options: ReplicatedWalOptions, published: number, release: () => void) {
    const { wal, stream, ack = 'both', backlogBytes = DEFAULT_BACKLOG_BYTES } = options;
    this.#release = release;
    this.#wal = wal;
    this.#stream = stream;
    this.#ack = ack;
    this.#publisher = new Publisher({
      stream,
      path: wal.path,
      readLocal: (first) => this.#outgoing(first),
      newest: wal.lastSequence ?? 0,
      published,
      backlogBytesMax: backlogBytes,
    });
  }

  /**
   * Brings the local log and the stream together: records that only the stream has are appended and committed here,
   * records that only the log has are published from now on. It needs the server, because a log that cannot see what
   * the stream has could give one number to two records.
   *
   * Throws ERR_REPLICATED_DIVERGED if the two are not one history, ERR_REPLICATED_GAP if neither has a record
   * that the other needs, ERR_WAL_FULL if what only the stream has needs more room than there is (a bad page that
   * was being filled leaves less: truncate the log, all of which the stream has then, and open again),
   * ERR_REPLICATED_LOCKED if the local log has a writer already (another process is refused when it opens that log,
   * with ERR_PMEM_LOCKED), and what the log and the stream throw; the log is left with what it had, and records that
   * came.
   */
  static async open(options: ReplicatedWalOptions): Promise<ReplicatedWal> {
    const { wal, stream } = options;
    const release = becomeWriter(wal);
    try {
      await requireSameHistory(wal, stream);
      await copyFromStream(wal, stream);
      const { last } = await boundsOf(stream);
      return new ReplicatedWal(options, last, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The local log, for reading. */
  get wal(): Wal {
    return this.#wal;
  }

  /** The last record that the stream has confirmed. */
  get published(): number {
    return this.#publisher.published;
  }

  /** Why the stream takes no records at present, although its server answers; undefined while it takes them. */
  get refusal(): Error | undefined {
    return this.#publisher.refusal;
  }

  /**
   * Appends a record. Resolves to its number when the places that `ack` names have it. Calls need not wait for one
   * another: they are stored and published in their order, and share commits.
   *
   * While the server is down, calls with `local` go on, and the others wait. A server that answers, and will not take
   * the record (the stream is full, or deleted), is asked again, ever less often; after some seconds the others reject
   * with ERR_REPLICATED_REFUSED, and `refusal` says why. The record is in the local log and is published once the
   * stream takes it. Rejects with ERR_REPLICATED_DIVERGED after another writer has written to the stream, for every
   * later record too; with ERR_REPLICATED_LOST if the medium lost this record before the stream had it; with
   * ERR_REPLICATED_CLOSED; with what append() and commitAsync() of the log throw. A record whose promise was rejected
   * may still have been stored.
   */
  async append(payload: Uint8Array): Promise<number> {
    this.#requireWritable();
    if (FRAME_BYTES + payload.length > this.#stream.recordBytesMax) {
      throw new RangeError(`a record of ${payload.length} bytes is longer than the stream takes`);
    }
    const frame = encodeFrame(payload, this.#writer);
    const sequence = this.#wal.append(frame);
    this.#publisher.offer(sequence, frame);
    const committed = this.#wal.commitAsync();
    const published = this.#ack === 'local' ? undefined : this.#publisher.reached(sequence);
    // A rejection that no caller waits for must not end the process.
    committed.catch(() => undefined);
    published?.catch(() => undefined);
    if (this.#ack !== 'stream') await committed;
    if ((await published) === false) {
      const what = `record ${sequence} was lost here before the stream had it: append it again if you still have it`;
      throw new ReplicatedError('ERR_REPLICATED_LOST', this.#wal.path, what);
    }
    return sequence;
  }

  /**
   * Resolves when the stream has every record that is appended by now. Rejects as append() does if it will not get
   * them.
   */
  async drained(): Promise<void> {
    await this.#publisher.reached((this.#wal.nextSequence ?? 1) - 1);
  }

  /**
   * Yields every committed record in order, each from the local log or, if that has lost it, from the stream; in the
   * place of those that neither has, their exact numbers. Payloads are as they were given to append().
   */
  async *replay(): AsyncGenerator<ReplayItem, void, undefined> {
    // With `stream` an application may rely on records that are not committed here yet.
    await this.#wal.commitAsync();
    for await (const item of this.#wal.replay()) {
      if (item.type === 'lost' && item.last !== undefined) yield* this.#replayLost({ ...item, last: item.last });
      else if (item.type === 'lost') yield item;
      else if (isFrame(item.payload)) yield withoutFrame(item.sequence, item.payload);
      else yield* this.#replayLost({ type: 'lost', first: item.sequence, last: item.sequence, certain: true, damage: [] });
    }
  }

  /**
   * Repairs the local log. Records that no local file has are fetched from the stream: those, and no others. Waits for
   * a repair that is under way, also for one that the log has begun by itself before it gives a record up.
   */
  async repair(): Promise<WalRepairReport> {
    const rebuild = async ({ first, last }: { readonly first: number; readonly last: number }): Promise<Map<number, Uint8Array>> =>
      framesOf(await this.#stream.fetch(first, last));
    return this.#repairs.take(() => this.#wal.repair({ rebuild }));
  }

  /**
   * Drops local records up to and including `through`; the stream keeps its own for as long as it is configured to.
   * Throws ERR_REPLICATED_BEHIND if the stream has not confirmed them, and what the log's truncate() throws.
   */
  truncate(through: number): void {
    this.#requirePublished(through);
    this.#wal.truncate(through);
  }

  /** Does what truncate() does; the event loop stays free while a flush takes long. Rejects with what that throws. */
  async truncateAsync(through: number): Promise<void> {
    this.#requirePublished(through);
    await this.#wal.truncateAsync(through);
  }

  /** Stops publishing. The log and the stream stay open; the next open() goes on from there. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#publisher.close();
    this.#release();
  }

  async *#replayLost(lost: Extract<ReplayItem, { type: 'lost' }> & { readonly last: number }): AsyncGenerator<ReplayItem> {
    const records = framesOf(await this.#stream.fetch(lost.first, lost.last).catch(() => new Map<number, Uint8Array>()));
    let first = lost.first;
    for (let sequence = first; sequence <= lost.last; sequence++) {
      const frame = records.get(sequence);
      if (frame === undefined) continue;
      if (first < sequence) yield { ...lost, first, last: sequence - 1 };
      yield withoutFrame(sequence, frame);
      first = sequence + 1;
    }
    if (first <= lost.last) yield { ...lost, first };
  }

  /** Local records for the stream; one that is lost is published as lost, so that the others can follow. */
  async *#outgoing(first: number): AsyncGenerator<Outgoing> {
    await this.#wal.commitAsync();
    let next = first;
    for await (const item of this.#wal.replay({ from: first })) {
      if (item.type === 'lost') break;
      yield { sequence: item.sequence, bytes: item.payload };
      next = item.sequence + 1;
    }
    if (next > (this.#wal.lastSequence ?? 0)) return;
    // A record that the stream has as lost stays lost. So first bring back everything that memory or a mirror still
    // has.
    await this.#repairs.take(() => this.#wal.repair()).catch(() => undefined);
    for await (const item of this.#wal.replay({ from: next })) {
      if (item.type === 'record') {
        yield { sequence: item.sequence, bytes: item.payload };
      } else {
        for (let sequence = item.first; sequence <= (item.last ?? 0); sequence++) yield { sequence, bytes: encodeLost() };
      }
    }
  }

  #requirePublished(through: number): void {
    if (through <= this.published) return;
    const what = `the stream has confirmed records up to ${this.published}, not ${through}: wait for drained()`;
    throw new ReplicatedError('ERR_REPLICATED_BEHIND', this.#wal.path, what);
  }

  #requireWritable(): void {
    if (this.#closed) throw new ReplicatedError('ERR_REPLICATED_CLOSED', this.#wal.path, 'the log is closed');
    if (this.#publisher.failure !== undefined) throw this.#publisher.failure;
  }
}

function withoutFrame(sequence: number, frame: Uint8Array): ReplayItem {
  const payload = decodeFrame(frame);
  if (payload !== undefined) return { type: 'record', sequence, payload };
  return { type: 'lost', first: sequence, last: sequence, certain: true, damage: [] };
}
