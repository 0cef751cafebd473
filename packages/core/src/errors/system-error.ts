/** Failed system calls as PmemErrors: one table from errno to code. */
import type { ByteRange } from '../ranges/byte-range.js';
import type { SystemFailure } from '../driver/driver.js';
import { Errno, errnoName } from './errno.js';
import type { PmemErrorCode } from './errors.js';
import { PmemError } from './errors.js';

const codes = new Map<number, readonly [PmemErrorCode, string]>([
  [Errno.ENOENT, ['ERR_PMEM_NOT_FOUND', 'no such file or directory']],
  [Errno.ENOTDIR, ['ERR_PMEM_NOT_FOUND', 'a component of the path is not a directory']],
  [Errno.EACCES, ['ERR_PMEM_ACCESS', 'permission denied']],
  [Errno.EPERM, ['ERR_PMEM_ACCESS', 'operation not permitted']],
  [Errno.EROFS, ['ERR_PMEM_ACCESS', 'the filesystem is read-only']],
  [Errno.ETXTBSY, ['ERR_PMEM_ACCESS', 'the file is being executed']],
  [Errno.EISDIR, ['ERR_PMEM_NOT_A_FILE', 'it is a directory']],
  [Errno.ENXIO, ['ERR_PMEM_NOT_A_FILE', 'it is not a regular file']],
  [Errno.ENODEV, ['ERR_PMEM_NOT_SUPPORTED', 'the filesystem cannot map files']],
  [Errno.EOPNOTSUPP, ['ERR_PMEM_NOT_SUPPORTED', 'the filesystem does not support this operation']],
  [Errno.ENOSYS, ['ERR_PMEM_NOT_SUPPORTED', 'the kernel does not know this call']],
  [Errno.ENOLCK, ['ERR_PMEM_NOT_SUPPORTED', 'no locks available']],
  [Errno.ENOTTY, ['ERR_PMEM_NOT_SUPPORTED', 'the filesystem does not support this request']],
  [Errno.EXDEV, [
    'ERR_PMEM_NOT_SUPPORTED',
    'the file is mounted by itself, and others do not see the files beside it: mount its directory instead',
  ]],
  [Errno.ENOSPC, ['ERR_PMEM_NO_SPACE', 'no space left on the filesystem']],
  [Errno.EDQUOT, ['ERR_PMEM_NO_SPACE', 'the disk quota is used up']],
  [Errno.EFBIG, ['ERR_PMEM_NO_SPACE', 'the file would exceed the largest size allowed']],
  [Errno.EMFILE, ['ERR_PMEM_TOO_MANY_FILES', 'this process has as many files open as it may']],
  [Errno.ENFILE, ['ERR_PMEM_TOO_MANY_FILES', 'the system has as many files open as it can']],
  [Errno.EBADF, ['ERR_PMEM_CLOSED', 'the file is closed']],
]);

const LOCKED = ['ERR_PMEM_LOCKED', 'another open file holds the lock'] as const;

const UNMAPPABLE = [
  'ERR_PMEM_NOT_SUPPORTED', 'the filesystem, as it is mounted, cannot map files that are written',
] as const;

/** The errno and call of a PmemError, shaped like the errors of node:fs so that existing handlers read it. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(failure: SystemFailure) {
    super(`${failure.syscall} failed with ${errnoName(failure.errno)}`);
    this.name = 'SystemCallError';
    this.code = errnoName(failure.errno);
    this.errno = -failure.errno;
    this.syscall = failure.syscall;
  }
}

/** `what` says, in a few words, what could not be done: "cannot open". */
export function systemError(
  what: string,
  failure: SystemFailure,
  details: { readonly path: string; readonly ranges?: readonly ByteRange[] },
): PmemError {
  const [code, reason] = meaningOf(failure);
  const instead = failure.device === undefined ? '' : insteadOf[failure.device];
  return new PmemError(code, `${what}: ${reason}${instead}`, { ...details, cause: new SystemCallError(failure) });
}

/** Advice for a device: what to open in its place. */
const insteadOf: Readonly<Record<NonNullable<SystemFailure['device']>, string>> = {
  block:
    ' but a block device: make ext4 or XFS on it (this erases it) unless it has a filesystem, ' +
    'mount that with -o dax, and open a file in it',
  'device-dax':
    ' but a device-dax device: give the namespace a block device (ndctl create-namespace --mode=fsdax ' +
    '--reconfigure=NAME, which erases it), make ext4 or XFS on that, mount it with -o dax, and open a file in it',
  character: ' but a character device',
};

/** ERR_PMEM_IO for a fault that is not the medium's, not a truncation's and not for want of space, with what is known of it. */
export function unexplainedFault(
  what: string,
  { failure, facts }: { readonly failure?: SystemFailure | undefined; readonly facts?: string | undefined },
  details: { readonly path: string; readonly ranges: readonly ByteRange[] },
): PmemError {
  if (failure === undefined) {
    return new PmemError('ERR_PMEM_IO', `${what} faulted (${facts ?? 'for a reason that the kernel does not give'})`, details);
  }
  const how = failure.syscall === 'pwrite' ? 'takes no stores' : 'does not answer';
  const cause = new SystemCallError(failure);
  return new PmemError('ERR_PMEM_IO', `${what} faulted, and the filesystem ${how}: ${cause.code}`, { ...details, cause });
}

function meaningOf({ errno, syscall }: SystemFailure): readonly [PmemErrorCode, string] {
  // From any other call EAGAIN means something else: a network filesystem that has no answer yet.
  if (errno === Errno.EAGAIN && syscall === 'fcntl') return LOCKED;
  // The arguments are right: it is how 9p without a cache, and others, refuse a mapping that is shared.
  if (errno === Errno.EINVAL && syscall === 'mmap') return UNMAPPABLE;
  return codes.get(errno) ?? ['ERR_PMEM_IO', errnoName(errno)];
}
