/** FICLONE: two files, one set of blocks. The kernel copies nothing, so poison is shared without a word (row 20). */
import { Errno } from '@safe-pmem/core';
import type { Inode } from '../inode.js';
import type { Machine } from '../machine.js';
import { truncate } from './truncate.js';

/** Makes the file at `to`, new or emptied first, share every block of `from`. */
export function reflink(machine: Machine, from: Inode, to: string): number {
  const { filesystem, rules } = machine;
  if (!rules.reflink) return Errno.EOPNOTSUPP;
  if (filesystem.shutDown) return Errno.EIO;
  const target = filesystem.find(to) ?? filesystem.create(to);
  if (target === from) return Errno.EINVAL;
  const errno = truncate(machine, target, 0);
  if (errno !== 0) return errno;
  machine.device.cache.persistOwner(from.number);
  filesystem.assign(target, 0, from.map.slice(0, from.map.endBlock));
  filesystem.setSize(target, from.sizeBytes);
  // Pages that were writable must fault again, or a store would reach both files.
  from.invalidate(0, Infinity);
  return 0;
}
