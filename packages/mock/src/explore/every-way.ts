/** One exploration in every way there is: a list of named targets, for a test runner or for `npm run explore`. */
import { everyCrash } from './every-crash.js';
import { everyFault } from './every-fault.js';
import { everyPoison, type EveryPoisonOptions } from './every-poison.js';
import type { CrashOptions } from './crash-points.js';
import type { Exploration, ExplorationReport, Explored, ExploreOptions } from './exploration.js';
import { replaySchedule } from './replay.js';
import type { Schedule } from './schedule.js';

/** The part of an exploration that a runner reads. */
export interface ExplorationTarget {
  /** Different from that of every other target: a failure is found again by it. */
  readonly name: string;
  /** Explores. Rejects with ExplorationFailure at the first state that fails. */
  readonly run: (options?: ExploreOptions) => Promise<ExplorationReport>;
  /** Runs the one state that a failure has printed. Rejects with what is wrong with it. */
  readonly replay: (schedule: Schedule | string) => Promise<void>;
}

export type EveryWayOptions = CrashOptions & Pick<EveryPoisonOptions, 'files'>;

/**
 * The four targets of an exploration: every crash; every fault, then a crash; every poison, then a crash; every poison,
 * then a fault, then a crash. `name` begins the name of each.
 */
export function everyWay<State extends Explored>(
  name: string,
  exploration: Exploration<State>,
  options: EveryWayOptions = {},
): readonly ExplorationTarget[] {
  const replay: ExplorationTarget['replay'] = (schedule) => replaySchedule(exploration, schedule);
  const target = (way: string, run: ExplorationTarget['run']): ExplorationTarget => {
    return { name: `${name}, ${way}`, run, replay };
  };
  return [
    target('every crash', (explore) => everyCrash(exploration, { ...options, ...explore })),
    target('every fault, crash', (explore) => everyFault(exploration, { ...options, ...explore, crash: true })),
    target('every poison, crash', (explore) => everyPoison(exploration, { ...options, ...explore })),
    target('every poison, fault, crash', (explore) => everyPoison(exploration, { ...options, ...explore, fault: true })),
  ];
}
