// Every mutant, and what tells one from the same one after its text was changed.
import { createHash } from 'node:crypto';
import { coreMutants } from './core-mutants.mjs';
import { mockMutants } from './mock-mutants.mjs';
import { repairMutants } from './repair-mutants.mjs';

export const mutants = [...coreMutants, ...repairMutants, ...mockMutants];

/** A result counts for as long as the mutant replaces the same text of the same file in the same way. */
export function digestOf({ file, find, replace }) {
  return createHash('sha256').update(JSON.stringify([file, find, replace])).digest('hex').slice(0, 8);
}

/** Part `i` of `n`, from 1: every n-th mutant, so that the parts take about equally long. */
export function partOf(list, part) {
  const [, i, n] = /^(\d+)\/(\d+)$/.exec(part)?.map(Number) ?? [];
  if (!(i >= 1 && i <= n)) throw new RangeError(`--part must be like 2/8, got ${part}`);
  return list.filter((_, index) => index % n === i - 1);
}
