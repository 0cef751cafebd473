import type { CompleteFile, Rewrite, Rewritten, Transfer } from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';
import type { BadPages } from './bad-pages.js';

interface Notices {
  /** Mappings of the file were made. */
  readonly mappedAnew: () => void;
  readonly closed: () => void;
}

type Calls = Pick<
  CompleteFile,
  'pread' | 'pwrite' | 'readEach' | 'scrub' | 'rewrite' | 'probe' | 'remap' | 'resize' | 'view' | 'close'
>;

/** `file`, whose system calls answer for bad pages as the kernel does for those of a bad medium. */
export function withBadPages(file: CompleteFile, bad: BadPages, notices: Notices): CompleteFile {
  const calls = callsOf(file, bad, notices);
  return new Proxy(file, {
    get: (target, key) => {
      if (key in calls) return calls[key as keyof Calls];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function callsOf(file: CompleteFile, bad: BadPages, { mappedAnew, closed }: Notices): Calls {
  const read = async (target: Uint8Array, position: number): Promise<Transfer> => {
    const end = bad.firstBad(position, target.length);
    if (target.length > 0 && end === position) return { transferredBytes: 0, errno: Errno.EIO };
    return file.pread(target.subarray(0, end - position), position);
  };
  const write = async (source: Uint8Array, position: number): Promise<Transfer> => {
    const end = bad.firstNotCovered(position, source.length);
    if (source.length > 0 && end === position) return { transferredBytes: 0, errno: Errno.EFAULT };
    const outcome = await file.pwrite(source.subarray(0, end - position), position);
    bad.cleared(position, outcome.transferredBytes);
    return outcome;
  };
  const rewriteOne = async (piece: Rewrite, bytes: Uint8Array): Promise<Rewritten> => {
    const { reset, position, sourceOffset, length } = piece;
    const failed = reset === undefined ? undefined : await file.zeroRange(reset.offset, reset.length);
    if (failed !== undefined) return { transferredBytes: 0, errno: failed.errno, syscall: 'fallocate' };
    return { ...(await write(bytes.subarray(sourceOffset, sourceOffset + length), position)), syscall: 'pwrite' };
  };
  return {
    pread: read,
    pwrite: write,
    async readEach(pieces, bytes) {
      const outcomes: Transfer[] = [];
      let from = 0;
      for (const { offset, length } of pieces) {
        outcomes.push(await read(bytes.subarray(from, from + length), offset));
        from += length;
      }
      return outcomes;
    },
    async scrub(position, length) {
      const end = bad.firstBad(position, length);
      if (length > 0 && end === position) return { transferredBytes: 0, errno: Errno.EIO };
      return file.scrub(position, end - position);
    },
    async rewrite(pieces, bytes) {
      const outcomes: Rewritten[] = [];
      for (const piece of pieces) outcomes.push(await rewriteOne(piece, bytes));
      return outcomes;
    },
    probe(position, length) {
      const outcome = file.probe(position, length);
      if ('failure' in outcome || bad.firstBad(position, length) === position + length) return outcome;
      return { ...outcome, readErrno: Errno.EIO };
    },
    remap(position, length) {
      const failure = file.remap(position, length);
      mappedAnew();
      return failure;
    },
    async resize(sizeBytes, preallocate) {
      const failure = await file.resize(sizeBytes, preallocate);
      mappedAnew();
      return failure;
    },
    view(position, length) {
      const outcome = file.view(position, length);
      mappedAnew();
      return outcome;
    },
    async close() {
      const failure = await file.close();
      closed();
      return failure;
    },
  };
}
