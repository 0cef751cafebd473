/**
 * The journal of a file: replaced by temporary file, fsync, rename, fsync of the directory, so that a crash finds the old
 * journal or the new one. It is a file like others: its blocks come from the same free pool. And the mark of a file.
 */
import { Errno, type FileFacts, type JournalFile, type JournalOutcome, type MarkOutcome, type SystemFailure } from '@safe-pmem/core';
import { type Inode, USER_ID } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { folderOf } from './folder.js';
import { pread } from './pread.js';
import { pwrite } from './pwrite.js';
import { truncate } from './truncate.js';

/** NAME_MAX of Linux, in bytes. */
export const NAME_BYTES_MAX = 255;

/** `place` is a name in the directory of the file, or an absolute path. */
function pathOf(facts: FileFacts, place: string): string {
  return place.includes('/') ? place : folderOf(facts.path) + place;
}

function tooLong(path: string): boolean {
  return Buffer.byteLength(path.slice(path.lastIndexOf('/') + 1)) > NAME_BYTES_MAX;
}

export function readJournal(machine: Machine, facts: FileFacts, place: string, limitBytes: number): JournalOutcome {
  const path = pathOf(facts, place);
  const failed = (errno: number, syscall: string): JournalOutcome => ({ status: 'failed', failure: { errno, syscall } });
  if (machine.filesystem.shutDown) return failed(Errno.EIO, 'open');
  if (tooLong(path)) return failed(Errno.ENAMETOOLONG, 'open');
  if (machine.filesystem.isDirectory(path)) return failed(Errno.EISDIR, 'open');
  const inode = machine.filesystem.find(path);
  if (inode === undefined) return { status: 'absent' };
  if (inode.sizeBytes > limitBytes) return { status: 'too-large', sizeBytes: inode.sizeBytes };
  const bytes = new Uint8Array(inode.sizeBytes);
  for (let done = 0; done < bytes.length; ) {
    const { transferredBytes, errno } = pread(machine, inode, bytes.subarray(done), done);
    if (errno !== 0) return failed(errno, 'read');
    done += transferredBytes;
  }
  return { status: 'present', bytes, ownerId: inode.ownerId, modifiedMs: inode.modifiedMs, mark: inode.mark };
}

export function writeJournal(machine: Machine, facts: FileFacts, place: string, journal: JournalFile): SystemFailure | undefined {
  const { device, filesystem } = machine;
  const path = pathOf(facts, place);
  if (filesystem.shutDown) return { errno: Errno.EIO, syscall: 'open' };
  if (tooLong(path)) return { errno: Errno.ENAMETOOLONG, syscall: 'open' };
  const temporary = folderOf(path) + journal.temporary;
  const stale = filesystem.find(temporary);
  if (stale !== undefined && !isOurs(stale, facts)) return { errno: Errno.EEXIST, syscall: 'open' };
  if (stale !== undefined) filesystem.unlink(temporary);
  const inode = filesystem.create(temporary);
  const errno = truncate(machine, inode, 0) || writeAll(machine, inode, journal.bytes);
  if (errno !== 0) {
    filesystem.unlink(temporary);
    return { errno, syscall: 'write' };
  }
  if (machine.keepsAttributes) filesystem.setMark(inode, Uint8Array.from(journal.mark));
  device.cache.persistOwner(inode.number);
  filesystem.commit();
  const effect = machine.step('temporary');
  if (effect !== undefined && 'errno' in effect) return { errno: effect.errno, syscall: 'rename' };
  if (journal.isNew && filesystem.find(path) !== undefined) {
    filesystem.unlink(temporary);
    return { errno: Errno.EEXIST, syscall: 'rename' };
  }
  filesystem.rename(temporary, path);
  machine.step('renamed');
  filesystem.commit();
  return undefined;
}

export function removeJournal(machine: Machine, facts: FileFacts, place: string): SystemFailure | undefined {
  const { filesystem } = machine;
  if (filesystem.shutDown) return { errno: Errno.EIO, syscall: 'unlink' };
  filesystem.unlink(pathOf(facts, place));
  machine.step('removed');
  filesystem.commit();
  return undefined;
}

/** fsync of the folder. */
export function settleJournal({ filesystem }: Machine): SystemFailure | undefined {
  if (filesystem.shutDown) return { errno: Errno.EIO, syscall: 'fsync' };
  filesystem.commit();
  return undefined;
}

export function readMark(machine: Machine, inode: Inode): MarkOutcome {
  if (machine.filesystem.shutDown) return { status: 'failed', failure: { errno: Errno.EIO, syscall: 'getxattr' } };
  if (!machine.keepsAttributes) return { status: 'unsupported' };
  return inode.mark === undefined ? { status: 'absent' } : { status: 'present', bytes: inode.mark };
}

/** setxattr or removexattr, and fsync of the file. */
export function writeMark(machine: Machine, inode: Inode, mark: Uint8Array): SystemFailure | undefined {
  const { filesystem } = machine;
  if (filesystem.shutDown) return { errno: Errno.EIO, syscall: 'setxattr' };
  if (!machine.keepsAttributes) return { errno: Errno.EOPNOTSUPP, syscall: 'setxattr' };
  filesystem.setMark(inode, mark.length === 0 ? undefined : Uint8Array.from(mark));
  inode.changedMs = machine.nowMs;
  machine.step('marked');
  filesystem.commit();
  return undefined;
}

function isOurs(inode: Inode, facts: FileFacts): boolean {
  return inode.ownerId === USER_ID || (inode.ownerId === facts.ownerId && inode.ownerId !== -1);
}

function writeAll(machine: Machine, inode: Inode, bytes: Uint8Array): number {
  for (let done = 0; done < bytes.length; ) {
    const { transferredBytes, errno } = pwrite(machine, inode, bytes.subarray(done), done);
    if (errno !== 0) return errno;
    done += transferredBytes;
  }
  return 0;
}
