/** The replicated log under every crash, fault and poison: a share of the full exploration (npm run explore). */
import { describe, expect, it } from 'vitest';
import { targets } from '../../explore/replicated.js';

const SEED = Number(process.env.WAL_SEED ?? 1);
const STATES_OF_EACH = Number(process.env.EXPLORE_STATES ?? 16);
const WAYS = ['every crash', 'every fault, crash', 'every poison, crash', 'every poison, fault, crash'];

let explored = 0;

describe('what the stream has acknowledged is returned; what nobody has is reported lost', () => {
  for (const way of WAYS) {
    it(`${way}, with each acknowledgement`, async () => {
      const chosen = targets.filter(({ name }) => name.endsWith(`, ${way}`));
      for (const target of chosen) {
        const { states } = await target.run({ seed: SEED, limit: STATES_OF_EACH }).catch((cause: unknown) => {
          throw new Error(target.name, { cause });
        });
        explored += states;
      }
    }, 3_600_000);
  }

  it('says how many states that were, and that no target was forgotten', () => {
    console.log(`${explored} states explored with seed ${SEED}`);
    expect(explored).toBeGreaterThan(14 * targets.length);
    expect(targets.filter(({ name }) => WAYS.some((way) => name.endsWith(`, ${way}`)))).toHaveLength(targets.length);
  });
});
