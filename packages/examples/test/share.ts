/**
 * The size of what takes long. `npm test` does a share of it, chosen by the seed; `npm run test:states`, which sets
 * EXPLORED_STATES, does the whole.
 */

/** States of each engine's exploration. Seconds for 150; 50,000 take one to two minutes. */
export const LEAST_STATES = Number(process.env.EXPLORED_STATES ?? 150);

/** Of the moments of a run power fails at one in so many, from one that the seed chooses. */
export const MOMENTS_APART = process.env.EXPLORED_STATES === undefined ? 5 : 1;

/** The `share` of `whole` that this run does. */
export function sizeOf<Size>({ whole, share }: { readonly whole: Size; readonly share: Size }): Size {
  return process.env.EXPLORED_STATES === undefined ? share : whole;
}
