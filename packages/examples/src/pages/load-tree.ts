/** The tree that the pages of a checkpoint make; keys whose page no file has are in it as lost. */
import { PmemError } from '@safe-pmem/core';
import type { Bytes } from './bytes.js';
import { compareBytes, NO_BYTES } from './bytes.js';
import { isReference } from './leaf-page.js';
import type { Node } from './node.js';
import { emptyLeaf, Leaf, lostLeaf, referencesIn, treeOf } from './node.js';
import type { PageDamage } from './page-files.js';
import type { PagePool } from './page-pool.js';
import { causeOf } from './page-pool.js';
import { sortedInPieces } from './sorted-in-pieces.js';
import type { LeafProgress } from './store-options.js';

/** Some milliseconds of work: reading, checking and decoding 4 KiB each. */
const LEAVES_A_TURN = 128;

export type OnProgress = (progress: LeafProgress) => void;

interface ReadLeaves {
  readonly leaves: Leaf[];
  readonly damage: PageDamage[];
  /** Slots that no file gives back. */
  readonly unread: number[];
}

/** The tree of the checkpoint in force. Between leaves that can be read, what is missing is lost. */
export async function loadTree(pool: PagePool, onProgress?: OnProgress): Promise<Node> {
  const { leaves: found, damage, unread } = await readLeaves(pool, onProgress);
  if (found.length === 0 && unread.length === 0) return emptyLeaf(0);
  const leaves = await sortedInPieces(found, (a, b) => compareBytes(a.low, b.low));
  const contested = contestedLeaves(leaves);
  for (const { place } of contested) {
    if (place !== undefined) unread.push(place.slot);
  }
  const believed = leaves.filter((leaf) => !contested.has(leaf));
  for (const [i, leaf] of believed.entries()) {
    if (i % LEAVES_A_TURN === LEAVES_A_TURN - 1) await new Promise(setImmediate);
    const values = leaf.references.length > 0 ? (leaf.entries?.values ?? []) : [];
    for (const value of values) if (isReference(value)) pool.discover(value);
    // From here on it may be forgotten.
    pool.cache.add(leaf);
  }
  // The keys of these pages are in the tree as lost ones; the next checkpoint stores that.
  pool.slots.retire(unread, 0);
  const cause = contested.size > 0 ? new Error(`pages of '${pool.path}' do not hold what was stored there`) : causeOf(damage);
  return treeOf([...withoutGaps(believed, cause)], 0);
}

/** In pieces, between which the event loop has its turn. */
async function readLeaves(pool: PagePool, onProgress: OnProgress | undefined): Promise<ReadLeaves> {
  const read: ReadLeaves = { leaves: [], damage: [], unread: [] };
  const slots = [...pool.slots.leaves];
  for (let done = 0; done < slots.length; ) {
    for (const slot of slots.slice(done, done + LEAVES_A_TURN)) readLeaf(pool, slot, read);
    done = Math.min(done + LEAVES_A_TURN, slots.length);
    onProgress?.({ doneLeaves: done, totalLeaves: slots.length });
    if (done < slots.length) await new Promise(setImmediate);
  }
  return read;
}

function readLeaf(pool: PagePool, slot: number, { leaves, damage, unread }: ReadLeaves): void {
  const read = pool.readLeaf(slot);
  if (read.page === undefined) {
    damage.push(...read.damage);
    unread.push(slot);
    return;
  }
  const { low, high, lost, generation, entryBytes, keys, values } = read.page;
  const leaf = new Leaf(0, low, high, { keys, values }, entryBytes);
  leaf.place = { slot, generation };
  leaf.references = referencesIn(values);
  pool.slots.setGeneration(slot, generation);
  leaf.lost = lost;
  if (lost) leaf.cause = lostBefore(pool);
  leaves.push(leaf);
}

/**
 * Returns the leaves whose ranges overlap that of another one: none of them can be believed. `leaves` are sorted by
 * their beginnings.
 */
function contestedLeaves(leaves: readonly Leaf[]): ReadonlySet<Leaf> {
  const contested = new Set<Leaf>();
  let last: Leaf | undefined;
  for (const leaf of leaves) {
    if (last !== undefined && (last.high === undefined || compareBytes(leaf.low, last.high) < 0)) contested.add(last).add(leaf);
    const endsFirst = last?.high !== undefined && (leaf.high === undefined || compareBytes(last.high, leaf.high) < 0);
    if (last === undefined || endsFirst) last = leaf;
  }
  return contested;
}

function* withoutGaps(leaves: readonly Leaf[], cause: unknown): Generator<Leaf> {
  let end: Bytes | undefined = NO_BYTES;
  for (const leaf of leaves) {
    if (end !== undefined && compareBytes(end, leaf.low) < 0) yield lostLeaf(0, end, leaf.low, cause);
    yield leaf;
    end = leaf.high;
  }
  if (end !== undefined) yield lostLeaf(0, end, undefined, cause);
}

/** The reason of a loss that an earlier run has stored: the store keeps that keys are lost, not what the medium did. */
function lostBefore({ path }: PagePool): PmemError {
  return new PmemError('ERR_PMEM_LOST', 'the page that held these keys was lost earlier', { path });
}
