/** The log under every crash, fault and poison: a share of the full exploration (npm run explore). */
import { describe, expect, it } from 'vitest';
import { randomTarget, targets } from '../../explore/wal.js';

const SEED = Number(process.env.WAL_SEED ?? 1);
const STATES_OF_EACH = 14;
const RANDOM_TARGETS = 24;
const LEAST_STATES = 2000;
const WAYS = ['every crash', 'every fault, crash', 'every poison, crash', 'every poison, fault, crash'];

let explored = 0;

async function explore(list: typeof targets): Promise<void> {
  for (const target of list) {
    const { states } = await target.run({ seed: SEED, limit: STATES_OF_EACH }).catch((cause: unknown) => {
      throw new Error(target.name, { cause });
    });
    explored += states;
  }
}

describe('every committed record is returned intact or reported lost', () => {
  for (const way of WAYS) {
    const chosen = targets.filter(({ name }) => name.endsWith(`, ${way}`));
    it(`${way}, on each machine`, () => explore(chosen), 120_000);
  }

  it(`${RANDOM_TARGETS} random sequences`, () => {
    return explore(Array.from({ length: RANDOM_TARGETS }, (_, i) => randomTarget(SEED * 1000 + i)));
  }, 120_000);

  it('says how many states that were, and that no target was forgotten', () => {
    console.log(`${explored} states explored with seed ${SEED}`);
    expect(explored).toBeGreaterThan(LEAST_STATES);
    expect(targets.filter(({ name }) => WAYS.some((way) => name.endsWith(`, ${way}`)))).toHaveLength(targets.length);
  });
});
