/** A simulated machine with a log on it, and an independent account of what the log must give back. */
import { PmemFile } from '@safe-pmem/core';
import type { MockDriver, MockOptions } from '@safe-pmem/mock';
import { mockDriver } from '@safe-pmem/mock';
import type { ReplayItem, Role, WalOptions } from '../../src/wal/index.js';
import { Wal } from '../../src/wal/index.js';

export const PAGE = 4096;
const PATHS = { log: '/pmem0/log', mirror: '/pmem1/mirror' } as const;

export interface LogMachineOptions extends MockOptions {
  readonly pages: number;
  readonly mirrored?: boolean;
}

/** Flushing cache lines, and msync(2), which runs off this thread. */
export const PERSIST_WAYS = [
  ['by cache lines', { dax: true }],
  ['by msync', { dax: false }],
  ['by msync, with a mirror', { dax: false, mirrored: true }],
] as const satisfies readonly (readonly [string, Partial<LogMachineOptions>])[];

export class LogMachine {
  readonly driver: MockDriver;
  readonly mirrored: boolean;
  readonly pages: number;
  files: PmemFile[] = [];

  constructor({ pages, mirrored = false, ...options }: LogMachineOptions) {
    this.driver = mockDriver(options);
    this.pages = pages;
    this.mirrored = mirrored;
    // Written, not only allocated: the kernel clears poison in a block that was never written at the first store.
    for (const path of Object.values(PATHS)) this.driver.writeFile(path, new Uint8Array(pages * PAGE));
  }

  /** Opens the files again, as a process does that has just started, and the log on them. */
  async open(options: Partial<WalOptions> = {}): Promise<Wal> {
    await this.closeFiles();
    const file = await this.openFile('log');
    if (!this.mirrored) return Wal.open({ file, ...options });
    return Wal.open({ file, mirror: await this.openFile('mirror'), ...options });
  }

  async openFile(role: Role): Promise<PmemFile> {
    const file = await PmemFile.open(PATHS[role], { driver: this.driver });
    this.files.push(file);
    return file;
  }

  async closeFiles(): Promise<void> {
    const files = this.files;
    this.files = [];
    for (const file of files) await file.close();
  }

  poison(role: Role, page: number): void {
    this.driver.poison(PATHS[role], { offset: page * PAGE, length: PAGE });
  }

  /** The bytes of one page as the medium holds them, poisoned or not. */
  page(role: Role, page: number): Uint8Array {
    return this.driver.readFile(PATHS[role]).subarray(page * PAGE, (page + 1) * PAGE);
  }

  /** Stores without the library's knowledge. */
  async overwrite(role: Role, position: number, bytes: Uint8Array): Promise<void> {
    const file = await PmemFile.open(PATHS[role], { driver: this.driver });
    file.write(bytes, position);
    file.persist();
    await file.close();
  }

  /** Power fails; open files are dead afterwards. */
  crash(...how: Parameters<MockDriver['crash']>): void {
    this.driver.crash(...how);
    this.files = [];
  }
}

/** A payload that no other record shares: its number, then bytes that depend on it. */
export function payloadOf(sequence: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let i = 0; i < lengthBytes; i++) bytes[i] = (sequence * 131 + i * 17 + (i >>> 8)) & 0xff;
  return bytes;
}

/** Appends and commits records of the given lengths; returns what must come back. */
export function commitRecords(wal: Wal, lengths: readonly number[], batch = 1): Map<number, Uint8Array> {
  const records = new Map<number, Uint8Array>();
  for (const [index, length] of lengths.entries()) {
    const payload = payloadOf(index + 1, length);
    records.set(wal.append(payload), payload);
    if ((index + 1) % batch === 0) wal.commit();
  }
  wal.commit();
  return records;
}

export async function itemsOf(wal: Wal): Promise<ReplayItem[]> {
  const items: ReplayItem[] = [];
  for await (const item of wal.replay()) items.push(item);
  return items;
}

export interface Account {
  readonly returned: number[];
  readonly lost: number[];
  /** Those of the lost ones that were perhaps never committed, as the log says. */
  readonly doubtful: number[];
}

/**
 * Replays and checks the invariant: from `firstSequence` to `lastSequence` every record exactly once and in order,
 * with the bytes of `records`, or reported lost. Throws otherwise.
 */
export async function accountFor(wal: Wal, records: ReadonlyMap<number, Uint8Array>): Promise<Account> {
  const account: Account = { returned: [], lost: [], doubtful: [] };
  let next = wal.firstSequence ?? 1;
  for (const item of await itemsOf(wal)) {
    if (item.type === 'record') {
      const expected = records.get(item.sequence);
      if (item.sequence !== next) throw new Error(`record ${item.sequence} came where ${next} was due`);
      if (expected === undefined) throw new Error(`record ${item.sequence} was never appended`);
      if (Buffer.compare(expected, item.payload) !== 0) throw new Error(`record ${item.sequence} has wrong bytes`);
      account.returned.push(next++);
    } else {
      if (item.first !== next) throw new Error(`loss of ${item.first} came where ${next} was due`);
      if (item.last === undefined) throw new Error('a loss without end although the commit point is known');
      if (item.last < item.first) throw new Error(`odd loss ${item.first} to ${item.last}`);
      while (next <= item.last) {
        if (!item.certain) account.doubtful.push(next);
        account.lost.push(next++);
      }
    }
  }
  if (next !== (wal.lastSequence ?? -1) + 1)
    throw new Error(`ended before ${next}, committed up to ${wal.lastSequence ?? -1}`);
  return account;
}

/**
 * Which records have a piece in which page of the file, read from the byte table in format.ts and not through the
 * code under test: page header of 32 bytes, then fragments with length at 4 (its highest bit marks the end of a commit)
 * and a sequence of 6 bytes at 8.
 */
export function sequencesByPage(machine: LogMachine): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (let page = 1; page < machine.pages - 1; page++) {
    const bytes = machine.page('log', page);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sequences: number[] = [];
    for (let at = 32; view.getUint32(4, true) !== 0 && at <= PAGE - 32 && view.getUint16(at + 6, true) === 0x4657;) {
      sequences.push(Number(view.getBigUint64(at + 8, true) & 0xffff_ffff_ffffn));
      at += 24 + Math.ceil((view.getUint16(at + 4, true) & 0x7fff) / 8) * 8;
    }
    if (sequences.length > 0) found.set(page, sequences);
  }
  return found;
}

/** A page of the file as it is but for eras, ends of commits, and the checksums over them. */
export function withoutEras(page: Uint8Array): Uint8Array {
  const bytes = page.slice();
  const view = new DataView(bytes.buffer);
  for (let at = 32; at <= PAGE - 32 && view.getUint16(at + 6, true) === 0x4657;) {
    view.setUint32(at, 0, true);
    view.setUint16(at + 14, 0, true);
    const length = view.getUint16(at + 4, true) & 0x7fff;
    view.setUint16(at + 4, length, true);
    at += 24 + Math.ceil(length / 8) * 8;
  }
  return bytes;
}

export function union(lists: Iterable<readonly number[]>): number[] {
  return [...new Set([...lists].flat())].sort((a, b) => a - b);
}

/** A generator that a seed reproduces (Marsaglia's xorshift, 32 bits). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.below(2);
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

/** Seeds of a randomised test, fresh ones every time: WAL_SEED reruns one of them, SAFE_PMEM_SEED is the first. */
export function seedsFor(count: number): number[] {
  const fixed = process.env.WAL_SEED;
  if (fixed !== undefined) return [Number(fixed)];
  const base = Number(process.env.SAFE_PMEM_SEED ?? Date.now() % 1_000_000_000);
  return Array.from({ length: count }, (_, i) => base + i);
}
