import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompleteFile, JournalFile, OpenRequest } from '@safe-pmem/core';
import { errnoName } from '@safe-pmem/core';
import { onTestFinished } from 'vitest';
import { nativeDriver } from '../src/index.js';
import { filesystemName } from '../src/filesystem-name.js';

export { PAGE } from './page-bytes.mjs';

export const packageFolder = path.resolve(fileURLToPath(import.meta.url), '..', '..');
/** Where a journal lies in these tests: beside the file. */
export const PLACE = 'file.repair';

export function journalFile(bytes: Uint8Array): JournalFile {
  return { bytes, mark: Buffer.from('a mark'), temporary: '.repair-test.tmp', isNew: false };
}

/** The checkout's own filesystem, since /tmp is a tmpfs on many machines; and a tmpfs. */
const bases = { disk: path.join(packageFolder, 'build'), tmpfs: '/dev/shm' };

/** Makes a folder; the caller removes it. */
export function makeFolder(where: keyof typeof bases = 'disk'): string {
  if (where === 'disk') mkdirSync(bases.disk, { recursive: true });
  if (where === 'tmpfs' && filesystemOf(bases.tmpfs) !== 'tmpfs') {
    throw new Error(`${bases.tmpfs} is no tmpfs here: the tests that poison pages cannot run`);
  }
  return mkdtempSync(path.join(bases[where], 'native-test-'));
}

/** A folder that is gone when the test is over. */
export function scratchFolder(where: keyof typeof bases = 'disk'): string {
  const folder = makeFolder(where);
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/**
 * A folder, and a size for which it has no space. A tmpfs refuses at once what is larger than all of it; a disk gives
 * all its blocks away first, and is full for a moment, for all its users.
 */
export function refusingFolder(): { readonly folder: string; readonly tooLargeBytes: number } {
  const folder = scratchFolder('tmpfs');
  const { blocks, bsize } = statfsSync(folder);
  return { folder, tooLargeBytes: 2 * blocks * bsize };
}

/** Of the clock that filesystems stamp files with: two changes with one between them have different times. */
export function aTick(): Promise<void> {
  return new Promise((turn) => setTimeout(turn, 20));
}

export function filesystemOf(folder: string): string {
  return filesystemName(statfsSync(folder).type);
}

export function request(over: Partial<OpenRequest> = {}): OpenRequest {
  return { readOnly: false, create: true, sizeBytes: undefined, preallocate: false, ...over };
}

/** An open file, closed when the test is over if the test has not closed it. */
export async function openScratch(file: string, over: Partial<OpenRequest> = {}): Promise<CompleteFile> {
  const outcome = await nativeDriver().open(file, request(over));
  if ('failure' in outcome) throw new Error(`${outcome.failure.syscall}: ${errnoName(outcome.failure.errno)}`);
  onTestFinished(async () => {
    await outcome.file.close();
  });
  return outcome.file;
}

/** The errno of an open that has to fail. */
export async function openErrno(file: string, over: Partial<OpenRequest> = {}): Promise<string> {
  const outcome = await nativeDriver().open(file, request(over));
  if ('failure' in outcome) return errnoName(outcome.failure.errno);
  await outcome.file.close();
  return 'no failure';
}
