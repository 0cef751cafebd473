import { expect, test } from 'vitest';
import { sortedInPieces } from '../../src/pages/sorted-in-pieces.js';

test.each([0, 1, 8192, 8193, 50_000])('%i numbers are sorted, equal ones in their order', async (count) => {
  const items = Array.from({ length: count }, (_, i) => ({ key: Math.imul(i, 2654435761) >>> 18, i }));
  let turns = 0;
  const ticking = (): void => { turns++; setImmediate(ticking).unref(); };
  setImmediate(ticking);
  const sorted = await sortedInPieces(items, (a, b) => a.key - b.key);
  expect(sorted).toEqual(items.toSorted((a, b) => a.key - b.key));
  expect(turns >= Math.floor(count / 8193)).toBe(true);
});
