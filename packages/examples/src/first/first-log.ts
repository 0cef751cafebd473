/**
 * The smallest log on PmemFile: append, commit, read back, survive a bad page. The file is pages of 4096 bytes:
 *
 *   pages 0 and 1   the commit point, the same in both; zeros are the point of an empty log
 *                     0  u32  CRC-32 of bytes 4 … 24
 *                     4  u32  magic
 *                     8  u64  generation, one more with each commit
 *                    16  u32  records committed
 *                    20  u32  end: the file offset after the last of them
 *   pages 2 …       records; none crosses a page
 *                     0  u32  number of the first record in this page
 *                     4       records: u16 length + 1, then the bytes; 0 ends the page
 *
 * A commit makes durable the records, then the point in one page, then in the other. After a crash or an error the
 * page that may be older comes first. A record is acknowledged once both hold it, so either is enough to find it.
 */
import { crc32 } from 'node:zlib';
import { type ByteRange, isMediaError, isPmemError, type PmemFile } from '@safe-pmem/core';

const PAGE = 4096;
const MAGIC = 0x474f_4c46;
const POINT_BYTES = 24;
const FIRST_PAGE = 2;
type Point = Readonly<Record<'generation' | 'count' | 'end', number>>;
const EMPTY: Point = { generation: 0, count: 0, end: FIRST_PAGE * PAGE };
export type Item = { readonly sequence: number; readonly payload: Buffer } | { readonly lost: [first: number, last: number] };

export class FirstLog {
  readonly #file: PmemFile;
  #committed: Point;
  #count: number;
  #end: number;
  #next = 0;

  private constructor(file: PmemFile, point: Point) {
    this.#file = file;
    this.#committed = point;
    this.#count = point.count;
    this.#end = point.end;
  }

  /** Opens the log in `file`; a file of zeros is an empty log. Throws an Error if neither page shows a commit point; nothing changed. */
  static open(file: PmemFile): FirstLog {
    if (file.info().repairUnitBytes > PAGE) throw new Error(`a bad block of '${file.path}' takes both points`);
    const pages = [readPage(file, 0), readPage(file, 1)];
    const isOther = (page: Buffer | string): boolean => typeof page !== 'string' && ![0, MAGIC].includes(page.readUInt32LE(4));
    if (pages.some(isOther)) throw new Error(`'${file.path}' holds something else than a log`);
    const points = pages.map((page) => (typeof page === 'string' ? undefined : decodePoint(page)));
    const [newest] = points.filter((point) => point !== undefined).sort((a, b) => b.generation - a.generation);
    if (newest === undefined) throw new Error(`'${file.path}' has lost both copies of its commit point`);
    const log = new FirstLog(file, newest);
    log.#next = points[0] === newest ? 1 : 0;
    // Without this, power failure takes back what a process that died had not flushed.
    if (!file.info().readOnly) file.writeAndPersist(encodePoint(newest), (1 - log.#next) * PAGE);
    // A page that lost bytes in a repair is left as it is: what was appended there would be reported lost with it.
    if (log.#end % PAGE !== 0 && readPage(file, pageOf(log.#end)) === 'lost') log.#leavePage();
    return log;
  }

  /** Stores a record after the last one and returns its number. It is durable after commit(). MediaError: call repair(). */
  append(payload: Uint8Array): number {
    if (payload.length > PAGE - 6) throw new RangeError(`a record has at most ${PAGE - 6} bytes`);
    if (this.#end % PAGE !== 0 && (this.#end % PAGE) + 2 + payload.length > PAGE) this.#leavePage();
    if (pageOf(this.#end) * PAGE + PAGE > this.#file.size) throw new Error('the log is full');
    const opensPage = this.#end % PAGE === 0;
    const bytes = Buffer.alloc((opensPage ? 4 : 0) + 2 + payload.length);
    if (opensPage) bytes.writeUInt32LE(this.#count);
    bytes.writeUInt16LE(payload.length + 1, opensPage ? 4 : 0);
    bytes.set(payload, bytes.length - payload.length);
    this.#file.write(bytes, this.#end);
    this.#end += bytes.length;
    return this.#count++;
  }

  /** Makes all appended records durable. After an error none of them is acknowledged; MediaError: repair(), then commit() once more. */
  commit(): void {
    const { end, generation } = this.#committed;
    if (this.#end > end) this.#file.persist(end, this.#end - end);
    const bytes = encodePoint((this.#committed = { generation: generation + 1, count: this.#count, end: this.#end }));
    for (let i = 0; i < 2; i++, this.#next = 1 - this.#next) this.#file.writeAndPersist(bytes, this.#next * PAGE);
  }

  /** Every committed record in order, or the numbers of those that a bad page has taken. */
  *records(): Generator<Item, void, undefined> {
    const { count, end } = this.#committed;
    let next = 0;
    for (let page = FIRST_PAGE; page * PAGE < end; page++) {
      const bytes = readPage(this.#file, page);
      if (typeof bytes === 'string') continue;
      const first = bytes.readUInt32LE(0);
      if (first > next) yield { lost: [next, first - 1] };
      next = first;
      for (let at = 4; at + 2 <= Math.min(PAGE, end - page * PAGE) && bytes.readUInt16LE(at) !== 0;) {
        const length = bytes.readUInt16LE(at) - 1;
        yield { sequence: next++, payload: bytes.subarray(at + 2, at + 2 + length) };
        at += 2 + length;
      }
    }
    if (next < count) yield { lost: [next, count - 1] };
  }

  /** Makes bad pages usable again. What `rebuild` does not give back for a range stays lost, and its records are reported so. */
  async repair(rebuild: (range: ByteRange) => Uint8Array | undefined = () => undefined): Promise<void> {
    const count = Math.min(pageOf(this.#end) + 1, this.#file.size / PAGE);
    const bad = [...Array(count).keys()].filter((page) => typeof readPage(this.#file, page) === 'string');
    const point = Buffer.concat([encodePoint(this.#committed), Buffer.alloc(PAGE - POINT_BYTES)]);
    await this.#file.repair(
      bad.map((page) => ({ offset: page * PAGE, length: PAGE })),
      { rebuild: (range) => (pageOf(range.offset) < FIRST_PAGE ? pieceOf(point, range) : rebuild(range)) },
    );
    if (this.#end % PAGE !== 0 && bad.includes(pageOf(this.#end))) this.#leavePage();
  }

  /** Goes on in the next page; zeros end this one, whatever a crash has left in it. */
  #leavePage(): void {
    this.#file.write(Buffer.alloc(PAGE - (this.#end % PAGE)), this.#end);
    this.#end += PAGE - (this.#end % PAGE);
  }
}

const pageOf = (position: number): number => Math.floor(position / PAGE);
const pieceOf = (page: Buffer, { offset, length }: ByteRange): Buffer => page.subarray(offset % PAGE, (offset % PAGE) + length);

/** A page, or what is wrong with it: `bad` until a repair, `lost` after one that had nothing to put there. */
function readPage(file: PmemFile, page: number): Buffer | 'bad' | 'lost' {
  const bytes = Buffer.alloc(PAGE);
  try {
    file.read(bytes, page * PAGE);
    return bytes;
  } catch (error) {
    if (isMediaError(error)) return 'bad';
    if (isPmemError(error) && error.code === 'ERR_PMEM_LOST') return 'lost';
    throw error;
  }
}
function encodePoint({ generation, count, end }: Point): Buffer {
  const bytes = Buffer.alloc(POINT_BYTES);
  bytes.writeUInt32LE(MAGIC, 4);
  bytes.writeBigUInt64LE(BigInt(generation), 8);
  bytes.writeUInt32LE(count, 16);
  bytes.writeUInt32LE(end, 20);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)));
  return bytes;
}
/** The point in a page, or undefined if a crash tore it or the page holds something else. */
function decodePoint(page: Buffer): Point | undefined {
  if (page.every((byte) => byte === 0)) return EMPTY;
  if (page.readUInt32LE(4) !== MAGIC || page.readUInt32LE() !== crc32(page.subarray(4, POINT_BYTES))) return undefined;
  return { generation: Number(page.readBigUInt64LE(8)), count: page.readUInt32LE(16), end: page.readUInt32LE(20) };
}
