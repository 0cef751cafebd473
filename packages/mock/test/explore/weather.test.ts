/**
 * One opener whose file others cut off, rewrite, replace, rename, link, append to and snapshot: a share of the full
 * exploration (npm run explore). SAFE_PMEM_SEED=n samples other targets and states.
 */
import { expect, it } from 'vitest';
import { targets } from '../../explore/weather.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
const STATES = Number(process.env.EXPLORED_WEATHER ?? 15);
/** One target of so many. */
const SHARE = 8;

it('bytes that others put there stay, and nothing is reported lost that was not', async () => {
  const chosen = targets.filter((_, index) => (index + SEED) % SHARE === 0);
  let explored = 0;
  for (const target of chosen) {
    const { states } = await target.run({ seed: SEED, limit: STATES }).catch((cause: unknown) => {
      throw new Error(target.name, { cause });
    });
    explored += states;
  }
  console.log(`${explored} states explored with seed ${SEED}`);
  expect(explored).toBeGreaterThan(chosen.length * 5);
}, 600_000);
