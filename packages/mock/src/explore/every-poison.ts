/** Poison in every page of every file at every moment of a body, and power loss on top of it. */
import { CrashPoints, momentsAfter, type CrashOptions } from './crash-points.js';
import type { Exploration, ExplorationReport, Explored, ExploreOptions } from './exploration.js';
import { Explorer } from './explorer.js';
import { faultEventsAt } from './fault-events.js';
import { poisonsAt } from './poison-events.js';
import type { FaultEvent, PoisonEvent } from './schedule.js';

export type EveryPoisonOptions = ExploreOptions &
  CrashOptions & {
    /** After each poison power fails too, at later moments. True by default. */
    readonly crash?: boolean | undefined;
    /** After each poison an operation fails too, once or from then on, and then power. Default false. */
    readonly fault?: boolean | undefined;
    /** Files that can be poisoned. All by default, the repair journals that PmemFile keeps included. */
    readonly files?: ((path: string) => boolean) | undefined;
  };

const POISON_LIMIT = 20_000;

/**
 * Poisons, at every moment of the body, every page of every file: the whole page or one sector of it, listed by the
 * kernel or latent. With `crash`, power then fails at every later moment, so that recovery meets the poison; with `fault`,
 * operations fail in between. `limit` is 20 000 states by default, because the product is large.
 *
 * Throws ExplorationFailure at the first state that fails, and whatever prep() throws.
 */
export async function everyPoison<State extends Explored>(
  exploration: Exploration<State>,
  options: EveryPoisonOptions = {},
): Promise<ExplorationReport> {
  const explorer = new Explorer('everyPoison', exploration, options, POISON_LIMIT);
  const { crash = true, fault = false, files = () => true } = options;
  const clean = await explorer.clean(true);
  const events = clean.moments.flatMap((moment) => poisonsAt(moment, files));
  const crashes = crash ? new CrashPoints(explorer, options) : undefined;
  const chosen = explorer.sample(events, Math.ceil(explorer.left / ((crash ? 3 : 1) * (fault ? 4 : 1))));
  for (const [index, event] of chosen.entries()) {
    const record = await explorer.run([event]);
    const quota = explorer.shareOf(chosen.length - index);
    const end = explorer.states + quota;
    await crashes?.explore(record, fault ? quota / 4 : quota);
    if (fault) await faultsAfter(event, faultEventsAt(exploration, momentsAfter(record)), explorer, crashes, end);
  }
  return explorer.report();
}

/** As many of `faults` as leave room for power loss after each, up to the state numbered `end`. */
async function faultsAfter<State extends Explored>(
  poison: PoisonEvent,
  faults: readonly FaultEvent[],
  explorer: Explorer<State>,
  crashes: CrashPoints<State> | undefined,
  end: number,
): Promise<void> {
  const quota = end - explorer.states;
  const chosen = explorer.sample(faults, Math.floor(crashes === undefined ? quota : quota / 3));
  for (const [index, event] of chosen.entries()) {
    const record = await explorer.run([poison, event]);
    await crashes?.explore(record, explorer.shareOf(chosen.length - index, end));
  }
}
