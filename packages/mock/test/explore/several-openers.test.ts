/**
 * PmemFile and its journal with several openers: a share of the full exploration (npm run explore), small enough for every
 * test run. SAFE_PMEM_SEED=n samples other states.
 */
import { describe, expect, it } from 'vitest';
import { NEIGHBOURS } from '../../explore/neighbour-situations.js';
import { SITUATIONS } from '../../explore/opener-situations.js';
import { interleavingOf, targets } from '../../explore/several-openers.js';
import { everyInterleaving } from '../../src/index.js';
import { IS_WHOLE } from '../share.js';
import { exploreTargets } from './share-of-targets.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
/** Mutants, and the faults that are put back (npm run mutants -- --explorer), are looked for longer. */
const ORDERS = Number(process.env.EXPLORED_ORDERS ?? 9);
/** One target of so many. */
const SHARE = IS_WHOLE ? 4 : 12;
const TIMEOUT_MS = 1_800_000;
const STATES_OF_EACH_WAY = Math.ceil(ORDERS / 5);

describe('what was acknowledged stays, what is lost never reads as data, and the size is the one that was asked for', () => {
  it.each(Object.entries({ ...SITUATIONS, ...NEIGHBOURS }))('%s, in every order', async (_, situation) => {
    const { states } = await everyInterleaving(interleavingOf(situation, { filesystem: 'ext4' }), { seed: SEED, limit: ORDERS });
    expect(states).toBeGreaterThan(situation.bodies.length > 1 ? ORDERS / 3 : 0);
  }, TIMEOUT_MS);

  it('a store that poison refuses while another opener, which has asked for the bytes, repairs the page', async () => {
    const wanted = 'openers, ext4 5.10, two repairs of one page, then stores, every order, poison';
    const target = targets.find(({ name }) => name === wanted);
    await target?.replay(JSON.stringify({
      seed: 7,
      events: [
        { at: 34, operation: 'pwrite', effect: 'turn', to: 'b' },
        { at: 53, operation: 'a: turn', effect: 'turn', to: 'b' },
        { at: 54, operation: 'lock', effect: 'poison', path: '/pmem/shared', offset: 5632, length: 512 },
        { at: 74, operation: 'b: writeMark', effect: 'turn', to: 'a' },
      ],
    }));
    expect(target).toBeDefined();
  }, TIMEOUT_MS);

  it('each with a crash, a death and a fault, on each machine', async () => {
    const chosen = targets.filter(({ name }, index) => !name.endsWith('every order') && (index + SEED) % SHARE === 0);
    const explored = await exploreTargets(chosen, { seed: SEED, limit: STATES_OF_EACH_WAY });
    expect(explored).toBeGreaterThan(chosen.length);
  }, TIMEOUT_MS);
});
