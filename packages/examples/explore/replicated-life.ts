/** A replicated log on a simulated host with a simulated server, used as an application would, and what it must give back. */
import { type ByteRange, PmemError, PmemFile, subtract } from '@safe-pmem/core';
import { type MockDriver, mockDriver, type MockOptions, type ScheduledEvent, SimulatedCrash } from '@safe-pmem/mock';
import { encodeFrame } from '../src/replicated/frame.js';
import { type Ack, ReplicatedError, ReplicatedWal } from '../src/replicated/index.js';
import { Wal, WalError } from '../src/wal/index.js';
import { PAGE, payloadOf } from '../test/wal/log-machine.js';
import { type Answer, SimulatedServer, type SimulatedStream } from './simulated-stream.js';

const PAGES = 5;
const PATH = '/pmem0/log';
/** The id of the writer of the records that are there at first. */
const WRITER = 7n;
/** Lengths of the records that log and stream hold to begin with. */
const FIRST_RECORDS = [10, 3000];

export interface ReplicatedMachine extends Pick<MockOptions, 'filesystem' | 'clearable' | 'dax'> {
  readonly name: string;
  readonly ack: Ack;
  /** The answer of the server to each question of the body; the last one goes for all that follow. */
  readonly answers: readonly Answer[];
}

export class ReplicatedLife {
  readonly driver: MockDriver;
  readonly server = new SimulatedServer();
  readonly #ack: Ack;
  /** The payloads that record n may have: several if a number was given again after a crash. */
  readonly #attempts = new Map<number, Uint8Array[]>();
  readonly #acknowledged = new Set<number>();
  #isHit = false;
  #file: PmemFile | undefined;
  #stream: SimulatedStream | undefined;
  #log: ReplicatedWal | undefined;

  constructor({ ack, filesystem, clearable, dax }: ReplicatedMachine, seed: number, image: Uint8Array) {
    this.driver = mockDriver({ filesystem, clearable, dax, seed, capacityBytes: 64 * PAGE });
    this.driver.writeFile(PATH, image);
    this.#ack = ack;
    for (const [index, length] of FIRST_RECORDS.entries()) {
      const payload = payloadOf(index + 1, length);
      this.server.records.push(encodeFrame(payload, WRITER));
      this.#attempts.set(index + 1, [payload]);
      this.#acknowledged.add(index + 1);
    }
  }

  get log(): ReplicatedWal {
    if (this.#log === undefined) throw new Error('the log is not open');
    return this.#log;
  }

  get canBeLost(): boolean {
    return this.#isHit;
  }

  answer(answers: readonly Answer[]): void {
    const before = this.server.questions;
    this.server.isDown = false;
    this.server.plan = (question) => answers[Math.min(question - before, answers.length) - 1] ?? 'done';
  }

  /** Opens file, log and connection as a process does that has just started. */
  async open(): Promise<void> {
    await this.close();
    this.#file = await PmemFile.open(PATH, { driver: this.driver });
    const wal = await Wal.open({ file: this.#file, blockMs: Infinity });
    const stream = this.server.connect();
    this.#stream = stream;
    const open = (): Promise<ReplicatedWal> => ReplicatedWal.open({ wal, stream, ack: this.#ack, backlogBytes: 4000 });
    this.#log = await open().catch((error: unknown) => {
      if (!(error instanceof WalError && error.code === 'ERR_WAL_FULL')) throw error;
      // A page that is bad for good has left too little room: the stream has all that is here.
      const through = wal.lastSequence ?? 0;
      for (const sequence of this.#acknowledged) if (sequence <= through) this.#acknowledged.delete(sequence);
      wal.truncate(through);
      return open();
    });
  }

  async close(): Promise<void> {
    await this.#disconnect();
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Power has failed, or the process is gone: what was open is dead, and asks the server nothing more. */
  async forget(): Promise<void> {
    this.#file = undefined;
    await this.#disconnect();
  }

  /** Several writers at once. Throws the first failure once all have ended. */
  async append(...lengths: readonly number[]): Promise<void> {
    const outcomes = await Promise.allSettled(
      lengths.map(async (length, index) => {
        const payload = payloadOf(this.#attempts.size * 7 + length + index, length);
        const expected = this.log.wal.nextSequence ?? 0;
        this.#attempts.set(expected, [...(this.#attempts.get(expected) ?? []), payload]);
        this.#acknowledged.add(await this.log.append(payload));
      }),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** A repair that needs the server may find it away; the log stays as it is then. */
  async repair(): Promise<void> {
    try {
      await this.log.repair();
    } catch (error) {
      if (!(error instanceof ReplicatedError && error.code === 'ERR_REPLICATED_SERVER')) throw error;
    }
  }

  /** Drops some of the records that the stream has confirmed: what is chosen by `number`. */
  truncate(number: number): void {
    const first = this.log.wal.firstSequence ?? 1;
    const last = Math.min(this.log.published, this.log.wal.lastSequence ?? 0);
    const through = first - 1 + (number % (last - first + 2));
    for (const sequence of this.#acknowledged) if (sequence <= through) this.#acknowledged.delete(sequence);
    this.log.truncate(through);
  }

  poison(page: number): void {
    this.#isHit = true;
    this.driver.poison(PATH, { offset: page * PAGE, length: PAGE });
  }

  noteEvent(event: ScheduledEvent): void {
    if (event.effect === 'signal' || event.effect === 'poison') this.#isHit = true;
  }

  get journalAtRisk(): boolean {
    const own: ByteRange[] = [];
    for (let page = 0; page < PAGES; page++) {
      const offset = this.driver.physicalOf(PATH, page * PAGE);
      if (offset !== undefined) own.push({ offset, length: PAGE });
    }
    return subtract(this.driver.poisoned, own).length > 0;
  }

  /** The invariant, for the log as it is open now. */
  async judge(): Promise<void> {
    if (this.log.wal.commitPointLost) throw new Error('the commit point is lost, though one copy of it is good');
    const account = new Map<number, Uint8Array | undefined>();
    for await (const item of this.log.replay()) {
      if (item.type === 'record') account.set(item.sequence, item.payload);
      else for (let sequence = item.first; sequence <= (item.last ?? 0); sequence++) account.set(sequence, undefined);
    }
    for (const sequence of this.#acknowledged) {
      if (!account.has(sequence)) throw new Error(`record ${sequence} was acknowledged, and is neither returned nor lost`);
    }
    for (const [sequence, payload] of account) {
      if (payload === undefined) this.#judgeLost(sequence);
      else this.#judgeReturned(sequence, payload);
    }
  }

  #judgeLost(sequence: number): void {
    if (this.#ack !== 'local' && this.#acknowledged.has(sequence)) throw new Error(`record ${sequence} is lost, though the stream had it`);
    if (!this.canBeLost) throw new Error(`record ${sequence} is lost, and no page is to blame`);
  }

  #judgeReturned(sequence: number, payload: Uint8Array): void {
    const isRight = this.#attempts.get(sequence)?.some((attempt) => Buffer.compare(attempt, payload) === 0) ?? false;
    if (!isRight) throw new Error(`record ${sequence} came back with wrong bytes`);
    this.#attempts.set(sequence, [payload]);
    this.#acknowledged.add(sequence);
  }

  async #disconnect(): Promise<void> {
    const [stream, log] = [this.#stream, this.#log];
    this.#stream = undefined;
    this.#log = undefined;
    await stream?.close();
    await log?.close();
    try {
      log?.wal.close();
    } catch (error) {
      // After a power failure its files are dead, and their locks with them.
      if (!(error instanceof SimulatedCrash)) throw error;
    }
  }
}

/** The file of a log that holds the first records. Made once: a log draws its number at random, and states must be equal. */
export async function makeImage(): Promise<Uint8Array> {
  const driver = mockDriver();
  driver.writeFile(PATH, new Uint8Array(PAGES * PAGE));
  const file = await PmemFile.open(PATH, { driver });
  const wal = await Wal.open({ file, create: true, blockMs: Infinity });
  for (const [index, length] of FIRST_RECORDS.entries()) wal.append(encodeFrame(payloadOf(index + 1, length), WRITER));
  wal.commit();
  return driver.readFile(PATH);
}

export function isAcceptable(error: unknown): boolean {
  return error instanceof PmemError || error instanceof WalError || error instanceof ReplicatedError;
}
