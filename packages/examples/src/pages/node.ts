/**
 * Nodes of the tree in memory. A node that a reader may hold is never changed: a writer copies it first, with all nodes
 * above it, and the epoch tells whose a node is.
 */
import type { Bytes } from './bytes.js';
import { NO_BYTES, upperBound } from './bytes.js';
import { ENTRY_BYTES_MAX, REFERENCE_BYTES } from './format.js';
import type { Entries, Value } from './leaf-page.js';
import { entryBytesOf, isReference } from './leaf-page.js';

const NO_REFERENCES: readonly number[] = [];

/** The page that a leaf is the same as. */
export interface LeafPlace {
  readonly slot: number;
  readonly generation: number;
}

/** Entries of the keys in [low, high). */
export class Leaf {
  readonly low: Bytes;
  high: Bytes | undefined;
  epoch: number;
  /** Bytes that the entries take in a page. */
  entryBytes: number;
  /** Undefined if they have to be read from `place`. */
  entries: Entries | undefined;
  /** Undefined if the leaf has changed since the checkpoint, or is new. */
  place: LeafPlace | undefined = undefined;
  /** Keys of the range without an entry were lost. */
  lost = false;
  /** The reason, if it is known. */
  cause: unknown = undefined;
  /** Another leaf has taken its place in the tree, though readers and a checkpoint may still hold this one. */
  superseded = false;
  /** First slots of the values that lie in pages of their own, if `place` is known. */
  references: readonly number[] = NO_REFERENCES;
  /** Read since the cache last looked. */
  used = false;

  constructor(epoch: number, low: Bytes, high: Bytes | undefined, entries: Entries | undefined, entryBytes: number) {
    this.epoch = epoch;
    this.low = low;
    this.high = high;
    this.entries = entries;
    this.entryBytes = entryBytes;
  }
}

/** A leaf all of whose keys are lost. */
export function lostLeaf(epoch: number, low: Bytes, high: Bytes | undefined, cause: unknown): Leaf {
  const leaf = new Leaf(epoch, low, high, { keys: [], values: [] }, 0);
  leaf.lost = true;
  leaf.cause = cause;
  return leaf;
}

/** The tree of a store that holds nothing. */
export function emptyLeaf(epoch: number): Leaf {
  return new Leaf(epoch, NO_BYTES, undefined, { keys: [], values: [] }, 0);
}

export class Inner {
  /** Child i + 1 begins at separator i. */
  readonly separators: Bytes[];
  readonly children: Node[];
  epoch: number;
  /** Some leaf below has changed since the checkpoint. */
  changed: boolean;

  constructor(epoch: number, separators: Bytes[], children: Node[], changed: boolean) {
    this.epoch = epoch;
    this.separators = separators;
    this.children = children;
    this.changed = changed;
  }
}

export type Node = Inner | Leaf;

/** A node splits when it has more children than this. */
export const CHILDREN_MAX = 64;
/** A node with fewer joins a neighbour, if both fit into one. */
export const CHILDREN_FEW = 16;

/** The leaf whose range holds `key`. */
export function leafFor(root: Node, key: Bytes): Leaf {
  let node = root;
  while (node instanceof Inner) node = node.children[indexFor(node, key)] as Node;
  return node;
}

/** Returns the leaf whose range holds the last keys before `end`; the last leaf if `end` is undefined. */
export function leafBefore(root: Node, end: Bytes | undefined): Leaf {
  let node = root;
  while (node instanceof Inner) node = node.children[indexBefore(node, end)] as Node;
  return node;
}

/** The child whose range holds `key`. */
export function indexFor({ separators }: Inner, key: Bytes): number {
  return upperBound(separators, key);
}

/** Returns the child whose range holds the last keys before `end`; the last child if `end` is undefined. */
export function indexBefore({ separators, children }: Inner, end: Bytes | undefined): number {
  if (end === undefined) return children.length - 1;
  const index = upperBound(separators, end);
  return index > 0 && Buffer.compare(separators[index - 1] as Bytes, end) === 0 ? index - 1 : index;
}

/** Returns the number of leaves below, without a look at each of them. */
export function countLeaves(node: Node): number {
  if (node instanceof Leaf) return 1;
  if (node.children[0] instanceof Leaf) return node.children.length;
  return node.children.reduce((sum, child) => sum + countLeaves(child), 0);
}

export function* leavesOf(node: Node): Generator<Leaf, void, undefined> {
  if (node instanceof Leaf) yield node;
  else for (const child of node.children) yield* leavesOf(child);
}

/** Leaves that have to be stored for a checkpoint. */
export function* changedLeavesOf(node: Node): Generator<Leaf, void, undefined> {
  if (node instanceof Leaf) {
    if (node.place === undefined) yield node;
  } else if (node.changed) {
    for (const child of node.children) yield* changedLeavesOf(child);
  }
}

/** Every leaf below has been stored. */
export function markStored(node: Node): void {
  if (node instanceof Leaf || !node.changed) return;
  node.changed = false;
  for (const child of node.children) markStored(child);
}

/** True if the value goes into overflow pages. */
export function isLong(keyBytes: number, value: Value): value is Bytes {
  return value instanceof Uint8Array && keyBytes + value.length > ENTRY_BYTES_MAX;
}

/** First slots of those values that lie in pages of their own. */
export function referencesIn(values: readonly Value[]): readonly number[] {
  const found = values.flatMap((value) => (isReference(value) ? [value.slot] : []));
  return found.length === 0 ? NO_REFERENCES : found;
}

/** The bytes that the entry takes in a leaf page. */
export function spaceOf(key: Bytes, value: Value): number {
  if (value === undefined) return entryBytesOf(key.length, 0);
  const isHere = !isReference(value) && key.length + value.length <= ENTRY_BYTES_MAX;
  return entryBytesOf(key.length, isHere ? value.length : REFERENCE_BYTES);
}

/** A tree over leaves that are sorted and without gaps between them. */
export function treeOf(leaves: readonly Leaf[], epoch: number): Node {
  let nodes: readonly Node[] = leaves;
  let lows = leaves.map((leaf) => leaf.low);
  while (nodes.length > 1) {
    const parents: Node[] = [];
    const parentLows: Bytes[] = [];
    for (let start = 0; start < nodes.length; start += CHILDREN_MAX) {
      const children = nodes.slice(start, start + CHILDREN_MAX);
      const changed = children.some((child) => (child instanceof Leaf ? child.place === undefined : child.changed));
      parents.push(new Inner(epoch, lows.slice(start + 1, start + children.length), children, changed));
      parentLows.push(lows[start] as Bytes);
    }
    nodes = parents;
    lows = parentLows;
  }
  return nodes[0] as Node;
}
