/**
 * PmemFile and its repair journal under every crash, fault and poison: a share of the full exploration (npm run explore),
 * small enough for every test run. SAFE_PMEM_SEED=n samples other states.
 */
import { describe, expect, it } from 'vitest';
import { randomTarget, storesTarget, targets } from '../../explore/targets.js';
import { shareOf } from '../share.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
/** Mutants are looked for longer. */
const LEAST_STATES = Number(process.env.EXPLORED_STATES ?? 300);
const STATES_OF_STORES = 260;
/** Most of the states, in two parts. */
const STORES_OF_A_PART = Math.ceil(LEAST_STATES / 200);
/** With fewer, the state without any event may be all there is. */
const STATES_OF_EACH = Math.max(3, Math.ceil(LEAST_STATES / 700));
const RANDOM_TARGETS = Math.min(20, Math.ceil(LEAST_STATES / 40));
const WAYS = ['every crash', 'every fault, crash', 'every poison, crash', 'every poison, fault, crash'];

let explored = 0;

async function explore(list: typeof targets, limit: number): Promise<void> {
  for (const target of list) {
    const { states } = await target.run({ seed: SEED, limit }).catch((cause: unknown) => {
      throw new Error(target.name, { cause });
    });
    expect(states, target.name).toBeGreaterThan(1);
    explored += states;
  }
}

describe('every byte persisted is intact or reported lost, and the file opens after any crash', () => {
  it.each([0, 1])('stores, with every set of survivors, part %s', (part) => {
    const first = SEED * 1000 + part * STORES_OF_A_PART;
    return explore(Array.from({ length: STORES_OF_A_PART }, (_, i) => storesTarget(first + i)), STATES_OF_STORES);
  }, 120_000);

  for (const way of WAYS) {
    const chosen = shareOf(targets.filter(({ name }) => name.endsWith(`, ${way}`)));
    it(`${way}, on each machine`, () => explore(chosen, STATES_OF_EACH), 120_000);
  }

  it('random sequences', () => explore(Array.from({ length: RANDOM_TARGETS }, (_, i) => randomTarget(SEED * 1000 + i)), 20), 120_000);

  it('says how many states that were, and that no target was forgotten', () => {
    console.log(`${explored} states explored with seed ${SEED}`);
    expect(explored).toBeGreaterThan(LEAST_STATES);
    expect(targets.filter(({ name }) => WAYS.some((way) => name.endsWith(`, ${way}`)))).toHaveLength(targets.length);
  });
});
