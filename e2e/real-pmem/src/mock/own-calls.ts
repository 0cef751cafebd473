/**
 * What calls of other processes do on the mock. The mock has no processes: which page faults is asked of a mapping made for the
 * call, and what the kernel makes of a fault inside itself is said here, as the traces have it.
 */
import type { ByteRange, CompleteFile, CaughtFault } from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';
import { pageBytes } from '../scenarios/file-steps.js';
import type { CallOutcome } from '../scenarios/replay-machine.js';
import type { OwnCall } from '../scenarios/step.js';

/** si_code of a SIGBUS for memory that has failed: BUS_MCEERR_AR. */
const memoryFailure = 4;

/** What the pipe is full of. */
const pipeByte = 203;
/** What pwritev writes. */
const pwritevByte = 204;

const failed = (errno: number): CallOutcome => ({ errno, value: 0 });
const returned = (value: number): CallOutcome => ({ errno: 0, value });

/** `file` has just been opened for the call; its mapping is the process's. */
export async function ownCall(
  file: CompleteFile,
  kernel: string,
  call: OwnCall,
  range: ByteRange,
): Promise<CallOutcome> {
  switch (call) {
    case 'mapPopulate':
      firstFault(file, range, 'load');
      return returned(0);
    case 'mlock':
      return firstFault(file, range, 'store') === undefined ? returned(0) : failed(Errno.ENOMEM);
    case 'populateRead':
    case 'populateWrite': {
      // madvise() has had them since Linux 5.14.
      if (kernel === '5.10') return failed(Errno.EINVAL);
      const fault = firstFault(file, range, call === 'populateRead' ? 'load' : 'store');
      if (fault === undefined) return returned(0);
      return failed(fault.signalCode === memoryFailure ? Errno.EHWPOISON : Errno.EFAULT);
    }
    case 'vmRead':
    case 'writeToPipe':
      return transferred(range, firstFault(file, range, 'load'), Errno.EFAULT);
    case 'memRead':
      return transferred(range, firstFault(file, range, 'load'), Errno.EIO);
    case 'readFromPipe': {
      const read = transferred(range, firstFault(file, range, 'store'), Errno.EFAULT);
      if (read.value > 0) file.write(new Uint8Array(read.value).fill(pipeByte), range.offset);
      return read;
    }
    case 'pwritev': {
      const { transferredBytes, errno } = await file.pwrite(new Uint8Array(range.length).fill(pwritevByte), range.offset);
      return errno === 0 ? returned(transferredBytes) : failed(errno);
    }
    case 'preadDirect':
    case 'preadNowait': {
      const { transferredBytes, errno } = await file.pread(new Uint8Array(range.length), range.offset);
      return errno === 0 ? returned(transferredBytes) : failed(errno);
    }
    case 'seekData':
    case 'seekHole':
      return seek(file, range.offset, call === 'seekData');
  }
}

/** Touches page by page, in order; a store leaves the bytes as they are, unless the fault was already in reading them. */
function firstFault(
  file: CompleteFile, { offset, length }: ByteRange, access: 'load' | 'store',
): CaughtFault | undefined {
  const byte = new Uint8Array(1);
  for (let position = offset; position < offset + length; position += pageBytes) {
    const fault = file.read(byte, position) ?? (access === 'store' ? file.write(byte, position) : undefined);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** A copy stops where the fault is; only one that has copied nothing fails. */
function transferred({ offset, length }: ByteRange, fault: CaughtFault | undefined, errno: number): CallOutcome {
  if (fault === undefined) return returned(length);
  const before = fault.position - (fault.position % pageBytes) - offset;
  return before > 0 ? returned(before) : failed(errno);
}

async function seek(file: CompleteFile, from: number, wantsData: boolean): Promise<CallOutcome> {
  const size = await file.fileSize();
  const found = await file.extents(0, 'sizeBytes' in size ? size.sizeBytes : 0);
  if ('failure' in size || 'failure' in found) return failed(Errno.EIO);
  for (let position = from; position < size.sizeBytes; position += pageBytes) {
    const extent = found.extents.find(({ offset, length }) => offset <= position && position < offset + length);
    const isData = extent !== undefined && !extent.unwritten;
    if (isData === wantsData) return returned(position);
  }
  return wantsData ? failed(Errno.ENXIO) : returned(size.sizeBytes);
}
