/** The one or two files that hold the pages: reading a page from whichever file has it, storing it in both. */
import type { ByteRange, PmemError, PmemFile } from '@safe-pmem/core';
import { coalesce } from '@safe-pmem/core';
import type { DamageReason } from '../page-files/damage-reason.js';
import { reasonIn } from '../page-files/damage-reason.js';
import { readRun } from '../page-files/read-run.js';
import { PAGE_BYTES } from './format.js';

/** `pages` is the file given as `file`, `mirror` the one given as `mirror`. */
export type FileRole = 'pages' | 'mirror';

export interface PageFile {
  readonly role: FileRole;
  readonly file: PmemFile;
}

/** A page of one file that cannot be read or stored. `damaged`: readable, but not what was written. */
export interface PageDamage {
  readonly role: FileRole;
  readonly slot: number;
  readonly reason: DamageReason;
  readonly cause: unknown;
}

/** A page as it was decoded, and the files that do not have it. */
export interface PageRead<Page> {
  /** Undefined if no file has it. */
  readonly page: Page | undefined;
  readonly damage: readonly PageDamage[];
}

export class PageFiles {
  readonly members: readonly PageFile[];
  /** Pages that one file or both did not have when they were read, since the last repair. */
  readonly damage = new Map<string, PageDamage>();

  constructor(file: PmemFile, mirror: PmemFile | undefined) {
    this.members = [{ role: 'pages', file }, ...(mirror === undefined ? [] : [{ role: 'mirror' as const, file: mirror }])];
  }

  get path(): string {
    return (this.members[0] as PageFile).file.path;
  }

  /** Slots that every file has. */
  get slotCount(): number {
    return Math.min(...this.members.map(({ file }) => Math.floor(file.size / PAGE_BYTES)));
  }

  /** The page of the first file that has it. `decode` returns undefined for bytes that are not the page. */
  read<Page>(slot: number, decode: (page: Buffer) => Page | undefined): PageRead<Page> {
    const damage: PageDamage[] = [];
    for (const member of this.members) {
      const read = readFrom(member, slot, decode);
      damage.push(...read.damage);
      if (read.page !== undefined) return { page: read.page, damage };
      for (const item of read.damage) this.noteDamage(item);
    }
    return { page: undefined, damage };
  }

  /** Notes a page that one file does not have; the other one may have it. */
  noteDamage(damage: PageDamage): void {
    this.damage.set(`${damage.role} ${damage.slot}`, damage);
  }

  /** Stores the page in every file; durable after persist(). Returns why a file has refused it. */
  write(slot: number, page: Uint8Array): PageDamage | undefined {
    for (const member of this.members) {
      const damage = attempt(member, slot, () => {
        member.file.write(page, slot * PAGE_BYTES);
      });
      if (damage !== undefined) return damage;
    }
    return undefined;
  }

  /** Makes the pages durable in every file. Returns the slots that some file has refused. */
  async persist(slots: Iterable<number>): Promise<readonly PageDamage[]> {
    const ranges = coalesce([...slots].map((slot) => ({ offset: slot * PAGE_BYTES, length: PAGE_BYTES })));
    const damage: PageDamage[] = [];
    for (const member of this.members) {
      for (const range of persistRanges(member.file, ranges)) {
        try {
          await member.file.persistAsync(range.offset, range.length);
        } catch (error) {
          const reason = reasonIn(error);
          if (reason === undefined) throw error;
          for (const slot of slotsOf((error as PmemError).ranges)) damage.push({ role: member.role, slot, reason, cause: error });
        }
      }
    }
    return damage;
  }
}

/** The page of one file. */
export function readFrom<Page>(
  { role, file }: PageFile,
  slot: number,
  decode: (page: Buffer) => Page | undefined,
): PageRead<Page> {
  const bytes = Buffer.allocUnsafeSlow(PAGE_BYTES);
  const damage = attempt({ role, file }, slot, () => {
    file.read(bytes, slot * PAGE_BYTES);
  });
  if (damage !== undefined) return { page: undefined, damage: [damage] };
  return decoded({ role, file }, slot, bytes, decode);
}

/** Slots of one file that lie one after the other, read together. Their pages are valid until the next run is read. */
export class SlotRun {
  readonly #member: PageFile;
  readonly #first: number;
  readonly #bytes: Buffer;
  readonly #errors: ReadonlyMap<number, PmemError>;

  /** `room`: for as many pages as the run has. Throws what is no damage, such as a closed file. */
  constructor(member: PageFile, first: number, room: Buffer) {
    this.#member = member;
    this.#first = first;
    this.#bytes = room;
    this.#errors = readRun(member.file, first * PAGE_BYTES, room);
  }

  /** Does what readFrom() does. */
  read<Page>(slot: number, decode: (page: Buffer) => Page | undefined): PageRead<Page> {
    const index = slot - this.#first;
    const cause = this.#errors.get(index);
    if (cause === undefined) {
      return decoded(this.#member, slot, this.#bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES), decode);
    }
    const reason = reasonIn(cause) as DamageReason;
    return { page: undefined, damage: [{ role: this.#member.role, slot, reason, cause }] };
  }
}

function decoded<Page>(
  { role, file }: PageFile, slot: number, bytes: Buffer, decode: (page: Buffer) => Page | undefined,
): PageRead<Page> {
  const page = decode(bytes);
  if (page !== undefined) return { page, damage: [] };
  const cause = new Error(`slot ${slot} of '${file.path}' does not hold the page that was stored there`);
  return { page: undefined, damage: [{ role, slot, reason: 'damaged', cause }] };
}

/**
 * True if every page is zeros, or `isLeftover`, left by an interrupted start. Pages that cannot be read do not count.
 */
export function isBlank(file: PmemFile, isLeftover: (page: Buffer, slot: number) => boolean = () => false): boolean {
  const zeros = Buffer.alloc(PAGE_BYTES);
  for (let slot = 0; slot < Math.floor(file.size / PAGE_BYTES); slot++) {
    const { page } = readFrom({ role: 'pages', file }, slot, (bytes) => bytes);
    if (page !== undefined && !page.equals(zeros) && !isLeftover(page, slot)) return false;
  }
  return true;
}

/** Slots that the ranges touch. */
export function slotsOf(ranges: readonly ByteRange[]): number[] {
  return coalesce(ranges).flatMap(({ offset, length }) => {
    const first = Math.floor(offset / PAGE_BYTES);
    return Array.from({ length: Math.ceil((offset + length) / PAGE_BYTES) - first }, (_, i) => first + i);
  });
}

/** msync is a system call a range and writes only what has changed; a cache-line flush costs by the byte. */
function persistRanges(file: PmemFile, ranges: readonly ByteRange[]): readonly ByteRange[] {
  const [first, last] = [ranges.at(0), ranges.at(-1)];
  if (first === undefined || last === undefined || file.info().persistMethod !== 'msync') return ranges;
  return [{ offset: first.offset, length: last.offset + last.length - first.offset }];
}

function attempt({ role }: PageFile, slot: number, action: () => void): PageDamage | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    const reason = reasonIn(error);
    if (reason === undefined) throw error;
    return { role, slot, reason, cause: error };
  }
}
