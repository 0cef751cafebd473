/** What most tests start from: a file of ten pages whose bytes are all different, page 5 of it bad. */
import assert from 'node:assert/strict';
import type { CompleteFile, Extent, JournalFile } from '@safe-pmem/core';
import { type MockDriver, mockDriver, type MockOptions, type PoisonOptions } from '../src/index.js';

export const PAGE = 4096;
export const PATH = '/pmem/file';
/** Start of the bad page. */
export const P = 5 * PAGE;

export const JOURNAL = `${PATH}.repair`;

export function journalFile(bytes: Uint8Array): JournalFile {
  return { bytes, mark: Buffer.from('a mark'), temporary: '.repair-test.tmp', isNew: false };
}

export interface Scenario {
  readonly driver: MockDriver;
  readonly file: CompleteFile;
  readonly bytes: Uint8Array;
}

export interface ScenarioOptions extends MockOptions {
  readonly sizeBytes?: number;
  readonly extentBytes?: number;
  /** Bytes from the start of page 5 that are poisoned; 0 for none, a whole page by default. */
  readonly poisonBytes?: number;
  readonly poison?: PoisonOptions;
}

/** Bytes that differ from page to page and are never zero. */
export function pattern(lengthBytes: number, salt = 1): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, i) => ((i * 31 + (i >>> 12) * 17 + salt * 7) % 255) + 1);
}

export async function scenario(options: ScenarioOptions = {}): Promise<Scenario> {
  const driver = mockDriver(options);
  const bytes = pattern(options.sizeBytes ?? 10 * PAGE);
  driver.writeFile(PATH, bytes, { extentBytes: options.extentBytes });
  const file = await open(driver);
  const length = options.poisonBytes ?? PAGE;
  if (length > 0) driver.poison(PATH, { offset: P, length }, options.poison);
  return { driver, file, bytes };
}

export async function open(
  driver: MockDriver,
  path = PATH,
  request: { readonly create?: boolean; readonly readOnly?: boolean; readonly sizeBytes?: number; readonly preallocate?: boolean } = {},
): Promise<CompleteFile> {
  const outcome = await driver.open(path, {
    create: request.create ?? false,
    readOnly: request.readOnly ?? false,
    sizeBytes: request.sizeBytes,
    preallocate: request.preallocate ?? false,
  });
  if ('failure' in outcome) assert.fail(`open of ${path} failed with errno ${outcome.failure.errno}`);
  return outcome.file;
}

/** Outcome of a pread: its errno, or how many bytes it gave. */
export async function preadOf(file: CompleteFile, position: number, length: number): Promise<{ bytes: Uint8Array; errno: number }> {
  const target = new Uint8Array(length);
  const { transferredBytes, errno } = await file.pread(target, position);
  return { bytes: target.subarray(0, transferredBytes), errno };
}

/** Names the first byte that differs; comparing pages with toEqual takes far longer and prints them. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assert.fail(`byte ${at} is ${actual[at] ?? 'missing'}, expected ${expected[at] ?? 'none'}`);
}

export function loaded(file: CompleteFile, position: number, length: number): Uint8Array {
  const target = new Uint8Array(length);
  assert.equal(file.read(target, position), undefined);
  return target;
}

export async function isListed(file: CompleteFile, physicalOffset: number): Promise<boolean> {
  const list = await file.badBlocks();
  assert.ok(list.supported);
  return list.ranges.some((range) => range.offset < physicalOffset + PAGE && range.offset + range.length > physicalOffset);
}

export async function extentsOf(file: CompleteFile): Promise<readonly Extent[]> {
  const outcome = await file.extents(0, 1 << 20);
  assert.ok('extents' in outcome);
  return outcome.extents;
}

export function physicalOf(driver: MockDriver, offset: number, path = PATH): number {
  const physical = driver.physicalOf(path, offset);
  assert.ok(physical !== undefined);
  return physical;
}
