/** Reading bytes to their end, over short transfers. */
import type { CompleteFile, Transfer } from '../driver/driver.js';
import type { ByteRange } from '../ranges/byte-range.js';

/**
 * Reads `target` at `position` until it is full, the file ends, or a call fails: with the bytes before that, and the
 * errno. One pread(2) may stop before a bad line that no access has met, and say nothing: the next one fails.
 */
export async function readOn(
  file: CompleteFile, target: Uint8Array, position: number, doneBytes = 0,
): Promise<Transfer> {
  let done = doneBytes;
  while (done < target.length) {
    const { transferredBytes, errno } = await file.pread(target.subarray(done), position + done);
    if (errno !== 0 || transferredBytes === 0) return { transferredBytes: done, errno };
    done += transferredBytes;
  }
  return { transferredBytes: done, errno: 0 };
}

/** Does the same for each piece, into consecutive parts of `bytes`. A failure ends its own piece only. */
export async function readEachOn(
  file: CompleteFile, pieces: readonly ByteRange[], bytes: Uint8Array,
): Promise<readonly Transfer[]> {
  const reads = [...(await file.readEach(pieces, bytes))];
  let at = 0;
  for (const [i, { offset, length }] of pieces.entries()) {
    const { errno, transferredBytes } = reads[i] as Transfer;
    const target = bytes.subarray(at, (at += length));
    const isShort = errno === 0 && transferredBytes > 0 && transferredBytes < length;
    if (isShort) reads[i] = await readOn(file, target, offset, transferredBytes);
  }
  return reads;
}
