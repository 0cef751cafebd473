/** Having what was in bad slots stored elsewhere, and finding out which keys nobody has. */
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
 * The next checkpoint stores elsewhere what these slots held. A leaf that nobody has becomes one with lost keys; keys
 * whose values alone are lost are returned.
 */
export function moveAway(pool: PagePool, tree: Tree, bad: ReadonlySet<number>): KeyRange[] {
  if (bad.size === 0) return [];
  const badValues = new Set<number>();
  for (const [first, chain] of pool.chains) if (chain.some((slot) => bad.has(slot))) badValues.add(first);
  const lost: KeyRange[] = [];
  for (const leaf of [...leavesOf(tree.root)]) {
    if (leaf.place !== undefined && bad.has(leaf.place.slot)) tree.move(leaf.low);
    if (badValues.size > 0) lost.push(...moveValues(pool, tree, leaf, badValues));
  }
  return lost;
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
