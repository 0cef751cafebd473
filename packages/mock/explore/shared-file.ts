/** Several openers of one file, and one account of what all of them did and were told. Knows nothing of how PmemFile works. */
import { type ByteRange, type OpenOptions, overlaps, PmemError, PmemFile, type RepairOptions } from '@safe-pmem/core';
import type { MockDriver, MockProcess, ScheduledEvent } from '../src/index.js';
import { Ledger } from './ledger.js';
import { PAGE, pattern } from './scene.js';

export const SHARED = '/pmem/shared';
/** No file of these explorations is ever longer. */
const MOST_BYTES = 5 * PAGE;
/** Retries of a repair that another one keeps out. */
const PATIENCE = 4;

export const pageRange = (page: number): ByteRange => ({ offset: page * PAGE, length: PAGE });

export class SharedScene {
  readonly ledger: Ledger;
  readonly openers = new Map<string, Opener>();
  /** The path of the file now; it may be renamed. */
  path: string;
  /** Names under which it can be opened. */
  readonly names: Set<string>;
  /** Pages that were poisoned and that no repair has been acknowledged for since. */
  readonly bad = new Set<number>();
  /** Pages that one opener stored to while they were bad and another was repairing them: either bytes may be there. */
  readonly contested = new Set<number>();
  /** The openers that have asked to have the file alone, and those that have it so. */
  readonly wanting = new Set<Opener>();
  asked = 0;
  readonly having = new Set<Opener>();
  /** Something was made to fail, or power failed, or a process died in the middle of something. */
  disturbed = false;
  #salt = 1;
  /** The operation that the last event happened just before. */
  #operation: string | undefined;
  /** By page, how many stores there were to it. */
  readonly stores = new Map<number, number>();
  /** Goes up when a repair without rebuild begins, and when it is acknowledged. */
  losses = 0;

  /** Other files of this exploration, each with an account of its own, by the name that each had first. */
  readonly others = new Map<string, SharedScene>();
  /** Files that are none of ours: they must stay as they are. */
  readonly theirs = new Map<string, Uint8Array>();

  /** `made`: a body makes the file, of zeros. */
  constructor(
    readonly driver: MockDriver,
    readonly initialBytes: number,
    path = SHARED,
    made = false,
  ) {
    const bytes = made ? new Uint8Array(initialBytes) : pattern(0, initialBytes, 0);
    if (!made) driver.writeFile(path, bytes);
    this.path = path;
    this.names = new Set([path]);
    this.ledger = new Ledger(bytes, MOST_BYTES);
    if (made) this.ledger.asking(0);
  }

  /** One more file. */
  other(path: string, initialBytes = this.initialBytes, made = false): SharedScene {
    const known = this.others.get(path);
    if (known !== undefined) return known;
    const other = new SharedScene(this.driver, initialBytes, path, made);
    this.others.set(path, other);
    return other;
  }

  /** Writes a file of another program at `path`. */
  plant(path: string, bytes: Uint8Array): void {
    this.theirs.set(path, bytes);
    this.driver.writeFile(path, bytes);
  }

  opener(process: MockProcess): Opener {
    const known = this.openers.get(process.name);
    if (known !== undefined) return known;
    const opener = new Opener(this, process);
    this.openers.set(process.name, opener);
    return opener;
  }

  nextPattern(position: number, length: number): Uint8Array {
    return pattern(position, length, this.#salt++);
  }

  poison(page: number): void {
    this.notePoison(page);
    this.driver.poison(this.path, pageRange(page));
  }

  notePoison(page: number): void {
    this.bad.add(page);
    this.ledger.mayReport([{ offset: page * PAGE, length: Math.min(PAGE, MOST_BYTES - page * PAGE) }]);
  }

  /** The hook of an exploration. */
  noteEvent(event: ScheduledEvent): void {
    if (event.effect === 'turn') return;
    this.#operation = event.operation;
    if (event.effect === 'poison' && this.names.has(event.path)) this.notePoison(Math.floor(event.offset / PAGE));
    if (event.effect !== 'outside') this.disturbed = true;
    for (const other of this.others.values()) other.noteEvent(event);
  }

  /** Another process appends, durably. */
  append(length: number): void {
    const { ledger } = this;
    const position = this.driver.readFile(this.path).length;
    // A repair of the last page looks at the size before it cuts off what it has added: between these two calls nothing keeps
    // others out, a known limit.
    if (this.#operation === 'truncate') return;
    const bytes = this.nextPattern(position, length);
    this.driver.append(this.path, bytes);
    ledger.appended(position, bytes);
  }

  /** Another process gives the file another name; with `link` it keeps the old one. */
  rename(to: string, link = false): void {
    if (link) this.driver.link(this.path, to);
    else {
      this.driver.rename(this.path, to);
      this.names.delete(this.path);
      this.path = to;
    }
    this.names.add(to);
  }

  isBad(): (position: number) => boolean {
    const { poisoned } = this.driver;
    const bad = new Set<number>();
    for (let page = 0; page < MOST_BYTES / PAGE; page++) {
      const physical = this.driver.physicalOf(this.path, page * PAGE);
      if (physical !== undefined && poisoned.some((range) => overlaps(range, { offset: physical, length: PAGE }))) bad.add(page);
    }
    return (position) => bad.has(Math.floor(position / PAGE));
  }

  /** Some other opener is repairing the page now. */
  isRepairedByOthers(page: number, except: Opener): boolean {
    return [...this.openers.values()].some((opener) => opener !== except && opener.repairing.has(page));
  }
}

/** One process's use of the file. Every call waits for its turn. */
export class Opener {
  readonly repairing = new Set<number>();
  #file: PmemFile | undefined;
  /** Losses that this opener may not know of are later ones. */
  #lossesAtOpen = 0;

  constructor(
    readonly scene: SharedScene,
    readonly process: MockProcess,
  ) {}

  get file(): PmemFile {
    if (this.#file === undefined) throw new Error('the file is not open');
    return this.#file;
  }

  async open(options: Partial<OpenOptions> = {}): Promise<void> {
    this.#lossesAtOpen = this.scene.losses;
    this.#file = await PmemFile.open(this.scene.path, { driver: this.process, ...options });
  }

  async close(): Promise<void> {
    try {
      await this.file.close();
    } catch (error) {
      // It is closed; what was written over a loss is still reported lost, or has been cut off.
      if (!isLocked(error) && !(error instanceof PmemError && error.code === 'ERR_PMEM_TRUNCATED')) throw error;
    }
  }

  async write(position: number, length: number): Promise<void> {
    await this.process.turn(() => {
      this.#write(position, length);
    });
  }

  async persist(position: number, length: number): Promise<void> {
    await this.process.turn(() => {
      this.#persist(position, length);
    });
  }

  /**
   * Stores and persists in one synchronous piece: acknowledged when it returns. False if a lock has kept the persist
   * from the journal.
   */
  async commit(position: number, length: number): Promise<boolean> {
    return this.process.turn(() => {
      this.#write(position, length);
      return this.#persist(position, length);
    });
  }

  /** commit() of zeros: in a page that is lost they do not show by themselves that they were stored. */
  async commitZeros(position: number, length: number): Promise<void> {
    await this.process.turn(() => {
      this.#write(position, length, new Uint8Array(length));
      this.#persist(position, length);
    });
  }

  /** False if another repair has kept it out each time. */
  async repair(page: number, how: 'rebuild' | 'lose'): Promise<boolean> {
    for (let tries = 0; tries < PATIENCE; tries++) {
      if (await this.#repair(page, how)) return true;
      await this.process.turn();
    }
    return false;
  }

  /** False if a repair has kept it out, or a page that is bad. */
  async resize(sizeBytes: number): Promise<boolean> {
    const { ledger } = this.scene;
    ledger.asking(sizeBytes);
    try {
      await this.file.resize(sizeBytes);
    } catch (error) {
      if (!isLocked(error) && !(error instanceof PmemError && error.code === 'ERR_PMEM_MEDIA')) throw error;
      ledger.notAsked(sizeBytes);
      return false;
    }
    ledger.notAsked(sizeBytes);
    // Only now: until it was done, a repair elsewhere may have asked for the bytes that it cuts off.
    ledger.resizing(sizeBytes);
    ledger.sizeBytes = sizeBytes;
    return true;
  }

  /** Reads all that can be read, and holds it and what is reported lost against the ledger. */
  async read(): Promise<void> {
    const { ledger } = this.scene;
    // Bytes that are lost when the look begins may be repaired before it ends.
    const { reports } = ledger;
    const stores = new Map(this.scene.stores);
    const { pieces, gaps } = await this.file.salvage();
    // A journal that could not be read says nothing new.
    const lost = this.scene.disturbed ? [] : gaps.filter(({ reason }) => reason === 'lost');
    for (const gap of lost) ledger.checkReport(gap, reports);
    for (const { offset, bytes } of pieces) {
      for (let at = offset; at < offset + bytes.length; at = nextPage(at)) {
        const page = Math.floor(at / PAGE);
        // Bytes that were loaded before a store are older than what the account has now.
        if (this.scene.stores.get(page) !== stores.get(page)) continue;
        // Another process may be at it, and may have put zeros there for a moment or for good, with no way to tell this one.
        if (this.scene.losses > this.#lossesAtOpen || this.scene.isRepairedByOthers(page, this)) continue;
        ledger.checkBytes(at, bytes.subarray(at - offset, nextPage(at) - offset));
      }
    }
  }

  async #repair(page: number, how: 'rebuild' | 'lose'): Promise<boolean> {
    const { scene } = this;
    const { ledger } = scene;
    const range: ByteRange = { offset: page * PAGE, length: Math.min(PAGE, this.file.size - page * PAGE) };
    // What rebuild returned: others may store, or try to, before the repair that writes it has ended.
    const supplied = new Uint8Array(MOST_BYTES);
    const rebuild = ({ offset, length }: ByteRange): Uint8Array => {
      const bytes = ledger.newest.slice(offset, offset + length);
      supplied.set(bytes, offset);
      return bytes;
    };
    const options: RepairOptions = how === 'lose' ? {} : { rebuild };
    if (how === 'lose') scene.losses++;
    this.repairing.add(page);
    try {
      const { units } = await this.file.repair(range, options);
      const isBad = scene.isBad();
      for (const unit of units) {
        if (unit.outcome === 'healthy') continue;
        scene.bad.delete(page);
        ledger.unreport(unit.range, isBad);
        ledger.mayReport(unit.tombstoned);
        if (scene.contested.delete(page)) ledger.doubt(unit.range);
        else for (const part of unit.rebuilt) ledger.rebuilt(part, supplied.slice(part.offset, part.offset + part.length), isBad);
      }
    } catch (error) {
      if (isLocked(error)) return false;
      throw error;
    } finally {
      // An opener that has opened it in the middle of that may not know of it either, also if it was killed.
      if (how === 'lose') scene.losses++;
      this.repairing.delete(page);
    }
    return true;
  }

  #write(position: number, length: number, bytes = this.scene.nextPattern(position, length)): void {
    const { scene } = this;
    const { ledger } = scene;
    const range: ByteRange = { offset: position, length };
    const page = Math.floor(position / PAGE);
    scene.stores.set(page, (scene.stores.get(page) ?? 0) + 1);
    ledger.store(position, bytes);
    try {
      this.file.write(bytes, position);
    } catch (error) {
      ledger.doubt(range);
      throw error;
    }
    // Within the store others may have stored as well: this one came last.
    ledger.store(position, bytes);
    ledger.stored(range);
    if (scene.bad.has(page) && scene.isRepairedByOthers(page, this)) {
      scene.contested.add(page);
      ledger.doubt(range);
    }
  }

  #persist(position: number, length: number): boolean {
    const { ledger } = this.scene;
    const range: ByteRange = { offset: position, length };
    let kept = false;
    try {
      this.file.persist(position, length);
    } catch (error) {
      // Durable, but a repair elsewhere has kept it from ending the report that they are lost.
      if (!isLocked(error)) throw error;
      kept = true;
    }
    ledger.persisted(range, this.scene.isBad());
    if (kept) ledger.mayReport([range]);
    return !kept;
  }
}

function nextPage(position: number): number {
  return (Math.floor(position / PAGE) + 1) * PAGE;
}

function isLocked(error: unknown): boolean {
  return error instanceof PmemError && error.code === 'ERR_PMEM_LOCKED';
}
