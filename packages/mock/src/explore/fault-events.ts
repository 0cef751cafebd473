/** Every failure that can follow some events: which operations there are, and how each can fail. */
import type { Explorable, Explored } from './exploration.js';
import { faultsOf } from './injected-faults.js';
import { labelOf, type Moment } from './moments.js';
import type { FaultEvent } from './schedule.js';

/** In order of the operations; each failure once, and from then on. */
export function faultEventsAt<State extends Explored>(
  exploration: Explorable<State>,
  moments: readonly Moment[],
): readonly FaultEvent[] {
  const events: FaultEvent[] = [];
  for (const moment of moments) {
    const { at, operation } = moment;
    if (operation === undefined) continue;
    for (const kind of (exploration.faults ?? faultsOf)(operation)) {
      const once = { at, operation: labelOf(moment), ...kind };
      events.push(once, { ...once, persistent: true });
    }
  }
  return events;
}
