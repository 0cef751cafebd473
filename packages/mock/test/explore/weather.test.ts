/**
 * One opener whose file others cut off, rewrite, replace, rename, link, append to and snapshot: a share of the full
 * exploration. SAFE_PMEM_SEED=n samples other targets and states.
 */
import { expect, it } from 'vitest';
import { targets } from '../../explore/weather.js';
import { IS_WHOLE } from '../share.js';
import { exploreTargets } from './share-of-targets.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
const STATES = Number(process.env.EXPLORED_WEATHER ?? 15);
/** One target of so many. */
const SHARE = IS_WHOLE ? 16 : 40;

it('bytes that others put there stay, and nothing is reported lost that was not', async () => {
  const chosen = targets.filter((_, index) => (index + SEED) % SHARE === 0);
  const explored = await exploreTargets(chosen, { seed: SEED, limit: STATES });
  expect(explored).toBeGreaterThan(chosen.length * 5);
}, 600_000);
