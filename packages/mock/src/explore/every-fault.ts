/** Failure of every operation of a body, in every way that it can fail, once and from then on. */
import { CrashPoints, type CrashOptions } from './crash-points.js';
import type { Exploration, ExplorationReport, Explored, ExploreOptions } from './exploration.js';
import { Explorer } from './explorer.js';
import { faultEventsAt } from './fault-events.js';

export type EveryFaultOptions = ExploreOptions &
  CrashOptions & {
    /** After each failure power fails too, at later moments: at all of them, or as many as `limit` allows. Default false. */
    readonly crash?: boolean | undefined;
  };

/**
 * Fails operation 1, 2, 3 … of the body in every way that `faultsOf` names, each once and from then on (every later
 * operation that can fail like this does). The body may end with an acceptable error, or cope; check() judges the state.
 *
 * Throws ExplorationFailure at the first state that fails, and whatever prep() throws.
 */
export async function everyFault<State extends Explored>(
  exploration: Exploration<State>,
  options: EveryFaultOptions = {},
): Promise<ExplorationReport> {
  const explorer = new Explorer('everyFault', exploration, options, Infinity);
  const clean = await explorer.clean(false);
  const chosen = explorer.sample(faultEventsAt(exploration, clean.moments), explorer.left);
  const crashes = options.crash === true ? new CrashPoints(explorer, options) : undefined;
  for (const [index, event] of chosen.entries()) {
    const record = await explorer.run([event]);
    await crashes?.explore(record, explorer.shareOf(chosen.length - index));
  }
  return explorer.report();
}
