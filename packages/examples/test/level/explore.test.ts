/** The database under every crash, fault and poison: a share of the full exploration (npm run explore). */
import { describe, expect, it } from 'vitest';
import { everyCrash } from '@safe-pmem/mock';
import { BODIES, briefLevelExploration, MACHINES, randomBody, randomMachine, randomTarget, targets } from '../../explore/level.js';

const SEED = Number(process.env.LEVEL_SEED ?? 1);
/** More by LEVEL_STATES; 50,000 take a minute and a half of CPU. */
const LEAST_STATES = Number(process.env.LEVEL_STATES ?? 10_000);
const STATES_OF_A_BODY = 1000;
const STATES_OF_A_TARGET = 12;
const RANDOM_TARGETS = 20;
const TIMEOUT_MS = 1_800_000;

// Most states end with errors that nobody reads: collecting their stacks takes a tenth of the time.
Error.stackTraceLimit = 2;

let explored = 0;

async function explore(name: string, run: () => Promise<{ readonly states: number }>): Promise<void> {
  const { states } = await run().catch((cause: unknown) => {
    throw new Error(name, { cause });
  });
  explored += states;
}

describe('every key is returned as it was last acknowledged, or its error says why not', () => {
  it('every fault, poison and crash, on each machine, with a crash in the recovery', async () => {
    const random = Array.from({ length: RANDOM_TARGETS }, (_, i) => randomTarget(SEED * 1000 + i));
    for (const target of [...targets, ...random]) {
      await explore(target.name, () => target.run({ seed: SEED, limit: STATES_OF_A_TARGET }));
    }
  }, TIMEOUT_MS);

  it('power loss at every moment, with all survivors or many', async () => {
    for (const [name, body] of Object.entries(BODIES)) {
      for (const machine of MACHINES) {
        if (explored >= LEAST_STATES) return;
        await explore(name, () => everyCrash(briefLevelExploration(body, machine), { seed: SEED, limit: STATES_OF_A_BODY }));
      }
    }
    for (let seed = SEED * 1000; explored < LEAST_STATES; seed++) {
      const exploration = briefLevelExploration(randomBody(seed), randomMachine(seed));
      await explore(`random ${seed}`, () => everyCrash(exploration, { seed, limit: STATES_OF_A_BODY }));
    }
  }, TIMEOUT_MS);

  it('says how many states that were', () => {
    console.log(`${explored} states of the Level database explored with seed ${SEED}`);
    expect(explored).toBeGreaterThanOrEqual(LEAST_STATES);
  });
});
