/**
 * The size of what takes long. `npm test` does a fifth of it, which the seed chooses; `npm run test:states`, which sets
 * EXPLORED_STATES, does the whole, and so do the mutants.
 */
export const IS_WHOLE = process.env.EXPLORED_STATES !== undefined;
const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);

/** Of the moments of a run, numbered from 1, this run tries one in so many. */
export const MOMENTS_APART = IS_WHOLE ? 1 : 5;

/** The first of them. */
export const FIRST_MOMENT = 1 + (SEED % MOMENTS_APART);

/** Those of the cases that this run tries. */
export function shareOf<Case>(cases: readonly Case[]): Case[] {
  return cases.filter((_, index) => index % MOMENTS_APART === SEED % MOMENTS_APART);
}
