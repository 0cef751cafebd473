/** Has the content of bad slots stored elsewhere, and finds out which keys no file has. */
import { copyOf, keyAfter } from './bytes.js';
import type { KeyRange } from './cursor.js';
import type { Entries } from './leaf-page.js';
import { isReference } from './leaf-page.js';
import type { Leaf } from './node.js';
import { leavesOf } from './node.js';
import type { PagePool } from './page-pool.js';
import { LostKeysError } from './pages-error.js';
import type { Tree } from './tree.js';

/**
 * Makes the next checkpoint store elsewhere what these slots held. A leaf that no file has becomes one with lost keys.
 * Returns keys whose values alone are lost.
 */
export function moveAway(pool: PagePool, tree: Tree, bad: ReadonlySet<number>): KeyRange[] {
  if (bad.size === 0) return [];
  const badValues = new Set<number>();
  for (const [first, chain] of pool.chains) if (chain.some((slot) => bad.has(slot))) badValues.add(first);
  const lost: KeyRange[] = [];
  for (const leaf of [...leavesOf(tree.root)]) {
    if (leaf.place !== undefined && bad.has(leaf.place.slot)) tree.move(leaf.low);
    if (leaf.place === undefined || leaf.references.some((first) => badValues.has(first))) {
      lost.push(...moveValues(pool, tree, leaf, badValues));
    }
  }
  return lost;
}

/**
 * Makes the next checkpoint move the last pages of the files forward, if few are left there. Returns false if there is
 * nothing to move. A page that cannot be read stays where it is: a repair reports its keys lost.
 */
export function moveForward(pool: PagePool, tree: Tree): boolean {
  const scattered = new Set(pool.slots.scatteredAtEnd);
  const leaves = scattered.size === 0 ? [] : [...leavesOf(tree.root)];
  const found = leaves.filter(({ place, references }) => {
    return place !== undefined && isIn(scattered, [place.slot, ...slotsOf(pool, references)]);
  });
  if (!found.every((leaf) => isReadable(pool, leaf))) return false;
  moveAway(pool, tree, scattered);
  return found.length > 0;
}

function slotsOf({ chains }: PagePool, references: readonly number[]): number[] {
  return references.flatMap((first) => chains.get(first) ?? []);
}

function isIn(slots: ReadonlySet<number>, some: readonly number[]): boolean {
  return some.some((slot) => slots.has(slot));
}

function isReadable(pool: PagePool, leaf: Leaf): boolean {
  try {
    pool.load(leaf);
    return true;
  } catch (error) {
    if (!(error instanceof LostKeysError)) throw error;
    return false;
  }
}

function moveValues(pool: PagePool, tree: Tree, leaf: Leaf, badValues: ReadonlySet<number>): KeyRange[] {
  const { keys, values } = entriesOf(pool, leaf);
  return keys.flatMap((key, index) => {
    const value = values[index];
    if (!isReference(value) || !badValues.has(value.slot)) return [];
    try {
      tree.apply({ type: 'put', key: copyOf(key), value: pool.valueOf(key, value) });
      return [];
    } catch (error) {
      if (!(error instanceof LostKeysError)) throw error;
      return [{ from: copyOf(key), to: keyAfter(key) }];
    }
  });
}

function entriesOf(pool: PagePool, leaf: Leaf): Entries {
  try {
    const { keys, values } = pool.load(leaf);
    return { keys: keys.slice(), values: values.slice() };
  } catch (error) {
    if (!(error instanceof LostKeysError)) throw error;
    return { keys: [], values: [] };
  }
}
