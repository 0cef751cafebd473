/**
 * The account of what a file may hold after any crash, kept by the code that changes it: for each 8-byte word the
 * durable value and those stored since, and whether its loss may be reported. Knows nothing of how PmemFile works.
 */
import { type ByteRange, rangeEnd } from '@safe-pmem/core';

export const WORD = 8;
/** Compared at once, before single bytes are looked at. */
const CHUNK = 512;

export class Ledger {
  /** The value that reading gives while the machine runs; only if `unsure` is 0. */
  readonly newest: Uint8Array;
  readonly #durable: Buffer;
  /** Values stored since the word was last persisted. */
  readonly #stored = new Map<number, string[]>();
  /** Bytes whose loss may be reported. */
  readonly #reportable: Uint8Array;
  /** Bytes that were stored to since then: once they are persisted, the report is over. */
  readonly #rewritten: Uint8Array;
  /** Bytes that a fill may have put in the place of any lost byte of the word. */
  readonly #fills = new Map<number, number[]>();
  readonly #unsure: Uint8Array;
  /** Words that hold something the application stored, as opposed to the zeros of a new size. */
  readonly #written: Uint8Array;
  readonly #sizes: Set<number>;
  /** A size was asked for, at least: it is not durable before a persist. */
  isResized = false;
  /** Sizes that calls on their way ask for. */
  readonly #asked = new Set<number>();
  sizeBytes: number;

  /** `bytes` are durable; the file never grows past `mostBytes`. */
  constructor(bytes: Uint8Array, mostBytes: number) {
    this.#durable = Buffer.alloc(mostBytes);
    this.#durable.set(bytes);
    this.newest = Uint8Array.from(this.#durable);
    this.#reportable = new Uint8Array(mostBytes);
    this.#rewritten = new Uint8Array(mostBytes);
    this.#unsure = new Uint8Array(mostBytes / WORD);
    this.#written = new Uint8Array(mostBytes / WORD);
    this.sizeBytes = bytes.length;
    this.#sizes = new Set([bytes.length]);
  }

  /** Before a store; stored() or doubt() follows. */
  store(position: number, bytes: Uint8Array): void {
    const range: ByteRange = { offset: position, length: bytes.length };
    for (const word of wordsOf(range)) if (this.#unsure[word] === 1) this.#overlay(word, range, bytes);
    this.newest.set(bytes, position);
    this.#remember(range);
    for (const word of wordsOf(range)) this.#written[word] = 1;
    this.#rewritten.fill(1, position, rangeEnd(range));
  }

  /** The store of these bytes has succeeded: words that it covered whole hold it, whatever they may have held before. */
  stored(range: ByteRange): void {
    this.#unsure.fill(0, Math.ceil(range.offset / WORD), Math.floor(rangeEnd(range) / WORD));
  }

  /** Words of the range may have kept an earlier value although they were stored to. */
  doubt(range: ByteRange): void {
    for (const word of wordsOf(range)) this.#unsure[word] = 1;
    this.#rewritten.fill(0, range.offset, rangeEnd(range));
  }

  /** Any bytes of the range may have become this one, or not. */
  maybeFilled(range: ByteRange, byte: number): void {
    for (const word of wordsOf(range)) {
      const fills = this.#fills.get(word);
      if (fills === undefined) this.#fills.set(word, [byte]);
      else if (!fills.includes(byte)) fills.push(byte);
      this.#unsure[word] = 1;
    }
  }

  /** Every store to the range is durable. `isBad` says of a byte whether the medium has lost it. */
  persisted(range: ByteRange, isBad: (position: number) => boolean): void {
    for (const word of wordsOf(range)) {
      if (this.#unsure[word] === 1 || isBad(word * WORD)) continue;
      this.#durable.set(this.newest.subarray(word * WORD, word * WORD + WORD), word * WORD);
      this.#stored.delete(word);
      this.#fills.delete(word);
      for (let at = Math.max(range.offset, word * WORD); at < Math.min(rangeEnd(range), word * WORD + WORD); at++) {
        if (this.#rewritten[at] === 1) this.#reportable[at] = 0;
      }
      if (this.#written[word] === 1) this.#keepSize(word * WORD + 1);
    }
  }

  /** The bytes are known again, durable, and whatever was reported of them is over. */
  rebuilt(range: ByteRange, bytes: Uint8Array, isBad: (position: number) => boolean): void {
    for (const word of wordsOf(range)) {
      const isWhole = range.offset <= word * WORD && word * WORD + WORD <= rangeEnd(range);
      // Of a word that is rebuilt in part, the other part is as unknown as it was.
      if (this.#unsure[word] === 1 && !isWhole) this.#overlay(word, range, bytes);
      else this.#unsure[word] = 0;
    }
    this.newest.set(bytes, range.offset);
    this.#rewritten.fill(1, range.offset, rangeEnd(range));
    this.persisted(range, isBad);
  }

  /** Notes that from now on no opener may be told that the range is lost, unless it is. */
  unreport(range: ByteRange, isBad: (position: number) => boolean): void {
    for (const word of wordsOf(range)) {
      const from = Math.max(range.offset, word * WORD);
      if (!isBad(from)) this.#reportable.fill(0, from, Math.min(rangeEnd(range), word * WORD + WORD));
    }
  }

  /** Bytes that were poisoned, or of whose loss the application has been told. */
  mayReport(ranges: readonly ByteRange[]): void {
    for (const range of ranges) {
      this.#reportable.fill(1, range.offset, rangeEnd(range));
      this.#rewritten.fill(0, range.offset, rangeEnd(range));
    }
  }

  mayReportOf(range: ByteRange): boolean {
    return this.#reportable.subarray(range.offset, rangeEnd(range)).includes(1);
  }

  /** Others have appended these bytes, durably: the file cannot be shorter from now on. */
  appended(position: number, bytes: Uint8Array): void {
    const range: ByteRange = { offset: position, length: bytes.length };
    this.newest.set(bytes, range.offset);
    this.#durable.set(bytes, range.offset);
    for (const word of wordsOf(range)) {
      this.#stored.delete(word);
      this.#written[word] = 1;
    }
    this.sizeBytes = rangeEnd(range);
    this.#sizes.clear();
    this.#sizes.add(this.sizeBytes);
  }

  /** Before a call that asks for this size: until it has ended the file may have it, whatever becomes durable meanwhile. */
  asking(sizeBytes: number): void {
    this.isResized = true;
    this.#asked.add(sizeBytes);
  }

  /** The call has been refused, and nothing has changed. */
  notAsked(sizeBytes: number): void {
    this.#asked.delete(sizeBytes);
  }

  /** Before a change of the size, which nothing makes durable by itself. */
  resizing(sizeBytes: number): void {
    const cut = Math.min(sizeBytes, this.sizeBytes);
    const gone: ByteRange = { offset: cut, length: this.newest.length - cut };
    const cutWord = Math.floor(cut / WORD);
    this.#written.fill(0, cutWord);
    for (const word of wordsOf(gone)) {
      if (isZero(this.newest, word) && !this.#stored.has(word)) continue;
      this.newest.fill(0, Math.max(cut, word * WORD), word * WORD + WORD);
      this.#push(word, word === cutWord ? keyOf(this.newest, word * WORD) : ZEROS);
    }
    this.#sizes.add(sizeBytes);
  }

  /** Throws if a file of this size is none that there may be. */
  checkSize(sizeBytes: number): void {
    if (this.#sizes.has(sizeBytes) || this.#asked.has(sizeBytes)) return;
    throw new Error(`the file has ${sizeBytes} bytes; allowed: ${[...this.#sizes].join(', ')}`);
  }

  /** Throws if these bytes are none that a crash may leave. */
  checkBytes(position: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) {
      if (at % CHUNK === 0) {
        const end = Math.min(at + CHUNK, bytes.length);
        if (this.#durable.compare(bytes, at, end, position + at, position + end) === 0) {
          at = end - 1;
          continue;
        }
      }
      if (bytes[at] === this.#durable[position + at]) continue;
      const word = Math.floor((position + at) / WORD);
      this.#checkWord(word, Math.max(position, word * WORD), position, bytes);
      at = word * WORD + WORD - 1 - position;
    }
  }

  /** The part of a word that `bytes` holds from `from` on: it is not as it was last persisted. */
  #checkWord(word: number, from: number, position: number, bytes: Uint8Array): void {
    const to = Math.min(position + bytes.length, word * WORD + WORD);
    const found = bytes.subarray(from - position, to - position);
    const fills = this.#fills.get(word) ?? [];
    const stored = this.#stored.get(word) ?? [];
    if (stored.some((key) => same(found, Buffer.from(key, 'latin1'), from - word * WORD, fills))) return;
    if (fills.length > 0 && same(found, this.#durable, from, fills)) return;
    const allowed = [keyOf(this.#durable, word * WORD), ...stored].map((key) => Buffer.from(key, 'latin1').toString('hex'));
    throw new Error(`bytes [${from}, ${to}) read ${Buffer.from(found).toString('hex')}; allowed: ${allowed.join(', ')}`);
  }

  /** While the machine runs: what was stored last, and nothing else. */
  checkNewest(position: number, bytes: Uint8Array): void {
    if (Buffer.compare(bytes, this.newest.subarray(position, position + bytes.length)) === 0) return;
    for (const word of wordsOf({ offset: position, length: bytes.length })) {
      if (this.#unsure[word] === 1) continue;
      const from = Math.max(position, word * WORD);
      const to = Math.min(position + bytes.length, word * WORD + WORD);
      if (same(bytes.subarray(from - position, to - position), this.newest, from)) continue;
      throw new Error(`bytes [${from}, ${to}) do not read as they were last stored`);
    }
  }

  /** Of which bytes a loss may be reported now. */
  get reports(): Uint8Array {
    return this.#reportable.slice();
  }

  /** Throws if a loss is reported of bytes that nothing has happened to, now or at the moment of `earlier`. */
  checkReport(range: ByteRange, earlier?: Uint8Array): void {
    const reported = this.#reportable.subarray(range.offset, rangeEnd(range));
    const at = reported.findIndex((may, index) => may === 0 && earlier?.[range.offset + index] !== 1);
    if (at >= 0) throw new Error(`byte ${range.offset + at} is reported lost and was not`);
  }

  /** A byte before this one is durable, so the file cannot be shorter. */
  #keepSize(endBytes: number): void {
    for (const size of this.#sizes) if (size < Math.min(endBytes, this.sizeBytes)) this.#sizes.delete(size);
  }

  /** Whatever the word may hold, these bytes may lie over it. */
  #overlay(word: number, range: ByteRange, bytes: Uint8Array): void {
    const under = [keyOf(this.#durable, word * WORD), keyOf(this.newest, word * WORD), ...(this.#stored.get(word) ?? [])];
    for (const key of under) {
      const mixed = Buffer.from(key, 'latin1');
      for (let at = 0; at < WORD; at++) {
        const position = word * WORD + at;
        if (position >= range.offset && position < rangeEnd(range)) mixed[at] = bytes[position - range.offset] ?? 0;
      }
      this.#push(word, keyOf(mixed, 0));
    }
  }

  #remember(range: ByteRange): void {
    for (const word of wordsOf(range)) this.#push(word, keyOf(this.newest, word * WORD));
  }

  #push(word: number, key: string): void {
    const values = this.#stored.get(word);
    if (values === undefined) this.#stored.set(word, [key]);
    else if (!values.includes(key)) values.push(key);
  }
}

const ZEROS = '\0'.repeat(WORD);

function keyOf(bytes: Uint8Array, offset: number): string {
  let key = '';
  for (let at = offset; at < offset + WORD; at++) key += String.fromCharCode(bytes[at] ?? 0);
  return key;
}

function isZero(bytes: Uint8Array, word: number): boolean {
  for (let at = word * WORD; at < word * WORD + WORD; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** `wild` may stand in the place of any byte. */
function same(found: Uint8Array, expected: Uint8Array, offset: number, wild: readonly number[] = []): boolean {
  for (const [i, byte] of found.entries()) if (byte !== expected[offset + i] && !wild.includes(byte)) return false;
  return true;
}

function wordsOf(range: ByteRange): number[] {
  const words: number[] = [];
  const end = Math.ceil(rangeEnd(range) / WORD);
  for (let word = Math.floor(range.offset / WORD); word < end; word++) words.push(word);
  return words;
}
