/**
 * What others have stored into a lost page while it was being repaired, if the machine went down then. The page gave
 * zeros before, so each byte of it is a zero, one that the repair was writing, or a store of others.
 */
import type { CompleteFile } from '../driver/driver.js';
import { nonZeroRuns } from '../faults/stored-since.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { intersectAll, rangeEnd } from '../ranges/byte-range.js';
import type { Intent } from './journal/content.js';
import { isZero } from './repair-unit.js';

/**
 * `intents`, which hold content, with what others have stored in place of it, and where that was. `blank`: where the
 * pages gave zeros. Content of zeros alone stays: such a page may have given nothing, and may hold anything now.
 */
export async function withStores(
  file: CompleteFile, intents: readonly Intent[], blank: readonly ByteRange[],
): Promise<{ readonly intents: readonly Intent[]; readonly stored: readonly ByteRange[] }> {
  const merged: Intent[] = [];
  const stored: ByteRange[] = [];
  for (const intent of intents) {
    const zeros = intersectAll(blank, [intent]);
    merged.push(zeros.length === 0 ? intent : await withStoresIn(file, intent, zeros, stored));
  }
  return { intents: merged, stored };
}

async function withStoresIn(
  file: CompleteFile, intent: Intent, zeros: readonly ByteRange[], stored: ByteRange[],
): Promise<Intent> {
  const { offset, length, content } = intent;
  if (content === undefined || isZero(content)) return intent;
  const found = new Uint8Array(length);
  const { errno, transferredBytes } = await file.pread(found, offset);
  if (errno !== 0 || transferredBytes !== length) return intent;
  const merged = Uint8Array.from(content);
  for (const run of intersectAll(nonZeroRuns(found, offset), zeros)) {
    const bytes = found.subarray(run.offset - offset, rangeEnd(run) - offset);
    if (Buffer.compare(bytes, content.subarray(run.offset - offset, rangeEnd(run) - offset)) === 0) continue;
    merged.set(bytes, run.offset - offset);
    stored.push(run);
  }
  return { ...intent, content: merged };
}
