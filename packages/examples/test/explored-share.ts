/** What `npm test` (a share) and `npm run test:states` (more) do of the exploration of an engine, the same for all of them. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { everyCrash, type Exploration, type ExplorationReport, type Explored, type ExploreOptions } from '@safe-pmem/mock';
import { LEAST_STATES } from './share.js';

const IS_BRIEF = LEAST_STATES < 10_000;
const STATES_OF_A_BODY = IS_BRIEF ? 100 : 1000;
const STATES_OF_A_TARGET = IS_BRIEF ? (LEAST_STATES < 3000 ? 1 : 4) : 12;
const RANDOM_TARGETS = IS_BRIEF ? 5 : 20;
const TIMEOUT_MS = 1_800_000;

interface Target {
  readonly name: string;
  readonly run: (options: ExploreOptions) => Promise<ExplorationReport>;
}

/** What is explored: the exports of a module in explore/. */
interface Explorations<Body, Machine, Scene extends Explored> {
  readonly BODIES: Readonly<Record<string, Body>>;
  readonly MACHINES: readonly Machine[];
  readonly randomMachine: (seed: number) => Machine;
  readonly randomBody: (seed: number) => Body;
  readonly randomTarget: (seed: number) => Target;
  readonly targets: readonly Target[];
  readonly brief: (body: Body, machine: Machine) => Exploration<Scene>;
}

interface Share {
  /** Folder of the engine in src/. */
  readonly engine: string;
  /** As the engine's README states it. */
  readonly invariant: string;
  readonly seed: number;
}

/** Registers the tests: every target for a little, then power loss in every body until there are LEAST_STATES. */
export function exploreShare<Body, Machine, Scene extends Explored>(
  { engine, invariant, seed }: Share,
  { BODIES, MACHINES, randomBody, randomMachine, randomTarget, targets, brief }: Explorations<Body, Machine, Scene>,
): void {
  // Most states end with errors that are not read: collecting their stacks takes a tenth of the time.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 2;
  afterAll(() => { Error.stackTraceLimit = stackTraceLimit; });
  let explored = 0;

  const explore = async (name: string, run: () => Promise<ExplorationReport>): Promise<void> => {
    const { states } = await run().catch((cause: unknown) => {
      throw new Error(name, { cause });
    });
    explored += states;
  };

  describe(invariant, () => {
    it('every fault, poison and crash, on each machine, with a crash in the recovery', async () => {
      const random = Array.from({ length: RANDOM_TARGETS }, (_, i) => randomTarget(seed * 1000 + i));
      for (const target of [...targets, ...random]) {
        await explore(target.name, () => target.run({ seed, limit: STATES_OF_A_TARGET }));
      }
    }, TIMEOUT_MS);

    it('power loss at every moment, with all survivors or many', async () => {
      for (const [name, body] of Object.entries(BODIES)) {
        for (const machine of MACHINES) {
          if (explored >= LEAST_STATES) return;
          await explore(name, () => everyCrash(brief(body, machine), { seed, limit: STATES_OF_A_BODY }));
        }
      }
      for (let random = seed * 1000; explored < LEAST_STATES; random++) {
        const exploration = brief(randomBody(random), randomMachine(random));
        await explore(`random ${random}`, () => everyCrash(exploration, { seed: random, limit: STATES_OF_A_BODY }));
      }
    }, TIMEOUT_MS);

    it('is what the README promises', () => {
      const readme = readFileSync(new URL(`../src/${engine}/README.md`, import.meta.url), 'utf8');
      expect(readme.replaceAll(/\s+/g, ' ')).toContain(`**Invariant: ${invariant}.**`);
    });

    it('says how many states that were', () => {
      console.log(`${engine}: ${explored} states explored with seed ${seed}`);
      expect(explored).toBeGreaterThanOrEqual(LEAST_STATES);
    });
  });
}
