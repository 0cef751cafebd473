/** A Level database on a simulated machine, used as an application would, and an account of what it must give back. */
import { type ByteRange, MediaError, PmemError, PmemFile, subtract } from '@safe-pmem/core';
import { type MockDriver, mockDriver, type ScheduledEvent } from '@safe-pmem/mock';
import { LossError, PmemLevel } from '../src/level/index.js';
import type { MirroredMachine } from './engine-targets.js';

const PAGE = 4096;
const LOCATION = '/pmem/db';
const SUFFIXES = ['pages', 'pages-mirror', 'log', 'log-mirror'] as const;
type FileSuffix = (typeof SUFFIXES)[number];
const LOG_BYTES = 8 * PAGE;
const CAPACITY_BYTES = 512 * PAGE;

/** A key and its new value; null deletes it. */
export type Write = readonly [key: string, value: string | null];
type Content = ReadonlyMap<string, string>;

export class LevelLife {
  readonly driver: MockDriver;
  readonly #mirrored: boolean;
  /** The states that the database may hold: a batch that has not been acknowledged may have been applied, or not. */
  #possible: readonly Content[] = [new Map(FIRST_ENTRIES)];
  readonly #hit = new Map<string, Set<number>>();
  /** A load or store was made to fail: a repair may take a good page for a lost one. */
  #faulted = false;
  #db: PmemLevel | undefined;

  constructor({ mirrored, ...machine }: MirroredMachine, seed: number, image: LevelImage) {
    this.driver = mockDriver({ ...machine, seed, capacityBytes: CAPACITY_BYTES });
    this.#mirrored = mirrored;
    for (const [suffix, bytes] of image) this.driver.writeFile(pathOf(suffix), bytes);
  }

  get db(): PmemLevel {
    if (this.#db === undefined) throw new Error('the database is not open');
    return this.#db;
  }

  /** Some page is bad in every file that has it. */
  get canBeLost(): boolean {
    if (this.#faulted) return true;
    const hit = (suffix: FileSuffix): ReadonlySet<number> => this.#hit.get(pathOf(suffix)) ?? new Set();
    const inBoth = (a: FileSuffix, b: FileSuffix): boolean => [...hit(a)].some((page) => hit(b).has(page));
    return inBoth('log', 'log-mirror') || (this.#mirrored ? inBoth('pages', 'pages-mirror') : hit('pages').size > 0);
  }

  async open(): Promise<void> {
    await this.close();
    const options = { mirror: this.#mirrored, logBytes: LOG_BYTES, blockMs: Infinity };
    const db = new PmemLevel(LOCATION, { driver: this.driver, ...options });
    await db.open().catch((error: unknown) => {
      // abstract-level says that it is not open; the cause says why.
      throw error instanceof Error && error.cause !== undefined ? error.cause : error;
    });
    this.#db = db;
  }

  async close(): Promise<void> {
    const db = this.#db;
    this.forget();
    await db?.close();
  }

  /** Forgets what was open: power has failed. */
  forget(): void {
    this.#db = undefined;
  }

  async write(...writes: readonly Write[]): Promise<void> {
    await this.#changing((content) => {
      for (const [key, value] of writes) {
        if (value === null) content.delete(key);
        else content.set(key, value);
      }
    }, () => this.db.batch(writes.map(([key, value]) => (value === null ? { type: 'del', key } : { type: 'put', key, value }))));
  }

  async clear(gte: string): Promise<void> {
    await this.#changing((content) => {
      for (const key of content.keys()) if (key >= gte) content.delete(key);
    }, () => this.db.clear({ gte }));
  }

  poison(suffix: FileSuffix, page: number): void {
    this.#noteHit(pathOf(suffix), page);
    this.driver.poison(pathOf(suffix), { offset: page * PAGE, length: PAGE });
  }

  /** Stores as another program would: bytes change, and no error tells. */
  async scribble(suffix: FileSuffix, page: number, bytes: Uint8Array, within: number): Promise<void> {
    // An open database keeps every other writer out.
    await this.close();
    this.#noteHit(pathOf(suffix), page);
    const file = await PmemFile.open(pathOf(suffix), { driver: this.driver });
    file.write(bytes, page * PAGE + within);
    file.persist(page * PAGE + within, bytes.length);
    await file.close();
  }

  noteEvent(event: ScheduledEvent): void {
    if (event.effect === 'signal') this.#faulted = true;
    if (event.effect === 'poison') this.#noteHit(event.path, Math.floor(event.offset / PAGE));
  }

  /** Poison lies outside of the database's files, where a repair journal may be. */
  get journalAtRisk(): boolean {
    const own: ByteRange[] = [];
    for (const path of this.driver.listFiles().filter((name) => !name.includes('.repair'))) {
      for (let page = 0; page < this.driver.readFile(path).length / PAGE; page++) {
        const offset = this.driver.physicalOf(path, page * PAGE);
        if (offset !== undefined) own.push({ offset, length: PAGE });
      }
    }
    return subtract(this.driver.poisoned, own).length > 0;
  }

  /** The invariant, for the database as it is open now; afterwards it goes on from what it has found. */
  async judge(): Promise<void> {
    const { found, isLost } = await readAll(this.db);
    const keys = new Set([...found.keys(), ...this.#possible.flatMap((content) => [...content.keys()])]);
    const held = this.#possible.filter((content) => [...keys].every((key) => isLost(key) || content.get(key) === found.get(key)));
    if (held.length === 0) throw new Error(`wrong or missing: found ${[...found.keys()].join(', ')}`);
    if ([...keys].some(isLost) && !this.canBeLost) throw new Error('keys are lost, and no page is to blame');
    this.#possible = held;
  }

  async #changing(change: (content: Map<string, string>) => void, action: () => Promise<void>): Promise<void> {
    const before = this.#possible;
    const after = before.map((content) => {
      const next = new Map(content);
      change(next);
      return next;
    });
    this.#possible = [...before, ...after];
    await action();
    this.#possible = after;
  }

  #noteHit(path: string, page: number): void {
    this.#hit.set(path, (this.#hit.get(path) ?? new Set()).add(page));
  }
}

/** All that an iterator returns, and what it reports lost instead. */
async function readAll(db: PmemLevel): Promise<{ found: Map<string, string>; isLost: (key: string) => boolean }> {
  const found = new Map<string, string>();
  const losses: LossError[] = [];
  const iterator = db.iterator();
  for (;;) {
    try {
      const entry = await iterator.next();
      if (entry === undefined) break;
      found.set(...entry);
    } catch (error) {
      if (!(error instanceof LossError) || !isLossOfMedium(error.cause)) throw error;
      losses.push(error);
    }
  }
  await iterator.close();
  const isInside = (key: Buffer, { from, to }: LossError): boolean =>
    Buffer.compare(key, from) >= 0 && (to === undefined || Buffer.compare(key, to) < 0);
  return { found, isLost: (key) => !found.has(key) && losses.some((loss) => isInside(Buffer.from(key), loss)) };
}

/** A media error; or bytes that verify no more, which no error has announced. */
function isLossOfMedium(cause: unknown): boolean {
  if (cause instanceof MediaError || (cause instanceof PmemError && cause.code === 'ERR_PMEM_LOST')) return true;
  return cause instanceof Error && cause.message.includes('does not hold');
}

function pathOf(suffix: FileSuffix): string {
  return `${LOCATION}.${suffix}`;
}

const FIRST_ENTRIES: readonly (readonly [string, string])[] = [
  ['b', 'B'.repeat(1500)],
  ['f', 'F'.repeat(1500)],
  ['m', 'M'.repeat(1500)],
];

export type LevelImage = readonly (readonly [FileSuffix, Uint8Array])[];

/** Files of a database that holds the first entries, in pages. */
export async function makeLevelImage(mirrored: boolean): Promise<LevelImage> {
  const driver = mockDriver();
  const db = new PmemLevel(LOCATION, { driver, mirror: mirrored, logBytes: LOG_BYTES, blockMs: Infinity });
  for (const [key, value] of FIRST_ENTRIES) await db.put(key, value);
  await db.checkpoint();
  await db.close();
  const suffixes = mirrored ? SUFFIXES : SUFFIXES.filter((suffix) => suffix !== 'pages-mirror');
  return suffixes.map((suffix) => [suffix, driver.readFile(pathOf(suffix))] as const);
}
