/**
 * Two processes that open the same files at once, in every order of their calls, with crash, kill, fault and poison: a
 * share of `npm run explore`.
 */
import { expect, test } from 'vitest';
import { targets } from '../../explore/engine-opens.js';
import { sizeOf } from '../share.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
const STATES = sizeOf({ whole: 60, share: 15 });

test.each(targets)('$name: one has it, the other is refused, and what was acknowledged is there', async ({ run }) => {
  const { states } = await run({ seed: SEED, limit: STATES });
  console.log(`${states} states explored with seed ${SEED}`);
  expect(states).toBeGreaterThan(STATES / 3);
}, 300_000);
