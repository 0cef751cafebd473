/**
 * The last page of a file whose repair a crash cut off: a whole-page write makes the file longer until it is cut back
 * to its true size, and growth that a crash left has to be told from bytes that were appended.
 */
import type { ByteRange } from '../ranges/byte-range.js';
import { rangeBetween, rangeEnd } from '../ranges/byte-range.js';
import type { CompleteFile } from '../driver/driver.js';
import { isMediaErrno } from '../faults/classify.js';
import { repairUnitBytes } from '../opening/file-info.js';
import { readOn } from '../rescue/read-on.js';
import { unreadableCuts } from '../resize/cuts.js';
import { sizeOf } from './file-size.js';
import type { Intent } from './journal/content.js';
import { isZero } from './repair-unit.js';

/**
 * The intent whose whole-page write made the file longer than it is to be: a crash fell between the write and the
 * truncation after it. Only zeros up to the end of its own unit are that growth, or a file that ends with that unit
 * exactly and whose zeros cannot be expected; anything else was appended.
 */
export async function grownTail(
  file: CompleteFile, intents: readonly Intent[], mayBeTorn: boolean,
): Promise<Intent | undefined> {
  const unitBytes = repairUnitBytes(file.facts);
  const sizeBytes = await sizeOf(file, 'cannot recover');
  for (const intent of intents) {
    const isTail = rangeEnd(intent) === intent.fileSizeBytes && intent.length < unitBytes;
    if (!isTail || sizeBytes <= intent.fileSizeBytes || sizeBytes > intent.offset + unitBytes) continue;
    const added: ByteRange = rangeBetween(intent.fileSizeBytes, sizeBytes);
    const found = new Uint8Array(added.length);
    const { errno, transferredBytes } = await readOn(file, found, added.offset);
    const isZeros = isZero(found.subarray(0, transferredBytes));
    if (errno === 0 && transferredBytes === added.length && isZeros) return intent;
    // Poison keeps its zeros from being seen; a machine that died in the write may have left anything in their place.
    const isWholeUnit = sizeBytes === intent.offset + unitBytes;
    if (isWholeUnit && ((isMediaErrno(errno, file.facts) && isZeros) || mayBeTorn)) return intent;
  }
  return undefined;
}

/** Cuts the growth off again. False if that failed, or would have the kernel zero a page that cannot be read. */
export async function isCut(file: CompleteFile, tail: Intent, fileSizeBytes: number): Promise<boolean> {
  const sizeBytes = await sizeOf(file, 'cannot recover');
  if (sizeBytes <= fileSizeBytes || sizeBytes > tail.offset + repairUnitBytes(file.facts)) return true;
  if ((await unreadableCuts(file, [fileSizeBytes])).length > 0) return false;
  return (await file.resize(fileSizeBytes, false)) === undefined;
}
