/** Does for a driver, call by call, what an accelerator would that it leaves out. */
import type { ByteRange } from '../ranges/byte-range.js';
import type { CompleteFile, DriverFile } from './driver.js';
import type { SystemFailure } from './devices.js';
import { Errno } from '../errors/errno.js';
import type { Accelerators } from './accelerators.js';
import type { CaughtFault, PersistProblem, Rewrite, Rewritten, Transfer } from './outcomes.js';

const SCRATCH_BYTES = 1 << 18;

/**
 * Gives `file` the methods that it lacks, and returns it: the same object, so that its own methods cost no more than
 * before. A file that has them all is not changed.
 */
export function completeFile(file: DriverFile): CompleteFile {
  for (const [name, method] of Object.entries(substitutes(file))) {
    if (file[name as keyof Accelerators] !== undefined) continue;
    Object.defineProperty(file, name, { value: method, configurable: true, writable: true });
  }
  return file as CompleteFile;
}

/** Each calls the others through `file`, so that it uses those that the driver has. */
function substitutes(file: DriverFile): Accelerators {
  const complete = file as CompleteFile;
  /** EBADF after close(), as every call reports then; else that this driver cannot do it. */
  const refusal = (errno: number, syscall: string): SystemFailure => {
    const size = file.fileSizeSync();
    return 'failure' in size ? size.failure : { errno, syscall };
  };
  return {
    persistRanges: (ranges) => persistEach(file, ranges),
    writeAndPersist: (source, position) => file.write(source, position) ?? file.persist(position, source.byteLength),
    persistAsync: (position, length) => Promise.resolve(file.persist(position, length)),
    rewrite: (pieces, bytes) => rewriteEach(complete, pieces, bytes),
    readEach: (pieces, bytes) => readPieces(file, pieces, bytes),
    scrub: (position, length) => readToTheEnd(file, position, length),
    fileSize: () => Promise.resolve(file.fileSizeSync()),

    memoryWindow: () => undefined,
    takeFault: (): CaughtFault | undefined => undefined,
    view: () => ({ failure: refusal(Errno.EOPNOTSUPP, 'mmap') }),
    remap: () => {
      const size = file.fileSizeSync();
      return 'failure' in size ? size.failure : undefined;
    },

    watchMemory: () => ({ supported: false, reason: 'the driver hears nothing of lost memory' }),

    zeroRange: () => Promise.resolve(refusal(Errno.EOPNOTSUPP, 'fallocate')),
    extents: () => Promise.resolve({ failure: refusal(Errno.EOPNOTSUPP, 'ioctl') }),
    badBlocks: () => Promise.resolve({ supported: false, reason: 'the driver does not read lists of bad blocks' }),
    lock: () => refusal(Errno.ENOLCK, 'fcntl'),
    unlock: () => refusal(Errno.ENOLCK, 'fcntl'),

    readJournal: (place, limitBytes) => Promise.resolve(file.readJournalSync(place, limitBytes)),
    writeJournal: (place, journal) => Promise.resolve(file.writeJournalSync(place, journal)),
    removeJournal: (place) => Promise.resolve(file.removeJournalSync(place)),
    settleJournal: (place) => Promise.resolve(complete.settleJournalSync(place)),
    settleJournalSync: () => {
      const size = file.fileSizeSync();
      return 'failure' in size ? size.failure : undefined;
    },
    readMark: () => ({ status: 'unsupported' }),
    writeMark: (mark) => Promise.resolve(complete.writeMarkSync(mark)),
    writeMarkSync: () => refusal(Errno.EOPNOTSUPP, 'setxattr'),
    listFolder: () => Promise.resolve(complete.listFolderSync()),
    listFolderSync: () => ({ failure: refusal(Errno.EOPNOTSUPP, 'readdir') }),
    identify: () => undefined,
  };
}

function persistEach(file: DriverFile, ranges: readonly ByteRange[]): PersistProblem {
  for (const { offset, length } of ranges) {
    const problem = file.persist(offset, length);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

async function rewriteEach(file: CompleteFile, pieces: readonly Rewrite[], bytes: Uint8Array): Promise<Rewritten[]> {
  const outcomes: Rewritten[] = [];
  for (const { reset, position, sourceOffset, length } of pieces) {
    const failure = reset === undefined ? undefined : await file.zeroRange(reset.offset, reset.length);
    const source = bytes.subarray(sourceOffset, sourceOffset + length);
    if (failure !== undefined) outcomes.push({ syscall: 'fallocate', errno: failure.errno, transferredBytes: 0 });
    else outcomes.push({ syscall: 'pwrite', ...(await file.pwrite(source, position)) });
  }
  return outcomes;
}

async function readPieces(file: DriverFile, pieces: readonly ByteRange[], bytes: Uint8Array): Promise<Transfer[]> {
  const reads: Transfer[] = [];
  let at = 0;
  for (const { offset, length } of pieces) {
    reads.push(await file.pread(bytes.subarray(at, at + length), offset));
    at += length;
  }
  return reads;
}

async function readToTheEnd(file: DriverFile, position: number, length: number): Promise<Transfer> {
  const scratch = new Uint8Array(Math.min(length, SCRATCH_BYTES));
  let readBytes = 0;
  while (readBytes < length) {
    const part = scratch.subarray(0, Math.min(scratch.length, length - readBytes));
    const { transferredBytes, errno } = await file.pread(part, position + readBytes);
    if (errno !== 0 && readBytes === 0) return { transferredBytes: 0, errno };
    readBytes += transferredBytes;
    if (transferredBytes < part.length) break;
  }
  return { transferredBytes: readBytes, errno: 0 };
}
