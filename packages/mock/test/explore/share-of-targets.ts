/** A share of the targets of an exploration, explored in turn. */
import type { ExplorationTarget } from '../../src/index.js';

/** Returns the states of all. Throws with the name of the target that fails; prints the states and the seed. */
export async function exploreTargets(
  targets: readonly ExplorationTarget[], { seed, limit }: { readonly seed: number; readonly limit: number },
): Promise<number> {
  let explored = 0;
  for (const target of targets) {
    const { states } = await target.run({ seed, limit }).catch((cause: unknown) => {
      throw new Error(target.name, { cause });
    });
    explored += states;
  }
  console.log(`${explored} states explored with seed ${seed}`);
  return explored;
}
