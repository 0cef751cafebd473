/** Nodes that are too full, and nodes that are too empty. The caller puts what comes out of it into the tree. */
import type { Bytes } from './bytes.js';
import { shortestBetween } from './bytes.js';
import { PAGE_BYTES } from './format.js';
import type { Entries } from './leaf-page.js';
import { leafBytesOf } from './leaf-page.js';
import { CHILDREN_MAX, Inner, Leaf, spaceOf } from './node.js';

/** Two leaves join if the result is at most so full: not so full that the next put splits it again. */
const JOINED_BYTES_MAX = PAGE_BYTES * 0.75;

export function fits(leaf: Leaf): boolean {
  return leafBytesOf(leaf.low, leaf.high, leaf.entryBytes) <= PAGE_BYTES;
}

/** Leaves that fit, in place of one that does not. */
export function splitLeaf(leaf: Leaf, epoch: number): Leaf[] {
  if (fits(leaf)) return [leaf];
  const { keys, values } = leaf.entries as Entries;
  let index = keys.length - 1;
  if (leaf.high !== undefined || spaceOf(keys[index] as Bytes, values[index]) * 2 > leaf.entryBytes) {
    let left = 0;
    for (index = 0; index < keys.length - 1 && left * 2 < leaf.entryBytes; index++) {
      left += spaceOf(keys[index] as Bytes, values[index]);
    }
    index = Math.max(1, index);
  }
  const separator = shortestBetween(keys[index - 1] as Bytes, keys[index] as Bytes);
  return splitLeafAt(leaf, index, separator, epoch).flatMap((half) => splitLeaf(half, epoch));
}

/** Entries from `index` on go into a leaf that begins at `separator`. */
export function splitLeafAt(leaf: Leaf, index: number, separator: Bytes, epoch: number): [Leaf, Leaf] {
  const { keys, values } = leaf.entries as Entries;
  const entries = { keys: keys.splice(index), values: values.splice(index) };
  let moved = 0;
  for (const [i, key] of entries.keys.entries()) moved += spaceOf(key, entries.values[i]);
  const right = new Leaf(epoch, separator, leaf.high, entries, moved);
  right.lost = leaf.lost;
  right.cause = leaf.cause;
  leaf.high = separator;
  leaf.entryBytes -= moved;
  return [leaf, right];
}

/** Neither has lost keys, and the entries of both are few enough for one page. */
export function fitTogether(left: Leaf, right: Leaf): boolean {
  const most = left.entryBytes === 0 || right.entryBytes === 0 ? PAGE_BYTES : JOINED_BYTES_MAX;
  return !left.lost && !right.lost && leafBytesOf(left.low, right.high, left.entryBytes + right.entryBytes) <= most;
}

export function joinLeaves(epoch: number, left: Leaf, right: Leaf, ofLeft: Entries, ofRight: Entries): Leaf {
  const entries = { keys: [...ofLeft.keys, ...ofRight.keys], values: [...ofLeft.values, ...ofRight.values] };
  return new Leaf(epoch, left.low, right.high, entries, left.entryBytes + right.entryBytes);
}

/** Returns one node with the children of both; undefined if these are too many. */
export function joinInner(epoch: number, left: Inner, right: Inner, separator: Bytes): Inner | undefined {
  // One child alone always finds room, or it could never join anything.
  const most = Math.min(left.children.length, right.children.length) === 1 ? CHILDREN_MAX + 1 : CHILDREN_MAX;
  if (left.children.length + right.children.length > most) return undefined;
  const separators = [...left.separators, separator, ...right.separators];
  return new Inner(epoch, separators, [...left.children, ...right.children], true);
}
