/** An application on one PmemFile that keeps account in a ledger of what it did and what it was told. */
import { alignOut, type ByteRange, formatRanges, MediaError, overlaps, PmemError, PmemFile, type RepairOptions, subtract } from '@safe-pmem/core';
import type { MockDriver, ScheduledEvent } from '../src/index.js';
import { Ledger, WORD } from './ledger.js';

export const PAGE = 4096;
export const PATH = '/pmem/data';
export const JOURNAL = `${PATH}.repair`;
/** No file of these explorations is ever longer. */
const PAGES_MAX = 3;
/** Content of files at first, for the largest pages. */
const CONTENT = pattern(0, PAGES_MAX * 65_536, 0);

export class Scene {
  readonly ledger: Ledger;
  readonly #bytesMax: number;
  #journalPoisoned = false;
  /** A load or store was made to fail: a repair may meet losses that were not reported yet. */
  #faulted = false;
  #file: PmemFile | undefined;
  #salt = 1;

  /** `tolerant`: goes on if the medium refuses a store or a repair. */
  constructor(
    readonly driver: MockDriver,
    sizeBytes: number,
    readonly tolerant: boolean,
    readonly pageBytes = PAGE,
  ) {
    this.#bytesMax = PAGES_MAX * pageBytes;
    const bytes = CONTENT.subarray(0, sizeBytes);
    driver.writeFile(PATH, bytes);
    this.ledger = new Ledger(bytes, this.#bytesMax);
  }

  get file(): PmemFile {
    if (this.#file === undefined) throw new Error('the file is not open');
    return this.#file;
  }

  async open(): Promise<void> {
    this.#file = undefined;
    this.#file = await PmemFile.open(PATH, { driver: this.driver });
  }

  async reopen(): Promise<void> {
    await this.close();
    await this.open();
  }

  async close(): Promise<void> {
    const { file } = this;
    this.#file = undefined;
    await file.close();
  }

  write(position: number, length: number): void {
    const bytes = pattern(position, length, this.#salt++);
    const range: ByteRange = { offset: position, length };
    this.ledger.store(position, bytes);
    try {
      this.file.write(bytes, position);
      this.ledger.stored(range);
    } catch (error) {
      this.ledger.doubt(range);
      this.#refused(error);
    }
  }

  persist(position: number, length: number): void {
    try {
      this.file.persist(position, length);
    } catch (error) {
      this.#refused(error);
      return;
    }
    this.ledger.persisted({ offset: position, length }, this.#badNow());
  }

  /** Reads all and holds it against the ledger; what cannot be read must have a reason. */
  async readAll(): Promise<readonly ByteRange[]> {
    const { pieces, gaps } = await this.file.salvage();
    for (const { offset, bytes } of pieces) this.ledger.checkNewest(offset, bytes);
    this.ledger.mayReport(gaps);
    return gaps;
  }

  /** After a crash: the size, every byte and every report must be one that the ledger allows. */
  async readRecovered(): Promise<readonly ByteRange[]> {
    const { file, ledger } = this;
    ledger.checkSize(file.size);
    const { pieces, gaps } = await file.salvage();
    for (const { offset, bytes } of pieces) ledger.checkBytes(offset, bytes);
    this.#readMustAgree(gaps);
    const isBad = this.#badNow();
    for (const gap of gaps) {
      // A block that was poisoned elsewhere, in a journal for instance, may have become the file's since; and a repair that
      // met a signal may have taken good bytes for lost, and power failed before it could say so.
      if (isBad(gap.offset) || this.#faulted) ledger.mayReport([gap]);
      ledger.checkReport(gap);
    }
    return gaps;
  }

  /** read() gives all, or names as lost what salvage() could not read. */
  #readMustAgree(gaps: readonly ByteRange[]): void {
    const bytes = new Uint8Array(this.file.size);
    let refused: readonly ByteRange[] = [];
    try {
      this.file.read(bytes, 0);
    } catch (error) {
      if (!(error instanceof PmemError) || !['ERR_PMEM_MEDIA', 'ERR_PMEM_LOST'].includes(error.code)) throw error;
      refused = error.ranges;
    }
    if (refused.length === 0) this.ledger.checkBytes(0, bytes);
    // read() may meet latent poison beneath lost bytes, which salvage() does not touch: then the page is refused.
    const pages = gaps.map((gap) => alignOut(gap, this.pageBytes));
    if (subtract(refused, pages).length > 0 || (refused.length === 0 && gaps.length > 0)) {
      throw new Error(`read() refuses ${formatRanges(refused)}, salvage() ${formatRanges(gaps)}`);
    }
  }

  hasStorage(page: number): boolean {
    return this.driver.physicalOf(PATH, page * this.pageBytes) !== undefined;
  }

  poison(page: number, latent = false): void {
    const range: ByteRange = { offset: page * this.pageBytes, length: this.pageBytes };
    this.ledger.mayReport([range]);
    this.driver.poison(PATH, range, { latent });
  }

  /**
   * The hook of an exploration: notes poison that it puts into this file, or into a place where the journal is or may
   * come to be.
   */
  noteEvent(event: ScheduledEvent): void {
    if (event.effect === 'signal') this.#faulted = true;
    if (event.effect !== 'poison') return;
    if (event.path === PATH) this.ledger.mayReport([alignOut(event, this.pageBytes)]);
    else this.#journalPoisoned = true;
  }

  /** Poison lies, or has lain, where a journal is or may be put: in its file or in free space. */
  get journalAtRisk(): boolean {
    const own: ByteRange[] = [];
    for (let position = 0; position < this.#bytesMax; position += this.pageBytes) {
      const offset = this.driver.physicalOf(PATH, position);
      if (offset !== undefined) own.push({ offset, length: this.pageBytes });
    }
    return this.#journalPoisoned || subtract(this.driver.poisoned, own).length > 0;
  }

  /** Repairs with bytes that the application still has. */
  async rebuild(ranges: readonly ByteRange[]): Promise<void> {
    await this.#repair(ranges, { rebuild: ({ offset, length }) => this.ledger.newest.slice(offset, offset + length) });
  }

  async fill(ranges: readonly ByteRange[], byte: number): Promise<void> {
    for (const range of ranges) this.#maybeFilled(range, byte);
    await this.#repair(ranges, { fill: byte });
  }

  async lose(ranges: readonly ByteRange[]): Promise<void> {
    await this.#repair(ranges, {});
  }

  /** False if it was refused, and the scene goes on after that. */
  async resize(sizeBytes: number): Promise<boolean> {
    const before = this.ledger.sizeBytes;
    const held = this.ledger.newest.slice();
    this.ledger.resizing(sizeBytes);
    try {
      await this.file.resize(sizeBytes);
    } catch (error) {
      // A media error is a refusal: nothing was changed.
      if (error instanceof MediaError) this.ledger.newest.set(held);
      else {
        this.ledger.doubt({ offset: 0, length: this.#bytesMax });
        this.ledger.sizeBytes = Math.min(before, sizeBytes);
      }
      this.#refused(error);
      return false;
    }
    this.ledger.sizeBytes = sizeBytes;
    return true;
  }

  /** Says of a byte of the file whether the medium has lost a byte of its page, known or not. */
  #badNow(): (position: number) => boolean {
    const { poisoned } = this.driver;
    if (poisoned.length === 0) return () => false;
    const bad = Array.from({ length: this.#bytesMax / this.pageBytes }, (_, page) => {
      const offset = this.driver.physicalOf(PATH, page * this.pageBytes);
      return offset !== undefined && poisoned.some((range) => overlaps(range, { offset, length: this.pageBytes }));
    });
    return (position) => bad[Math.floor(position / this.pageBytes)] === true;
  }

  async #repair(ranges: readonly ByteRange[], options: RepairOptions): Promise<void> {
    try {
      const { units } = await this.file.repair(ranges, options);
      const isBad = this.#badNow();
      for (const { range, rebuilt, filled, tombstoned, outcome } of units) {
        if (outcome === 'healthy') continue;
        this.ledger.unreport(range, isBad);
        this.ledger.mayReport(tombstoned);
        for (const part of rebuilt) {
          this.ledger.rebuilt(part, this.ledger.newest.slice(part.offset, part.offset + part.length), isBad);
        }
        for (const part of filled) {
          this.ledger.rebuilt(part, new Uint8Array(part.length).fill(options.fill ?? 0), isBad);
        }
      }
    } catch (error) {
      this.ledger.doubt({ offset: 0, length: this.#bytesMax });
      this.#refused(error);
    }
  }

  /** Notes the bytes that a fill may put into the lost parts of the units of the range. */
  #maybeFilled(range: ByteRange, byte: number): void {
    const units = alignOut(range, this.pageBytes);
    const from = units.offset;
    const to = Math.min(from + units.length, this.ledger.sizeBytes);
    for (let at = from; at < to; at += WORD) {
      const word: ByteRange = { offset: at, length: Math.min(WORD, to - at) };
      if (this.#faulted || this.ledger.mayReportOf(word)) this.ledger.maybeFilled(word, byte);
    }
  }

  /** Takes note of a loss that the application is told of; throws what it does not go on after. */
  #refused(error: unknown): void {
    if (!(error instanceof PmemError)) throw error;
    if (['ERR_PMEM_MEDIA', 'ERR_PMEM_LOST'].includes(error.code)) this.ledger.mayReport(error.ranges);
    if (!this.tolerant || !['ERR_PMEM_MEDIA', 'ERR_PMEM_REPAIR_FAILED'].includes(error.code)) throw error;
  }
}

/** Bytes that differ from word to word and from call to call, and are never zero. */
export function pattern(position: number, length: number, salt: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const at = position + i;
    bytes[i] = ((at * 31 + (at >>> 8) * 7 + salt * 59) % 255) + 1;
  }
  return bytes;
}
