/**
 * Makes `toEqual` compare bytes by memcmp. Vitest compares arrays element by element: a page takes longer than a state
 * of an exploration. Bytes that differ are left to Vitest, which shows where.
 */
import { expect } from 'vitest';

expect.addEqualityTesters([
  (left: unknown, right: unknown): boolean | undefined => {
    if (!(left instanceof Uint8Array) || !(right instanceof Uint8Array)) return undefined;
    return left.length === right.length && Buffer.compare(left, right) === 0 ? true : undefined;
  },
]);
