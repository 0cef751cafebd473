/** The orders in which bodies that run side by side can make their calls: with no turn, with one, with two … */
import type { Explored } from './exploration.js';
import type { Explorer } from './explorer.js';
import { allMomentsAfter } from './crash-points.js';
import { labelOf } from './moments.js';
import type { RunRecord } from './run.js';
import type { ScheduledEvent, TurnEvent } from './schedule.js';

/** Of the states that are left, what orders with one turn more may take. */
const SHARE_OF_A_LEVEL = 2 / 3;
const LEAST_LEVEL = 4;
/** Orders that are kept, to have something else happen in them. */
const KEPT_ORDERS = 1000;

export class Orders<State extends Explored> {
  /** Orders that were explored; of many, a sample, in which those with few turns are first. */
  readonly kept: RunRecord[] = [];
  readonly #explorer: Explorer<State>;
  readonly #mostTurns: number;

  constructor(explorer: Explorer<State>, mostTurns: number) {
    this.#explorer = explorer;
    this.#mostTurns = mostTurns;
  }

  /** Explores orders in at most `quota` states, those with the fewest turns first. `clean` is the one without. */
  async explore(clean: RunRecord, quota: number): Promise<void> {
    const explorer = this.#explorer;
    const end = explorer.states + quota;
    this.kept.push(clean);
    let level = extensionsOf(clean);
    for (let turns = 1; level.length > 0; turns++) {
      const left = end - explorer.states;
      const most = level.length <= left * SHARE_OF_A_LEVEL || turns === this.#mostTurns ? left : Math.floor(left * SHARE_OF_A_LEVEL);
      if (turns > this.#mostTurns || most < LEAST_LEVEL) {
        explorer.sampled = true;
        return;
      }
      const next: (readonly ScheduledEvent[])[] = [];
      for (const events of explorer.sample(level, most)) {
        const record = await explorer.run(events);
        next.push(...extensionsOf(record));
        this.#keep(record);
      }
      level = next;
    }
  }

  #keep(record: RunRecord): void {
    if (this.kept.length < KEPT_ORDERS) this.kept.push(record);
    else {
      // The clean run stays.
      const at = 1 + this.#explorer.random.below(2 * KEPT_ORDERS);
      if (at < KEPT_ORDERS) this.kept[at] = record;
    }
  }
}

/** The events of `record` and one turn more. */
function extensionsOf(record: RunRecord): readonly (readonly ScheduledEvent[])[] {
  return turnsAfter(record).map((event) => [...record.events, event]);
}

/** Every turn that can follow the events. */
export function turnsAfter(record: RunRecord): readonly TurnEvent[] {
  const last = record.events.at(-1);
  // The processes that could go on at the moment of a death were noted before it.
  const moments = allMomentsAfter(record).filter(({ at }) => last?.effect !== 'kill' || at > last.at);
  return moments.flatMap((moment) =>
    moment.alternatives.map((to): TurnEvent => ({ at: moment.at, operation: labelOf(moment), effect: 'turn', to })),
  );
}
