/** The keys of the demos of the paged store and of Level, and the audits that decide whether these may call themselves a success. */
import type { PmemFile } from '@safe-pmem/core';
import { PmemError } from '@safe-pmem/core';
import type { PmemLevel } from '../level/index.js';
import { LossError } from '../level/index.js';
import type { Change, PageStore, StoreRepairReport } from '../pages/index.js';
import { LostKeysError } from '../pages/index.js';
import type { Audit } from './demo.js';
import type { KindOf } from './page-map.js';
import { statesOf } from './page-map.js';
import { randomFrom } from './workload.js';

const PAGE_BYTES = 4096;
const BATCH = 100;

export function keyOf(number: number): string {
  return `account ${String(number).padStart(6, '0')}`;
}

/** Returns the value of key `number` in its `version`th version: every fiftieth is longer than a page. */
export function valueOf(number: number, version = 0): Buffer {
  const random = randomFrom(number * 10 + version + 1);
  const bytes = Buffer.alloc(number % 50 === 49 ? 6000 + random(3000) : 60 + random(200));
  bytes.write(JSON.stringify({ account: number, version, cents: random(1e7) }));
  for (let at = 60; at < bytes.length; at++) bytes[at] = random(256);
  return bytes;
}

/** Stores keys from `first` up to, but without, `end`. */
export async function fillStore(store: PageStore, first: number, end: number, version = 0): Promise<void> {
  for (let start = first; start < end; start += BATCH) {
    const changes: Change[] = [];
    for (let number = start; number < Math.min(end, start + BATCH); number++) {
      changes.push({ type: 'put', key: Buffer.from(keyOf(number)), value: valueOf(number, version) });
    }
    await store.batch(changes);
  }
}

/** An account of every key: right, or lost. `versionOf` says what was stored last. */
export interface KeyAudit extends Audit {
  readonly lostKeys: string[];
  /** Describes what happened to the medium, as the losses tell it. */
  readonly causes: Set<string>;
}

export function auditStore(title: string, store: PageStore, count: number, versionOf: (number: number) => number = () => 0): KeyAudit {
  const result = newAudit(title, count);
  for (let number = 0; number < count; number++) {
    try {
      compare(result, number, store.get(Buffer.from(keyOf(number))), valueOf(number, versionOf(number)));
    } catch (error) {
      noteLoss(result, number, error instanceof LostKeysError ? error : undefined, error);
    }
  }
  return result;
}

export async function auditLevel(title: string, db: PmemLevel<string, Buffer>, count: number): Promise<KeyAudit> {
  const result = newAudit(title, count);
  for (let number = 0; number < count; number++) {
    try {
      compare(result, number, await db.get(keyOf(number)), valueOf(number));
    } catch (error) {
      noteLoss(result, number, error instanceof LossError ? error : undefined, error);
    }
  }
  return result;
}

/** Adds every loss as a problem, for stores of which a second file has everything. */
export function expectAll(result: KeyAudit): KeyAudit {
  if (result.lost > 0) result.problems.push(`${result.lost} keys lost although a mirror had them`);
  return result;
}

export function expectSome(result: KeyAudit): KeyAudit {
  if (result.lost === 0) result.problems.push('pages were lost without a copy, and no key is');
  return result;
}

/** `account 000120 … account 000143 (24 keys)`. */
export function describeKeys(keys: readonly string[]): string[] {
  const runs: string[][] = [];
  for (const key of keys) {
    const run = runs.at(-1);
    const number = Number(key.slice(-6));
    if (run !== undefined && Number(run.at(-1)?.slice(-6)) === number - 1) run.push(key);
    else runs.push([key]);
  }
  return runs.map((run) => (run.length === 1 ? (run[0] ?? '') : `${run[0] ?? ''} … ${run.at(-1) ?? ''} (${run.length} keys)`));
}

/** Pages of a data file by their markers: leaves and pieces of long values are records, and so is what is not free yet. */
const kindInStore: KindOf = (page, bytes) => {
  if (page === 0) return 'header';
  return Buffer.from(bytes.buffer, bytes.byteOffset + 4, 4).equals(Buffer.alloc(4)) ? 'free' : 'records';
};

export function storeStatesOf(file: PmemFile): ReturnType<typeof statesOf> {
  return statesOf(file, kindInStore);
}

/** Returns the bytes that a repair has rebuilt in the file of this role. */
export function rebuiltPages(report: StoreRepairReport, role: 'pages' | 'mirror'): { offset: number; length: number }[] {
  return report.rebuilt.filter((page) => page.role === role).map(({ slot }) => ({ offset: slot * PAGE_BYTES, length: PAGE_BYTES }));
}

function newAudit(title: string, committed: number): KeyAudit {
  return { title, committed, intact: 0, lost: 0, bytes: 0, problems: [], lostKeys: [], causes: new Set() };
}

function compare(result: KeyAudit, number: number, found: Uint8Array | undefined, expected: Buffer): void {
  result.bytes += expected.length;
  if (found === undefined) result.problems.push(`${keyOf(number)} was neither returned nor reported lost`);
  else if (Buffer.compare(found, expected) === 0) result.intact++;
  else result.problems.push(`${keyOf(number)} came back with wrong bytes`);
}

function noteLoss(result: KeyAudit, number: number, loss: LostKeysError | LossError | undefined, error: unknown): void {
  if (loss === undefined) throw error;
  result.lost++;
  result.lostKeys.push(keyOf(number));
  if (loss.cause instanceof PmemError) result.causes.add(loss.cause.code);
  else result.problems.push(`the loss of ${keyOf(number)} has no cause`);
}
