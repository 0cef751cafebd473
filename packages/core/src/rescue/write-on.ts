/** Writing bytes to their end, over short transfers. */
import type { CompleteFile, SystemFailure } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';

/** Writes that get no further than the one before are repeated so often. */
const IDLE_WRITES_MAX = 2;

export interface WriteProgress {
  /** Bytes that were written before. Default 0. */
  readonly doneBytes?: number;
  /** A write begins at a multiple of this, counted from `position`. Default 1. */
  readonly stepBytes?: number;
  /** Called with the bytes written so far after each transfer. */
  readonly onWritten?: (doneBytes: number) => void;
}

/**
 * Writes `bytes` at `position`. Short transfers are normal: it goes on from where the kernel stopped, or from the
 * beginning of that step. No progress is a failure (EIO).
 */
export async function writeOn(
  file: CompleteFile,
  bytes: Uint8Array,
  position: number,
  { doneBytes = 0, stepBytes = 1, onWritten }: WriteProgress = {},
): Promise<SystemFailure | undefined> {
  let done = doneBytes;
  for (let idle = 0; done < bytes.byteLength; ) {
    const start = Math.floor(done / stepBytes) * stepBytes;
    const { transferredBytes, errno } = await file.pwrite(bytes.subarray(start), position + start);
    if (errno !== 0) return { errno, syscall: 'pwrite' };
    if (start + transferredBytes <= done && ++idle > IDLE_WRITES_MAX) return { errno: Errno.EIO, syscall: 'pwrite' };
    done = Math.max(done, start + transferredBytes);
    onWritten?.(done);
  }
  return undefined;
}
