/**
 * A disk with bad pages under node:fs: its transfers end before one, and fail with EIO at one. A write of the whole
 * page makes it good again, as the firmware of a disk does that has spare sectors.
 */
import fs from 'node:fs';
import { vi } from 'vitest';

const PAGE = 4096;
const bad = new Set<string>();

export function makeBad(file: string, offset: number, lengthBytes: number): void {
  const { ino } = fs.statSync(file);
  for (let page = Math.floor(offset / PAGE); page * PAGE < offset + lengthBytes; page++) bad.add(`${ino} ${page}`);
}

export function makeGood(): void {
  bad.clear();
}

/** How many bytes of the transfer come before the first bad page, or an EIO if that is its first. */
function transferable(fd: number, position: number, lengthBytes: number, writes: boolean): number {
  if (bad.size === 0) return lengthBytes;
  const { ino } = fs.fstatSync(fd);
  const end = position + lengthBytes;
  for (let page = Math.floor(position / PAGE); page * PAGE < end; page++) {
    if (!bad.has(`${ino} ${page}`)) continue;
    if (writes && position <= page * PAGE && end >= (page + 1) * PAGE) {
      bad.delete(`${ino} ${page}`);
      continue;
    }
    if (page * PAGE > position) return page * PAGE - position;
    throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO', errno: -5, syscall: writes ? 'write' : 'read' });
  }
  return lengthBytes;
}

type Done = (error: Error | null, bytes: number) => void;
type Sync = (fd: number, bytes: Uint8Array, from: number, length: number, position: number) => number;
type Async = (fd: number, bytes: Uint8Array, from: number, length: number, position: number, done: Done) => void;

/** Puts the disk under the calls that the driver makes, until vi.restoreAllMocks(). */
export function installBadDisk(): void {
  for (const [name, writes] of [['readSync', false], ['writeSync', true]] as const) {
    const call = fs[name] as Sync;
    vi.spyOn(fs, name).mockImplementation(((fd, bytes, from, length, position) =>
      call(fd, bytes, from, transferable(fd, position, length, writes), position)) as Sync as never);
  }
  for (const [name, writes] of [['read', false], ['write', true]] as const) {
    const call = fs[name] as Async;
    vi.spyOn(fs, name).mockImplementation(((fd, bytes, from, length, position, done) => {
      try {
        call(fd, bytes, from, transferable(fd, position, length, writes), position, done);
      } catch (error) {
        done(error as Error, 0);
      }
    }) as Async as never);
  }
}
