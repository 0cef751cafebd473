/**
 * Repeats what an operator does to a mirrored log, with crash, kill, fault and poison at every call: a share of
 * `npm run explore`.
 */
import { expect, test } from 'vitest';
import { targets } from '../../explore/log-operator.js';
import { sizeOf } from '../share.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
const LIMIT = sizeOf({ whole: 120, share: 6 });

test.each(targets)('$name: nothing that was acknowledged is gone', async ({ run }) => {
  const { states } = await run({ seed: SEED, limit: LIMIT });
  console.log(`${states} states explored with seed ${SEED}`);
  expect(states).toBeGreaterThan(1);
}, 300_000);
