/** Poison in every page of every file at every moment of a body, and power loss on top of it. */
import { BLOCK_BYTES, SECTOR_BYTES } from '../geometry.js';
import { CrashPoints, type CrashOptions } from './crash-points.js';
import type { Exploration, ExplorationReport, Explored, ExploreOptions } from './exploration.js';
import { Explorer } from './explorer.js';
import { labelOf, type Moment } from './run.js';
import type { PoisonEvent } from './schedule.js';

export type EveryPoisonOptions = ExploreOptions &
  CrashOptions & {
    /** After each poison power fails too, at later moments. True by default. */
    readonly crash?: boolean | undefined;
    /** Which files can be poisoned. All of them by default, the repair journals that PmemFile keeps included. */
    readonly files?: ((path: string) => boolean) | undefined;
  };

/** Where in a page a sector of it is poisoned alone. */
const SECTOR_OFFSET = 3 * SECTOR_BYTES;
const POISON_LIMIT = 20_000;

/**
 * Poisons, at every moment of the body, every page of every file: the whole page or one sector of it, listed by the
 * kernel or latent. With `crash`, power then fails at every later moment, so that recovery meets the poison. `limit` is
 * 20 000 states by default, because the product is large.
 *
 * Throws ExplorationFailure at the first state that fails, and whatever prep() throws.
 */
export async function everyPoison<State extends Explored>(
  exploration: Exploration<State>,
  options: EveryPoisonOptions = {},
): Promise<ExplorationReport> {
  const explorer = new Explorer('everyPoison', exploration, options, POISON_LIMIT);
  const clean = await explorer.clean(true);
  const files = options.files ?? (() => true);
  const events = clean.moments.flatMap((moment) => poisonsAt(moment, files));
  const chosen = explorer.sample(events, options.crash === false ? explorer.left : Math.ceil(explorer.left / 3));
  const crashes = options.crash === false ? undefined : new CrashPoints(explorer, options);
  for (const [index, event] of chosen.entries()) {
    const record = await explorer.run([event]);
    const others = chosen.length - index - 1;
    await crashes?.explore(record, Math.max(0, explorer.left - others) / (others + 1));
  }
  return explorer.report();
}

function poisonsAt(moment: Moment, files: (path: string) => boolean): PoisonEvent[] {
  const operation = labelOf(moment);
  const events: PoisonEvent[] = [];
  for (const { path, offset } of moment.pages) {
    if (!files(path)) continue;
    for (const place of [{ offset, length: BLOCK_BYTES }, { offset: offset + SECTOR_OFFSET, length: SECTOR_BYTES }]) {
      const event: PoisonEvent = { at: moment.at, operation, effect: 'poison', path, ...place };
      events.push(event, { ...event, latent: true });
    }
  }
  return events;
}
