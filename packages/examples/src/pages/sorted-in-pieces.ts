/** Sorting so many things that it would hold up the event loop for too long. */

type Compare<Item> = (a: Item, b: Item) => number;

/** Some milliseconds of work. */
const COMPARED_A_TURN = 8192;

/** The items in ascending order. Between pieces of the work the event loop has its turn. */
export async function sortedInPieces<Item>(items: readonly Item[], compare: Compare<Item>): Promise<readonly Item[]> {
  let runs: Item[][] = [];
  for (let start = 0; start < items.length; start += COMPARED_A_TURN) {
    if (start > 0) await new Promise(setImmediate);
    runs.push(items.slice(start, start + COMPARED_A_TURN).sort(compare));
  }
  while (runs.length > 1) {
    const merged: Item[][] = [];
    for (let i = 0; i < runs.length; i += 2) merged.push(await mergeOf(runs[i] ?? [], runs[i + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

async function mergeOf<Item>(left: readonly Item[], right: readonly Item[], compare: Compare<Item>): Promise<Item[]> {
  const merged: Item[] = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    merged.push(compare(left[i] as Item, right[j] as Item) <= 0 ? (left[i++] as Item) : (right[j++] as Item));
    if (merged.length % COMPARED_A_TURN === 0) await new Promise(setImmediate);
  }
  for (; i < left.length; i++) merged.push(left[i] as Item);
  for (; j < right.length; j++) merged.push(right[j] as Item);
  return merged;
}
