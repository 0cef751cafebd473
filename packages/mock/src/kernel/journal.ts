/**
 * The journal file beside a file: replaced by temporary file, fsync, rename, fsync of the directory, so that a crash
 * finds the old journal or the new one. It is a file like others: its blocks come from the same free pool.
 */
import { Errno, JOURNAL_SUFFIX, type JournalOutcome, type SystemFailure } from '@safe-pmem/core';
import type { Inode } from '../inode.js';
import type { Machine } from '../machine.js';
import { pread } from './pread.js';
import { pwrite } from './pwrite.js';
import { truncate } from './truncate.js';

const TEMPORARY_SUFFIX = `${JOURNAL_SUFFIX}.new`;

export function readJournal(machine: Machine, path: string, limitBytes: number): JournalOutcome {
  if (machine.filesystem.shutDown) return { status: 'failed', failure: { errno: Errno.EIO, syscall: 'open' } };
  const inode = machine.filesystem.find(path + JOURNAL_SUFFIX);
  if (inode === undefined) return { status: 'absent' };
  if (inode.sizeBytes > limitBytes) return { status: 'too-large', sizeBytes: inode.sizeBytes };
  const bytes = new Uint8Array(inode.sizeBytes);
  for (let done = 0; done < bytes.length; ) {
    const { transferredBytes, errno } = pread(machine, inode, bytes.subarray(done), done);
    if (errno !== 0) return { status: 'failed', failure: { errno, syscall: 'read' } };
    done += transferredBytes;
  }
  return { status: 'present', bytes };
}

export function writeJournal(machine: Machine, path: string, bytes: Uint8Array): SystemFailure | undefined {
  const { device, filesystem } = machine;
  if (filesystem.shutDown) return { errno: Errno.EIO, syscall: 'open' };
  const temporary = path + TEMPORARY_SUFFIX;
  const inode = filesystem.find(temporary) ?? filesystem.create(temporary);
  const errno = truncate(machine, inode, 0) || writeAll(machine, inode, bytes);
  if (errno !== 0) {
    filesystem.unlink(temporary);
    return { errno, syscall: 'write' };
  }
  device.cache.persistOwner(inode.number);
  filesystem.commit();
  const effect = machine.step('temporary');
  if (effect !== undefined && 'errno' in effect) return { errno: effect.errno, syscall: 'rename' };
  filesystem.rename(temporary, path + JOURNAL_SUFFIX);
  machine.step('renamed');
  filesystem.commit();
  return undefined;
}

export function removeJournal(machine: Machine, path: string): SystemFailure | undefined {
  const { filesystem } = machine;
  if (filesystem.shutDown) return { errno: Errno.EIO, syscall: 'unlink' };
  filesystem.unlink(path + JOURNAL_SUFFIX);
  machine.step('removed');
  filesystem.commit();
  return undefined;
}

function writeAll(machine: Machine, inode: Inode, bytes: Uint8Array): number {
  for (let done = 0; done < bytes.length; ) {
    const { transferredBytes, errno } = pwrite(machine, inode, bytes.subarray(done), done);
    if (errno !== 0) return errno;
    done += transferredBytes;
  }
  return 0;
}
