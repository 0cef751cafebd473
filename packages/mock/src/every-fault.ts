/** Failure of every operation of a body, in every way that it can fail, once and from then on. */
import { CrashPoints, type CrashOptions } from './explore/crash-points.js';
import type { Exploration, ExplorationReport, Explored, ExploreOptions } from './explore/exploration.js';
import { Explorer } from './explore/explorer.js';
import { faultsOf } from './explore/fault-kinds.js';
import { labelOf } from './explore/run.js';
import type { FaultEvent } from './explore/schedule.js';

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
  const events: FaultEvent[] = [];
  for (const moment of clean.moments) {
    const { at, operation } = moment;
    if (operation === undefined) continue;
    for (const kind of (exploration.faults ?? faultsOf)(operation)) {
      const once = { at, operation: labelOf(moment), ...kind };
      events.push(once, { ...once, persistent: true });
    }
  }
  const chosen = explorer.sample(events, explorer.left);
  const crashes = options.crash === true ? new CrashPoints(explorer, options) : undefined;
  for (const [index, event] of chosen.entries()) {
    const record = await explorer.run([event]);
    const others = chosen.length - index - 1;
    await crashes?.explore(record, Math.max(0, explorer.left - others) / (others + 1));
  }
  return explorer.report();
}
