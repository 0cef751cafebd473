/**
 * Makes blocks of an unwritten extent written, as ext4 does. A small extent is zeroed and converted whole, so that a
 * write of one page can clear, or fail to clear, the poison of another.
 *
 * ext4 keeps two views of a file: extents on disk, and a cache of them that reads, writes and FIEMAP ask first. If
 * zeroing fails (poison on a device that cannot clear) the two part, as measured on Linux 6.12 and 7.3:
 *
 * - blocks to be written are converted on disk before they are zeroed: the cache still calls them unwritten, and the
 *   next write finds them written and bad (on 7.3 the cache calls them written as well, unless written neighbours
 *   absorb them);
 * - neighbours that could not be zeroed stay unwritten on disk: the cache calls them written, and reads give what the
 *   medium holds, also what a zero-range before had hidden.
 *
 * `inode.map` is the cache, `inode.onDisk` what differs from it on disk; a new mount starts from the disk.
 */
import { Errno } from '@safe-pmem/core';
import { HOLE, isUnwritten, mappedBlock, writtenEntry } from '../filesystem/block-map.js';
import { blocksIn } from '../hardware/geometry.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { type BlocksOutcome, zeroBlocks } from './zero-blocks.js';

/** Blocks of a file, half-open. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Makes at least the first of `count` blocks from `logical`, which the cache calls unwritten, written and zeroed. */
export function convertOnExt4(machine: Machine, inode: Inode, logical: number, count: number): BlocksOutcome {
  const written = inode.diskEntry(logical);
  if (!isUnwritten(written)) return trustDisk(machine, inode, logical, count);
  const extent = unwrittenExtentOnDisk(inode, logical);
  const request: Span = { start: logical, end: Math.min(logical + count, extent.end) };
  for (const span of neighboursToZero(machine, inode, extent, request)) {
    const zeroed = zeroSpan(machine, inode, span);
    rewrite(machine, inode, span, zeroed);
    if (!zeroed) break;
  }
  if (!zeroSpan(machine, inode, request)) {
    const isCached = machine.rules.cachesFailedConversion && !isAbsorbed(inode, extent, request);
    if (isCached) rewrite(machine, inode, request, true);
    else convertOnDisk(machine, inode, request);
    return { count: 0, errno: Errno.EIO };
  }
  rewrite(machine, inode, request, true);
  inode.invalidate(request.start, request.end - request.start);
  return { count: request.end - request.start, errno: 0 };
}

/** fallocate() asks the disk about every block that the cache does not call written. */
export function trustDiskWithin(machine: Machine, inode: Inode, logical: number, count: number): void {
  for (const at of [...inode.onDisk.keys()]) {
    if (at >= logical && at < logical + count && isUnwritten(inode.map.at(at)) && !isUnwritten(inode.diskEntry(at))) trustDisk(machine, inode, at, 1);
  }
}

/**
 * The cache was wrong: the blocks are written already, and nothing zeroes them. Pages that show zeros go on doing so.
 * The cache learns of the blocks that were asked for, and of no other; that of 7.3 learns of all that adjoin them.
 */
function trustDisk(machine: Machine, inode: Inode, logical: number, count: number): BlocksOutcome {
  const isInExtent = (at: number): boolean => {
    return isUnwritten(inode.map.at(at)) && inode.diskEntry(at) === inode.diskEntry(logical) + at - logical;
  };
  const limit = machine.rules.cachesFailedConversion ? Infinity : logical + count;
  let end = logical + 1;
  while (end < limit && isInExtent(end)) end++;
  rewrite(machine, inode, { start: logical, end }, true);
  return { count: Math.min(count, end - logical), errno: 0 };
}

/** Marks blocks as written in the cache, and on disk too if `onDisk`; mappings stay as they are. */
function rewrite(machine: Machine, inode: Inode, span: Span, onDisk: boolean): void {
  if (span.start === span.end) return;
  const before = inode.map.slice(span.start, span.end - span.start);
  const disk = Array.from(before, (_, i) => inode.diskEntry(span.start + i));
  machine.filesystem.reclassify(inode, span.start, before.map((entry) => writtenEntry(mappedBlock(entry))));
  if (!onDisk) disk.forEach((entry, i) => { machine.filesystem.setOnDisk(inode, span.start + i, entry); });
}

/** Marks blocks as written on disk; the cache goes on calling them unwritten. */
function convertOnDisk(machine: Machine, inode: Inode, { start, end }: Span): void {
  for (let at = start; at < end; at++) {
    machine.filesystem.setOnDisk(inode, at, writtenEntry(mappedBlock(inode.map.at(at))));
  }
}

function zeroSpan(machine: Machine, inode: Inode, span: Span): boolean {
  for (let at = span.start; at < span.end; at++) {
    if (!zeroBlocks(machine, mappedBlock(inode.map.at(at)), 1)) return false;
  }
  return true;
}

function unwrittenExtentOnDisk(inode: Inode, logical: number): Span {
  const entry = inode.diskEntry(logical);
  let start = logical;
  while (start > 0 && inode.diskEntry(start - 1) === entry + (logical - start + 1)) start--;
  let end = logical + 1;
  while (inode.diskEntry(end) === entry - (end - logical)) end++;
  return { start, end };
}

/**
 * Returns the parts of the extent that are zeroed along: after the request, if the extent has at most
 * `smallExtentBlocks` blocks from there on, and before it, if those up to the end of what is converted are fewer than
 * that. None if the request can be joined to a written neighbour instead, or if the extent reaches beyond the end of
 * the file.
 */
function neighboursToZero(machine: Machine, inode: Inode, extent: Span, request: Span): Span[] {
  const { blockBytes, rules: { smallExtentBlocks = 0 } } = machine;
  const endOfFile = Math.max(blocksIn(blockBytes, inode.sizeBytes), request.end);
  if (request.end - request.start === extent.end - extent.start || extent.end > endOfFile) return [];
  if (joins(inode, extent, request)) return [];
  const spans: Span[] = [];
  if (request.end === extent.end) return [];
  let end = request.end;
  if (extent.end - request.start <= smallExtentBlocks) {
    spans.push({ start: request.end, end: extent.end });
    end = extent.end;
  }
  if (end - extent.start < smallExtentBlocks) spans.push({ start: extent.start, end: request.start });
  return spans.filter(({ start, end: stop }) => stop > start);
}

/** True if the request lies at an edge of the extent, next to written blocks that adjoin on the device too. */
function joins(inode: Inode, extent: Span, request: Span): boolean {
  if (request.start === extent.start) return adjoinsBefore(inode, extent);
  return request.end === extent.end && adjoinsAfter(inode, extent);
}

/** True for a part of the extent that joins written blocks, and for all of it between such blocks on both sides. */
function isAbsorbed(inode: Inode, extent: Span, request: Span): boolean {
  const isWhole = request.start === extent.start && request.end === extent.end;
  return isWhole ? adjoinsBefore(inode, extent) && adjoinsAfter(inode, extent) : joins(inode, extent, request);
}

function adjoinsBefore(inode: Inode, { start }: Span): boolean {
  return writtenBlock(inode, start - 1) === mappedBlock(inode.diskEntry(start)) - 1;
}

function adjoinsAfter(inode: Inode, { end }: Span): boolean {
  return writtenBlock(inode, end) === mappedBlock(inode.diskEntry(end - 1)) + 1;
}

/** Place on the device of a block that is written on disk. */
function writtenBlock(inode: Inode, at: number): number | undefined {
  const entry = at < 0 ? HOLE : inode.diskEntry(at);
  return entry > HOLE ? mappedBlock(entry) : undefined;
}
