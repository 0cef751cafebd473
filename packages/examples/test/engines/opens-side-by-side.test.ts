/**
 * Two processes that open the same files at once, in every order of their calls, with crash, kill, fault and poison: a
 * share of `npm run explore`.
 */
import { expect, test } from 'vitest';
import { targets } from '../../explore/engine-opens.js';
import { sizeOf } from '../share.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
const STATES = sizeOf({ whole: 60, share: 5 });

test.each(targets)('$name: one has it, the other is refused, what was acknowledged is there', async ({ name, run }) => {
  // The other ways come to other orders as well.
  const limit = name.endsWith('every order') ? 2 * STATES : STATES;
  const { states } = await run({ seed: SEED, limit });
  console.log(`${states} states explored with seed ${SEED}`);
  expect(states).toBeGreaterThan(1);
}, 300_000);
