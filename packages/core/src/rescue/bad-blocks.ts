/** Translates the kernel's list of a device's bad blocks into bytes of one file. */
import type { ByteRange } from '../ranges/byte-range.js';
import { wholeUnits } from '../ranges/whole-units.js';
import { hugePageBytes } from '../ranges/huge-page-bytes.js';
import { alignOut, coalesce, firstEndingAfter, rangeBetween, rangeEnd } from '../ranges/byte-range.js';
import type { CompleteFile, Extent, FileFacts } from '../driver/driver.js';
import { errnoName } from '../errors/errno.js';

/** One extent's worth of bad blocks: the file bytes lost, whole blocks, and where they are on the device. */
export interface FileBadBlock extends ByteRange {
  readonly physicalOffset: number;
  /** The block was allocated but never written: reads are zeros and touch no media, the first write meets the error. */
  readonly unwritten: boolean;
  readonly shared: boolean;
  /** The extent has all of the aligned huge page of the file around the block: the kernel may map it by one entry. */
  readonly mayBeHuge: boolean;
}

/** `known`: at least one bad block. `none`: the kernel lists none. `unsupported`: it cannot be told; not "healthy". */
export type BadBlockReport =
  | { readonly status: 'known'; readonly ranges: readonly ByteRange[] }
  | { readonly status: 'none' }
  | { readonly status: 'unsupported'; readonly reason: string };

export type FileBadBlocks =
  | { readonly supported: true; readonly blocks: readonly FileBadBlock[]; readonly extents: readonly Extent[] }
  | { readonly supported: false; readonly reason: string };

/**
 * Asks the kernel which blocks of `within` are bad. Costs one small read if the device lists nothing, else FIEMAP
 * as well: in proportion to extents and bad blocks, never to bytes.
 */
export async function queryBadBlocks(
  file: CompleteFile,
  within: ByteRange,
  needExtents = false,
): Promise<FileBadBlocks> {
  const list = await file.badBlocks();
  if (!list.supported) return { supported: false, reason: list.reason };
  if (within.length === 0 || (list.ranges.length === 0 && !needExtents)) {
    return { supported: true, blocks: [], extents: [] };
  }
  const asked = hugePagesAround(file, within);
  const outcome = await file.extents(asked.offset, asked.length);
  if ('failure' in outcome) {
    return { supported: false, reason: `${outcome.failure.syscall} failed with ${errnoName(outcome.failure.errno)}` };
  }
  const unmapped = outcome.extents.find((extent) => extent.unmapped);
  if (unmapped !== undefined && list.ranges.length > 0) {
    return { supported: false, reason: 'an extent of the file has no fixed place on the device' };
  }
  const blocks = mapToFile(list.ranges, outcome.extents, within, file.facts);
  return { supported: true, blocks, extents: outcome.extents };
}

/** FIEMAP cuts extents off at the range that it is asked about: so all of the huge page is asked about. */
function hugePagesAround({ mappedBytes, facts }: CompleteFile, within: ByteRange): ByteRange {
  const { offset, length } = alignOut(within, hugePageBytes(facts));
  return rangeBetween(offset, Math.max(rangeEnd(within), Math.min(offset + length, mappedBytes)));
}

/** Intersects bad ranges of the device with the extents. A poisoned sector costs the whole block that it lies in. */
export function mapToFile(
  listed: readonly ByteRange[],
  extents: readonly Extent[],
  within: ByteRange,
  facts: Pick<FileFacts, 'blockBytes' | 'pageBytes'>,
): FileBadBlock[] {
  const { blockBytes } = facts;
  const hugeBytes = hugePageBytes(facts);
  const bad = wholeUnits(listed, blockBytes);
  const found: FileBadBlock[] = [];
  for (const { offset, length, physicalOffset, unwritten, shared } of extents) {
    // From this on, a place on the device is a place in the file.
    const distance = offset - physicalOffset;
    const physicalEnd = physicalOffset + length;
    for (let i = firstEndingAfter(bad, physicalOffset); i < bad.length; i++) {
      const block = bad[i] as ByteRange;
      if (block.offset >= physicalEnd) break;
      const start = Math.max(block.offset, physicalOffset, within.offset - distance);
      const end = Math.min(rangeEnd(block), physicalEnd, rangeEnd(within) - distance);
      if (start >= end) continue;
      const range: ByteRange = { offset: start + distance, length: end - start };
      const mayBeHuge = holdsHugePageOf(range, { offset, length }, hugeBytes);
      // Field by field: a spread of thousands of blocks is a tenth of a repair.
      found.push({ offset: range.offset, length: range.length, physicalOffset: start, unwritten, shared, mayBeHuge });
    }
  }
  // Extents of one file do not overlap, so neither do these.
  return found.sort((a, b) => a.offset - b.offset);
}

/** True if some aligned huge page that `range` touches lies whole in the extent. The device's own start is not asked. */
function holdsHugePageOf(range: ByteRange, extent: ByteRange, hugeBytes: number): boolean {
  const touched = alignOut(range, hugeBytes);
  const first = Math.max(touched.offset, Math.ceil(extent.offset / hugeBytes) * hugeBytes);
  return first + hugeBytes <= Math.min(rangeEnd(touched), rangeEnd(extent));
}

/** The public form of an answer. */
export function reportOf(answer: FileBadBlocks): BadBlockReport {
  if (!answer.supported) return { status: 'unsupported', reason: answer.reason };
  if (answer.blocks.length === 0) return { status: 'none' };
  return { status: 'known', ranges: coalesce(answer.blocks) };
}
