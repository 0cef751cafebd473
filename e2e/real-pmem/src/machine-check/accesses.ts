/** Every way in which PmemFile touches mapped memory, as one access to one page, with a look at the bytes it gives. */
import type { PmemFile, PmemView } from '@safe-pmem/core';
import { part } from '../repair/content.js';
import { page, pageBytes } from '../scenarios/file-steps.js';

/** The page of every file that gets the error. */
export const badPage = 5;

/** Where in its page the byte lies that every access but a flush touches. */
export const touchedByte = 128;
const shortBytes = 64;

/** Of an ordinary file, and of one whose mapping has a single entry of 2 MiB. */
export const filePages = 16;
export const hugeFilePages = 512;

/** What files hold from their beginning: bytes that differ from page to page and are never zero. */
export const wholeContent = Buffer.concat(Array.from({ length: hugeFilePages }, (_, index) => {
  const period = Uint8Array.from({ length: 255 }, (_unused, i) => ((i * 7 + index * 13) % 255) + 1);
  return Buffer.alloc(pageBytes, period);
}));

export type AccessName =
  | 'long read' | 'short read' | 'number' | 'view' | 'short store' | 'long store' | 'write and persist' | 'persist';

/** What happens at the byte, seen by the processor. */
export const touches: Readonly<Record<AccessName, 'load' | 'store' | 'registers'>> = {
  'long read': 'load',
  'short read': 'load',
  number: 'load',
  view: 'load',
  'short store': 'store',
  'long store': 'store',
  'write and persist': 'store',
  // Emulated flushes touch nothing that could be watched.
  persist: 'registers',
};

/** Thrown where an access gave other bytes than were stored, and no error: what must never happen. */
export class WrongBytes extends Error {
  override readonly name = 'WrongBytes';
}

function requireBytes(found: Uint8Array, position: number): void {
  if (Buffer.compare(found, part(wholeContent, { offset: position, length: found.length })) !== 0) throw new WrongBytes(`at ${position}`);
}

/** One access to page `index`. Files hold `wholeContent`; stores store the same bytes again. */
export function access(file: PmemFile, name: AccessName, index: number, view?: PmemView): void {
  const around = { offset: page(index - 1), length: 3 * pageBytes };
  const position = page(index) + touchedByte;
  const few = { offset: position, length: shortBytes };
  switch (name) {
    case 'long read': {
      const target = new Uint8Array(around.length);
      file.read(target, around.offset);
      requireBytes(target, around.offset); return;
    }
    case 'short read': {
      const target = new Uint8Array(shortBytes);
      file.read(target, position);
      requireBytes(target, position); return;
    }
    case 'number': {
      const number = file.readUInt32LE(position);
      if (number !== wholeContent.readUInt32LE(position)) throw new WrongBytes(`at ${position}`);
      return;
    }
    case 'view': {
      if (view === undefined) throw new Error('there is no view');
      const byte = view[position - view.range.offset];
      view.verify();
      if (byte !== wholeContent[position]) throw new WrongBytes(`at ${position}`);
      return;
    }
    case 'short store':
      { file.write(part(wholeContent, few), position); return; }
    case 'long store':
      { file.write(part(wholeContent, around), around.offset); return; }
    case 'write and persist':
      { file.writeAndPersist(part(wholeContent, around), around.offset); return; }
    case 'persist':
      { file.persist(page(index), pageBytes); return; }
  }
}
