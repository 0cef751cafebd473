/** Something happens in orders that were explored: poison, a failure, a death, what others do; or power fails. */
import { CrashPoints, type CrashOptions, momentsAfter } from './crash-points.js';
import type { Explored } from './exploration.js';
import type { Explorer } from './explorer.js';
import { faultEventsAt } from './fault-events.js';
import { isInterruptible, labelOf, type Moment } from './moments.js';
import { type Orders, turnsAfter } from './orders.js';
import { poisonsAt } from './poison-events.js';
import type { RunRecord } from './run.js';
import type { KillEvent, OutsideEvent, ScheduledEvent } from './schedule.js';

export type Disturbance = 'crash' | 'kill' | 'fault' | 'poison' | 'outside';

export interface DisturbOptions extends CrashOptions {
  readonly crash?: boolean | undefined;
  readonly files?: ((path: string) => boolean) | undefined;
}

/** States that follow one that was disturbed: turns, and power loss if that was asked for. */
const AFTERMATH = 4;
/** Orders among which the moments for a disturbance are chosen, per state. */
const SHARE_OF_ORDERS = 0.05;

/** Explores one kind in at most `quota` states: at every moment of every order that was kept, or in a sample of these. */
export async function disturb<State extends Explored>(
  explorer: Explorer<State>,
  { kept }: Orders<State>,
  kind: Disturbance,
  options: DisturbOptions,
  quota: number,
): Promise<void> {
  const end = explorer.states + quota;
  const crashes = new CrashPoints(explorer, options);
  if (kind === 'crash') {
    const chosen = explorer.sample(kept, Math.max(1, Math.floor(quota / AFTERMATH)));
    for (const [index, record] of chosen.entries()) {
      await crashes.explore(record, Math.floor(explorer.shareOf(chosen.length - index, end)));
    }
    return;
  }
  const withPages = kind === 'poison';
  const orders: RunRecord[] = [];
  for (const record of explorer.sample(kept, Math.ceil(quota * SHARE_OF_ORDERS))) {
    // The run before did not ask which pages there are at each moment.
    orders.push(withPages && record.events.length > 0 ? await explorer.run(record.events, true) : record);
  }
  const plans = orders.flatMap((record) => eventsAfter(explorer, record, kind, options).map((event) => [...record.events, event]));
  const chosen = explorer.sample(plans, Math.max(1, Math.floor(quota / (1 + AFTERMATH))));
  for (const [index, events] of chosen.entries()) {
    if (explorer.states >= end) return;
    const record = await explorer.run(events, withPages);
    const share = Math.floor(explorer.shareOf(chosen.length - index, end));
    await aftermath(explorer, record, options.crash === true ? crashes : undefined, share);
  }
}

/** Events after a disturbance: other turns, and in one of these power fails. */
async function aftermath<State extends Explored>(
  explorer: Explorer<State>,
  record: RunRecord,
  crashes: CrashPoints<State> | undefined,
  quota: number,
): Promise<void> {
  const turns = explorer.sample(turnsAfter(record), Math.floor(crashes === undefined ? quota : quota / 2));
  let last = record;
  for (const turn of turns) last = await explorer.run([...record.events, turn]);
  if (crashes !== undefined) await crashes.explore(last, quota - turns.length);
}

function eventsAfter<State extends Explored>(
  { exploration }: Explorer<State>,
  record: RunRecord,
  kind: Exclude<Disturbance, 'crash'>,
  { files = () => true }: DisturbOptions,
): readonly ScheduledEvent[] {
  const moments = momentsAfter(record);
  switch (kind) {
    case 'poison':
      return moments.flatMap((moment) => poisonsAt(moment, files));
    case 'fault':
      return faultEventsAt(exploration, moments);
    case 'kill':
      return moments.flatMap(killsAt);
    case 'outside':
      return moments.flatMap((moment) => outsideAt(moment, Object.keys(exploration.outside ?? {})));
  }
}

function killsAt(moment: Moment): readonly KillEvent[] {
  return moment.living.map((process) => ({ at: moment.at, operation: labelOf(moment), effect: 'kill', process }));
}

function outsideAt(moment: Moment, actions: readonly string[]): readonly OutsideEvent[] {
  if (!isInterruptible(moment.operation)) return [];
  return actions.map((action) => ({ at: moment.at, operation: labelOf(moment), effect: 'outside', action }));
}
