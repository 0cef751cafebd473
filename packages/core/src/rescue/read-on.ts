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
  const reads = await file.readEach(pieces, bytes);
  // Of thousands of pieces hardly one falls short: nothing is made for those that do not.
  let finished: Transfer[] | undefined;
  let at = 0;
  for (let i = 0; i < pieces.length; i++) {
    const { offset, length } = pieces[i] as ByteRange;
    const { errno, transferredBytes } = reads[i] as Transfer;
    if (errno === 0 && transferredBytes > 0 && transferredBytes < length) {
      finished ??= [...reads];
      finished[i] = await readOn(file, bytes.subarray(at, at + length), offset, transferredBytes);
    }
    at += length;
  }
  return finished ?? reads;
}
