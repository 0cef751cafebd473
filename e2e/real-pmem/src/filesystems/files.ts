/** Opens, fills and judges files for the tests of filesystems. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { PmemFile, type OpenOptions } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { poisonableDriver } from '@safe-pmem/native/testing';

export const PAGE = 4096;
export const PAGES = 16;
export const SIZE = PAGES * PAGE;

export const driver = nativeDriver();

export function openFile(file: string, options: Partial<OpenOptions> = {}): Promise<PmemFile> {
  return PmemFile.open(file, { driver, ...options });
}

/** A new file of sevens, persisted. */
export async function makeFile(file: string): Promise<PmemFile> {
  const made = await openFile(file, { create: true, size: SIZE });
  made.write(new Uint8Array(SIZE).fill(7), 0);
  made.persist();
  return made;
}

/** All bytes of these pages have to be `byte`. */
export function assertPages(file: PmemFile, page: number, count: number, byte: number): void {
  const bytes = new Uint8Array(count * PAGE);
  file.read(bytes, page * PAGE);
  assert.equal(bytes.findIndex((found) => found !== byte), -1, `pages from ${page} hold ${byte}`);
}

/** The code of what `action` throws, and of its cause; `ok` if nothing. */
export async function codesOf(action: () => unknown): Promise<string> {
  try {
    await action();
    return 'ok';
  } catch (error) {
    const { code, cause } = error as { code?: string; cause?: { code?: string } };
    if (code === undefined) throw error;
    return cause?.code === undefined ? code : `${code} ${cause.code}`;
  }
}

/** A copy of a file that has lost its pages 2 and 3: `file` and its journal. */
export async function makeFileWithLosses(file: string): Promise<void> {
  const original = '/dev/shm/original';
  rmSync(original, { force: true });
  const bad = poisonableDriver(driver);
  const source = await PmemFile.open(original, { driver: bad, create: true, size: SIZE });
  source.write(new Uint8Array(SIZE).fill(7), 0);
  bad.poison(original, { offset: 2 * PAGE, length: 2 * PAGE });
  await source.salvageTo(file);
  await source.close();
}

/** `open` with its error, or what a read of a lost page gives. */
export async function losesPageTwo(file: string): Promise<string> {
  let opened: PmemFile | undefined;
  const code = await codesOf(async () => {
    opened = await openFile(file);
    assertPages(opened, 0, 2, 7);
    opened.read(new Uint8Array(PAGE), 2 * PAGE);
  });
  await opened?.close();
  return code;
}
