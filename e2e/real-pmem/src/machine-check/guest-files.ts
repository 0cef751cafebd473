/** The files that memory errors are injected into, and what plain calls of the kernel say of them afterwards. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { errnoName, intersect, PmemFile, type HugePages } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { part } from '../repair/content.js';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { wholeContent } from './accesses.js';
import { inShort } from './outcome.js';

/**
 * A new file of `wholeContent`, closed again: nothing of it is mapped. A page with an error must never have another owner. The
 * kernel remembers by which pages it was mapped, as long as it keeps the inode: what was touched page by page once is mapped so again.
 */
export async function writtenFile(directory: string, name: string, pages: number, hugePages?: HugePages): Promise<string> {
  const file = path.join(directory, name);
  const made = await PmemFile.open(file, { driver: nativeDriver(), create: true, size: page(pages), preallocate: true, ...(hugePages && { hugePages }) });
  made.write(part(wholeContent, { offset: 0, length: page(pages) }), 0);
  made.persist();
  await made.close();
  return file;
}

/** Position of the page on the device, in bytes. */
export async function deviceOffset(file: string, index: number): Promise<number> {
  const opened = await nativeDriver().open(file, { readOnly: false, create: false, sizeBytes: undefined, preallocate: false });
  if ('failure' in opened) throw new Error(`${opened.failure.syscall} of ${file} failed with ${errnoName(opened.failure.errno)}`);
  const found = await opened.file.extents(page(index), pageBytes);
  await opened.file.close();
  if ('failure' in found) throw new Error(`FIEMAP of ${file} failed with ${errnoName(found.failure.errno)}`);
  for (const extent of found.extents) {
    const hit = intersect(extent, { offset: page(index), length: pageBytes });
    if (hit !== undefined) return extent.physicalOffset + hit.offset - extent.offset;
  }
  throw new Error(`page ${index} of ${file} has no block`);
}

function errnoOf(body: () => void): string {
  try {
    body();
    return 'ok';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** pread of each page by itself: `o` for its bytes, `E` EIO, `F` EFAULT, `?` other bytes, `!` another errno. */
export function preadPages(file: string): string {
  return lettersOf(file, (bytes, index) => {
    return Buffer.compare(bytes, part(wholeContent, { offset: page(index), length: pageBytes })) === 0;
  });
}

/** The same of a file of any content. */
export function preadErrors(file: string): string {
  return lettersOf(file, () => true);
}

function lettersOf(file: string, isRight: (bytes: Uint8Array, index: number) => boolean): string {
  const descriptor = openSync(file, 'r');
  const letter = (index: number): string => {
    const bytes = new Uint8Array(pageBytes);
    const said = errnoOf(() => { readSync(descriptor, bytes, 0, pageBytes, page(index)); });
    if (said === 'EIO') return 'E';
    if (said === 'EFAULT') return 'F';
    if (said !== 'ok') return '!';
    return isRight(bytes, index) ? 'o' : '?';
  };
  const pages = fstatSync(descriptor).size / pageBytes;
  const letters = Array.from({ length: pages }, (_, index) => letter(index)).join('');
  closeSync(descriptor);
  return inShort(letters);
}

/** A pwrite of the page's own bytes, all of them or 100 from its middle: `ok` or the errno. */
export function pwritePage(file: string, index: number, how: 'whole page' | 'part of the page'): string {
  const descriptor = openSync(file, 'r+');
  const range = how === 'whole page' ? { offset: page(index), length: pageBytes } : { offset: page(index) + 1000, length: 100 };
  const bytes = part(wholeContent, range);
  const said = errnoOf(() => { writeSync(descriptor, bytes, 0, bytes.length, range.offset); });
  closeSync(descriptor);
  return said;
}
