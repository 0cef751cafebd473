/**
 * The size of what takes long. `npm test` does a share of it, chosen by the seed; `npm run test:states`, which sets
 * EXPLORED_STATES, does the whole.
 */

/** States of each engine's exploration. Seconds for 500; 50,000 take one to two minutes. */
export const LEAST_STATES = Number(process.env.EXPLORED_STATES ?? 500);

/** The `share` of `whole` that this run does. */
export function sizeOf({ whole, share }: { readonly whole: number; readonly share: number }): number {
  return process.env.EXPLORED_STATES === undefined ? share : whole;
}
