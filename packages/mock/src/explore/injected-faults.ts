/**
 * Lists how each operation can fail: the errnos that the manual pages of its system calls list and that a disk, or a
 * network between it and the machine, can cause.
 */
import { Errno } from '@safe-pmem/core';
import type { MockOperation, OperationEffect, OperationName } from '../driver/operation.js';
import type { ErrnoName, InjectedFault } from './schedule.js';

/** Any call on a file or a name fails so if a server is away (NFS), or if a daemon has died (FUSE). */
const AWAY = ['ESTALE', 'ETIMEDOUT', 'ENOTCONN'] as const;

const ERRNOS: Readonly<Record<OperationName, readonly ErrnoName[]>> = {
  open: ['EIO', 'ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EINTR', ...AWAY],
  read: [],
  write: [],
  persist: ['EIO', 'ENOMEM', 'EINTR', 'EAGAIN', ...AWAY],
  view: ['ENOMEM'],
  probe: ['EIO', 'ENOMEM', ...AWAY],
  remap: ['ENOMEM', 'EAGAIN', ...AWAY],
  pread: ['EIO', 'ENOMEM', 'EINTR', 'EAGAIN', ...AWAY],
  pwrite: ['EIO', 'ENOSPC', 'EFAULT', 'EDQUOT', 'ENOMEM', 'EINTR', 'EAGAIN', ...AWAY],
  sync: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR', ...AWAY],
  zeroRange: ['EIO', 'ENOSPC', 'EDQUOT', 'EOPNOTSUPP', 'EINTR', ...AWAY],
  tryZeroRange: ['EIO', 'ENOSPC', 'EOPNOTSUPP', 'EMFILE', 'EACCES'],
  resize: ['EIO', 'ENOSPC', 'EDQUOT', 'EFBIG', 'EINTR', ...AWAY],
  truncate: ['EIO', 'EINTR', ...AWAY],
  fileSize: ['EIO', 'ENOMEM', ...AWAY],
  extents: ['EIO', 'EOPNOTSUPP', 'ENOMEM'],
  badBlocks: ['EACCES', 'EIO'],
  lock: ['EAGAIN', 'ENOLCK', 'EINTR', 'EIO', ...AWAY],
  unlock: ['EIO', 'ENOLCK', ...AWAY],
  readJournal: ['EIO', 'EACCES', 'EMFILE', 'ENOMEM', 'EINTR', ...AWAY],
  writeJournal: ['EIO', 'ENOSPC', 'EDQUOT', 'EACCES', 'EMFILE', ...AWAY],
  removeJournal: ['EIO', 'EACCES', ...AWAY],
  settleJournal: ['EIO', 'EACCES', ...AWAY],
  readMark: ['EIO', 'ENOMEM', ...AWAY],
  writeMark: ['EIO', 'ENOSPC', 'EDQUOT', 'EACCES', 'ENOMEM', ...AWAY],
  names: ['EIO', 'EACCES', 'ENOMEM', ...AWAY],
  listFolder: ['EIO', 'EACCES', 'EMFILE', 'ENOMEM', ...AWAY],
  identify: ['EIO', 'ENOMEM', ...AWAY],
  close: ['EIO', 'EINTR', 'ENOSPC', 'EDQUOT', ...AWAY],
};

const SIGNAL_CODES = [2, 4] as const;
/** Neither a page nor a sector, so that what follows is unaligned; and the shortest that makes progress. */
const SHORT_BYTES = [1, 1000];

const errnoFaults = (errnos: readonly ErrnoName[]): readonly InjectedFault[] =>
  errnos.map((errno) => ({ effect: 'errno', errno }));
const ERRNO_FAULTS = new Map(Object.entries(ERRNOS).map(([name, errnos]) => [name, errnoFaults(errnos)]));
const FSTAT_FAULTS = errnoFaults(['EIO', ...AWAY]);
const RENAME_FAULTS = errnoFaults(['EIO', 'ENOSPC', ...AWAY]);
const SIGNAL_FAULTS: readonly InjectedFault[] = SIGNAL_CODES.map((signalCode) => ({ effect: 'signal', signalCode }));

/**
 * The failures that everyFault() tries at an operation: SIGBUS for loads and stores, errnos for system calls, short
 * transfers for pread and pwrite. Of inner steps only the rename of a journal and the fstat of a probe can fail.
 */
export function faultsOf(operation: MockOperation): readonly InjectedFault[] {
  const { name, step, length } = operation;
  if (step === 'fstat') return FSTAT_FAULTS;
  if (step !== undefined) return name === 'writeJournal' && step === 'temporary' ? RENAME_FAULTS : [];
  if (name === 'read' || name === 'write') return SIGNAL_FAULTS;
  const errnos = ERRNO_FAULTS.get(name) ?? [];
  if (name !== 'pread' && name !== 'pwrite') return errnos;
  const shorts = SHORT_BYTES.filter((bytes) => bytes < length);
  return [...errnos, ...shorts.map((shortBytes): InjectedFault => ({ effect: 'short', shortBytes }))];
}

/** Returns the observer's effect that makes it happen. */
export function effectOf(fault: InjectedFault): OperationEffect {
  switch (fault.effect) {
    case 'errno':
      return { errno: Errno[fault.errno] };
    case 'signal':
      return { signalCode: fault.signalCode, granuleLog2: fault.signalCode === 2 ? 0 : 12 };
    case 'short':
      return { shortBytes: fault.shortBytes };
  }
}

export function isSameFault(a: InjectedFault, b: InjectedFault): boolean {
  if (a.effect === 'errno') return b.effect === 'errno' && a.errno === b.errno;
  if (a.effect === 'signal') return b.effect === 'signal' && a.signalCode === b.signalCode;
  return b.effect === 'short' && a.shortBytes === b.shortBytes;
}
