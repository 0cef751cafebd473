/** A B+tree whose leaves are pages and whose inner nodes live in memory alone. Changes copy what a reader may hold. */
import type { Bytes } from './bytes.js';
import { compareBytes, lowerBound } from './bytes.js';
import { PAGE_BYTES } from './format.js';
import type { Entries, Value } from './leaf-page.js';
import { isReference } from './leaf-page.js';
import type { Change } from './log-record.js';
import type { Node } from './node.js';
import { CHILDREN_FEW, CHILDREN_MAX, indexBefore, indexFor, Inner, Leaf, lostLeaf, spaceOf } from './node.js';
import type { PagePool } from './page-pool.js';
import { LostKeysError } from './pages-error.js';
import { fits, fitTogether, joinInner, joinLeaves, splitLeaf, splitLeafAt } from './split-join.js';

const FEW_ENTRY_BYTES = PAGE_BYTES / 4;

interface Step {
  readonly inner: Inner;
  readonly index: number;
}

export class Tree {
  #root: Node;
  #epoch: number;
  readonly #pool: PagePool;

  constructor(root: Node, epoch: number, pool: PagePool) {
    this.#root = root;
    this.#epoch = epoch;
    this.#pool = pool;
  }

  get root(): Node {
    return this.#root;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Returns a root that no later change reaches. */
  freeze(): Node {
    this.#epoch++;
    return this.#root;
  }

  apply(change: Change): void {
    if (change.type === 'put') this.#put(change.key, change.value);
    else if (change.type === 'del') this.#delete(change.key);
    else this.#clear(change.from, change.to);
  }

  /** Has the next checkpoint store the leaf that holds `key` in another page. */
  move(key: Bytes): void {
    this.#ownLeaf(this.#pathTo(key));
  }

  #put(key: Bytes, value: Value): void {
    const path = this.#pathTo(key);
    const leaf = this.#ownLeaf(path);
    const { keys, values } = leaf.entries as Entries;
    const index = lowerBound(keys, key);
    const space = spaceOf(key, value);
    if (index < keys.length && compareBytes(keys[index] as Bytes, key) === 0) {
      leaf.entryBytes += space - spaceOf(key, values[index]);
      this.#retireValue(values[index]);
      values[index] = value;
    } else {
      leaf.entryBytes += space;
      keys.splice(index, 0, key);
      values.splice(index, 0, value);
    }
    if (!fits(leaf)) this.#replaceChild(path, splitLeaf(leaf, this.#epoch));
  }

  #delete(key: Bytes): void {
    const path = this.#pathTo(key);
    const leaf = this.#ownLeaf(path);
    // Among lost keys, one that is known to be absent has to be remembered.
    if (leaf.lost) {
      this.#put(key, undefined);
      return;
    }
    const { keys, values } = leaf.entries as Entries;
    const index = lowerBound(keys, key);
    if (index === keys.length || compareBytes(keys[index] as Bytes, key) !== 0) return;
    leaf.entryBytes -= spaceOf(key, values[index]);
    this.#retireValue(values[index]);
    keys.splice(index, 1);
    values.splice(index, 1);
    this.#joinFew(path);
  }

  #clear(from: Bytes, to: Bytes | undefined): void {
    if (to !== undefined && compareBytes(from, to) >= 0) return;
    this.#boundLoss(from);
    if (to !== undefined) this.#boundLoss(to);
    const first = this.#pathTo(from);
    const last = this.#pathTo(to, indexBefore);
    const [left, right] = [this.#ownLeaf(first), this.#ownLeaf(last)];
    this.#removeEntries(left, from, to);
    if (left !== right) {
      this.#removeEntries(right, from, to);
      this.#cutBetween(first, last, right.low);
      // Its range ends with another key now, which may be longer.
      left.high = right.low;
      if (!fits(left)) this.#replaceChild(first, splitLeaf(left, this.#epoch));
      this.#joinAround(right.low);
    }
    this.#joinAround(from);
  }

  #removeEntries(leaf: Leaf, from: Bytes, to: Bytes | undefined): void {
    const { keys, values } = leaf.entries as Entries;
    const start = lowerBound(keys, from);
    const end = to === undefined ? keys.length : lowerBound(keys, to);
    for (let i = start; i < end; i++) {
      leaf.entryBytes -= spaceOf(keys[i] as Bytes, values[i]);
      this.#retireValue(values[i]);
    }
    keys.splice(start, end - start);
    values.splice(start, end - start);
    // Its range lies inside of the cleared one: see #boundLoss.
    leaf.lost = false;
    leaf.cause = undefined;
  }

  /** Takes all leaves between those at the ends of two paths out of the tree; the later one begins at `low`. */
  #cutBetween(first: readonly Step[], last: readonly Step[], low: Bytes): void {
    const parting = first.findIndex(({ index }, level) => index !== last[level]?.index);
    const removed: Node[] = [];
    for (const [level, { inner, index }] of first.entries()) {
      const end = last[level] as Step;
      if (level === parting) {
        removed.push(...inner.children.splice(index + 1, end.index - index - 1));
        inner.separators.splice(index, end.index - index, low);
      } else if (level > parting) {
        removed.push(...inner.children.splice(index + 1), ...end.inner.children.splice(0, end.index));
        inner.separators.splice(index);
        end.inner.separators.splice(0, end.index);
      }
    }
    this.#pool.retireBelow(removed, this.#epoch);
  }

  /** Has a leaf with lost keys end, and another begin, at `key`, so that the loss on one side can be forgotten. */
  #boundLoss(key: Bytes): void {
    const path = this.#pathTo(key);
    const found = this.#leafAt(path);
    if (compareBytes(found.low, key) === 0) return;
    const leaf = this.#isLost(found) ? this.#ownLeaf(path) : found;
    if (!leaf.lost) return;
    const { keys } = leaf.entries as Entries;
    this.#replaceChild(path, splitLeafAt(leaf, lowerBound(keys, key), key, this.#epoch));
  }

  #isLost(leaf: Leaf): boolean {
    if (leaf.lost) return true;
    try {
      this.#pool.load(leaf);
      return false;
    } catch (error) {
      if (error instanceof LostKeysError) return true;
      throw error;
    }
  }

  /** The way down to the leaf, with every inner node on it ready to be changed. */
  #pathTo(key: Bytes): Step[];
  #pathTo(key: Bytes | undefined, indexOf: typeof indexBefore): Step[];
  #pathTo(key: Bytes | undefined, indexOf: (inner: Inner, key: Bytes) => number = indexFor): Step[] {
    const path: Step[] = [];
    let node = this.#root;
    while (node instanceof Inner) {
      const inner = this.#ownInner(node, path.at(-1));
      const index = indexOf(inner, key as Bytes);
      path.push({ inner, index });
      node = inner.children[index] as Node;
    }
    return path;
  }

  #leafAt(path: readonly Step[]): Leaf {
    const last = path.at(-1);
    return (last === undefined ? this.#root : last.inner.children[last.index]) as Leaf;
  }

  #ownInner(inner: Inner, parent: Step | undefined): Inner {
    if (inner.epoch === this.#epoch) {
      inner.changed = true;
      return inner;
    }
    const copy = new Inner(this.#epoch, inner.separators.slice(), inner.children.slice(), true);
    this.#setChild(parent, copy);
    return copy;
  }

  /** Returns the leaf at the end of the path, ready to be changed; if no file has its page, one whose keys are lost. */
  #ownLeaf(path: readonly Step[]): Leaf {
    const leaf = this.#leafAt(path);
    if (leaf.epoch === this.#epoch && leaf.place === undefined) return leaf;
    const copy = this.#copyOf(leaf);
    this.#supersede(leaf);
    this.#setChild(path.at(-1), copy);
    return copy;
  }

  #copyOf(leaf: Leaf): Leaf {
    try {
      const { keys, values } = this.#pool.load(leaf);
      const entries = { keys: keys.slice(), values: values.slice() };
      const copy = new Leaf(this.#epoch, leaf.low, leaf.high, entries, leaf.entryBytes);
      copy.lost = leaf.lost;
      copy.cause = leaf.cause;
      return copy;
    } catch (error) {
      if (!(error instanceof LostKeysError)) throw error;
      return lostLeaf(this.#epoch, leaf.low, leaf.high, error.cause);
    }
  }

  #supersede(leaf: Leaf): void {
    leaf.superseded = true;
    if (leaf.place !== undefined) this.#pool.retirePage(leaf.place, this.#epoch);
  }

  #retireValue(value: Value): void {
    if (isReference(value)) this.#pool.retireValue(value, this.#epoch);
  }

  #setChild(parent: Step | undefined, node: Node): void {
    if (parent === undefined) this.#root = node;
    else parent.inner.children[parent.index] = node;
  }

  /** Puts leaves in the place of the one at the end of the path, and splits nodes above that get too large. */
  #replaceChild(path: readonly Step[], leaves: readonly Leaf[]): void {
    let nodes: readonly Node[] = leaves;
    let separators: readonly Bytes[] = leaves.slice(1).map((leaf) => leaf.low);
    for (const { inner, index } of path.toReversed()) {
      inner.children.splice(index, 1, ...nodes);
      inner.separators.splice(index, 0, ...separators);
      if (inner.children.length <= CHILDREN_MAX) return;
      // At the right edge, which ascending keys reach, the left half stays full.
      const isAtEnd = index + nodes.length === inner.children.length;
      const middle = isAtEnd ? inner.children.length - 2 : inner.children.length >>> 1;
      const children = inner.children.splice(middle);
      const right = new Inner(this.#epoch, inner.separators.splice(middle), children, true);
      separators = [inner.separators.pop() as Bytes];
      nodes = [inner, right];
    }
    this.#root = nodes.length === 1 ? (nodes[0] as Node) : new Inner(this.#epoch, [...separators], [...nodes], true);
  }

  /** Joins nodes that have become small with a neighbour, from the leaf upwards. All of the path is owned. */
  #joinFew(path: readonly Step[]): boolean {
    let hasJoined = false;
    for (const { inner, index } of path.toReversed()) {
      const child = inner.children[index] as Node;
      const isFew = child instanceof Leaf ? child.entryBytes < FEW_ENTRY_BYTES : child.children.length < CHILDREN_FEW;
      if (isFew && (this.#joinAt(inner, index - 1) || this.#joinAt(inner, index))) hasJoined = true;
    }
    while (this.#root instanceof Inner && this.#root.children.length === 1) this.#root = this.#root.children[0] as Node;
    return hasJoined;
  }

  /** As #joinFew(), until nothing is left to join: a node that was cut off may have one child, without a neighbour. */
  #joinAround(key: Bytes): void {
    while (this.#joinFew(this.#pathTo(key)));
  }

  /** Joins child `index` with the one after it, if both are there and fit into one. */
  #joinAt(inner: Inner, index: number): boolean {
    const left = inner.children[index];
    const right = inner.children[index + 1];
    if (left === undefined || right === undefined) return false;
    const joined =
      left instanceof Leaf
        ? this.#joinLeaves(left, right as Leaf)
        : joinInner(this.#epoch, left, right as Inner, inner.separators[index] as Bytes);
    if (joined === undefined) return false;
    inner.children.splice(index, 2, joined);
    inner.separators.splice(index, 1);
    return true;
  }

  #joinLeaves(left: Leaf, right: Leaf): Leaf | undefined {
    if (!fitTogether(left, right) || this.#isLost(left) || this.#isLost(right)) return undefined;
    const joined = joinLeaves(this.#epoch, left, right, this.#pool.load(left), this.#pool.load(right));
    this.#supersede(left);
    this.#supersede(right);
    return joined;
  }
}
