/** The meaning of a repair journal, whatever its bytes: units under repair, and bytes that were lost. */
import type { ByteRange } from '../../ranges/byte-range.js';
import { coalesce, intersectAll, overlappingOf, rangeEnd, subtract } from '../../ranges/byte-range.js';

export interface Intent extends ByteRange {
  /**
   * The bytes that the unit is to hold, `length` of them. Undefined in a bare intent: the application can supply them
   * again.
   */
  readonly content: Uint8Array | undefined;
  readonly fileSizeBytes: number;
}

/** All that a journal says about its file. */
export interface JournalContent {
  readonly intents: readonly Intent[];
  readonly lost: readonly ByteRange[];
  /** Those of the lost ranges that were zeros on the medium when they were recorded. Without it none is known to be. */
  readonly blank?: readonly ByteRange[];
}

/** A journal that says nothing. */
export const EMPTY: JournalContent = { intents: [], lost: [] };

/** The blank losses that no repair is writing: only there is a byte that is not zero a store of others. */
export function settledBlank({ intents, blank = [] }: JournalContent): ByteRange[] {
  return subtract(blank, intents);
}

/** The content for a file of `sizeBytes`; the same object if nothing of it is past that. */
export function clippedTo(content: JournalContent, sizeBytes: number): JournalContent {
  const file: ByteRange = { offset: 0, length: sizeBytes };
  const isInFile = (range: ByteRange): boolean => rangeEnd(range) <= sizeBytes;
  if (content.intents.every(isInFile) && content.lost.every(isInFile)) return content;
  // A bare intent is a whole unit: what is left of one that is cut is lost.
  const cut = content.intents.filter((intent) => isBare(intent) && !isInFile(intent));
  return {
    lost: intersectAll(coalesce([...content.lost, ...cut]), [file]),
    blank: intersectAll(content.blank ?? [], [file]),
    intents: content.intents.flatMap((intent) => {
      if (isInFile(intent)) return [intent];
      const length = sizeBytes - intent.offset;
      if (length <= 0 || intent.content === undefined) return [];
      return [{ offset: intent.offset, length, content: intent.content.subarray(0, length), fileSizeBytes: sizeBytes }];
    }),
  };
}

/** Says of a unit only that it was being repaired: unless that was finished, the unit is lost. */
export function isBare(intent: Intent): boolean {
  return intent.content === undefined;
}

/**
 * For one that cannot end repairs: units that are being repaired and that are lost until that is done, as losses. Those
 * are units with a bare intent, and units of which no byte was there before.
 */
export function withLosses({ intents, lost, blank = [] }: JournalContent): JournalContent {
  const held = subtract(intents, lost);
  const isLost = (intent: Intent): boolean => isBare(intent) || overlappingOf(held, intent).length === 0;
  const cutOff = intents.filter(isLost);
  const kept = intents.filter((intent) => !isLost(intent));
  return { intents: kept, lost: coalesce([...lost, ...cutOff]), blank: subtract(blank, cutOff) };
}
