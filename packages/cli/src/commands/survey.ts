/**
 * Finds the files of a tree that hold bad blocks of its device: one walk, and a question to the kernel for each file
 * with storage.
 */
import type { ByteRange } from '@safe-pmem/core';
import { rangeEnd } from '@safe-pmem/core';
import type { FileBadBlock } from '@safe-pmem/core/tools';
import { mapToFile } from '@safe-pmem/core/tools';
import type { Context } from '../context.js';
import { lookingAt, reasonOf } from '../context.js';
import type { FoundFile, NotLookedAt } from '../file-tree.js';
import { inOrder } from '../in-order.js';

/** Enough that the kernel is asked while the walk goes on. */
const AT_ONCE = 8;
/** Between these the event loop gets its turn, so that ^C is heard. */
const TURN_MS = 50;

export interface FileAnswer {
  readonly kind: 'file';
  readonly file: FoundFile;
  /** Bad blocks in it, ascending. */
  readonly blocks: readonly FileBadBlock[];
}

export type Answer = FileAnswer | NotLookedAt;

/**
 * An answer for each file at or below `path`. `wanted` are ranges of the device. Files without storage are answered
 * without a call. Throws the reason of `interrupted`.
 */
export async function* survey(context: Context, path: string, wanted: readonly ByteRange[]): AsyncGenerator<Answer> {
  let turnMs = performance.now();
  for await (const answer of inOrder(context.tree.walk(path), AT_ONCE, (entry) => ask(context, entry, wanted))) {
    if (answer !== undefined) yield answer;
    if (performance.now() - turnMs < TURN_MS) continue;
    await new Promise(setImmediate);
    context.interrupted.throwIfAborted();
    turnMs = performance.now();
  }
}

function ask(
  context: Context,
  entry: FoundFile | NotLookedAt,
  wanted: readonly ByteRange[],
): Promise<Answer | undefined> | Answer {
  if (entry.kind !== 'file') return entry;
  if (entry.allocatedBytes === 0) return { kind: 'file', file: entry, blocks: [] };
  return blocksOf(context, entry, wanted);
}

/** Undefined for a file that is gone by now. */
async function blocksOf(
  context: Context,
  entry: FoundFile,
  wanted: readonly ByteRange[],
): Promise<Answer | undefined> {
  try {
    return await entry.withPath((path) =>
      lookingAt(path, context.driver, async (file): Promise<Answer> => {
        const within = { offset: 0, length: Math.max(entry.sizeBytes, file.mappedBytes) };
        if (within.length === 0) return { kind: 'file', file: entry, blocks: [] };
        const outcome = await file.extents(within.offset, within.length);
        if ('failure' in outcome)
          return {
            kind: 'unreadable',
            name: entry.name,
            reason: `its place on the device cannot be had (${outcome.failure.syscall})`,
          };
        if (outcome.extents.some((extent) => extent.unmapped)) {
          return { kind: 'unreadable', name: entry.name, reason: 'a part of it has no fixed place on the device' };
        }
        return {
          kind: 'file',
          file: entry,
          blocks: mapToFile(wanted, outcome.extents, within, file.facts),
        };
      }),
    );
  } catch (error) {
    if (isGone(error)) return undefined;
    return { kind: 'unreadable', name: entry.name, reason: reasonOf(error) };
  }
}

function isGone(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ERR_PMEM_NOT_FOUND')
  );
}

/** Neighbours in the file that are neighbours on the device as well, joined. */
export function joined(blocks: readonly FileBadBlock[]): FileBadBlock[] {
  const found: FileBadBlock[] = [];
  for (const block of blocks) {
    const last = found.at(-1);
    const follows =
      last !== undefined &&
      rangeEnd(last) === block.offset &&
      last.physicalOffset + last.length === block.physicalOffset;
    if (follows && last.unwritten === block.unwritten && last.shared === block.shared) {
      found[found.length - 1] = { ...last, length: last.length + block.length };
    } else found.push(block);
  }
  return found;
}

/** Returns the place on the device of a range of the file. */
export function onDevice(block: FileBadBlock): ByteRange {
  return { offset: block.physicalOffset, length: block.length };
}
