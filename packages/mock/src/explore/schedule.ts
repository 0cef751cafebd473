/**
 * The events that an exploration makes happen to a machine, as plain JSON: printed by a failure, shrunk, and run again.
 */
import { Errno } from '@safe-pmem/core';

export type ErrnoName = keyof typeof Errno;

/** A fault that an exploration injects: one way for an operation to fail. */
export type InjectedFault =
  | { readonly effect: 'errno'; readonly errno: ErrnoName }
  /** SIGBUS of a load or store: 2 BUS_ADRERR, 4 BUS_MCEERR_AR, 5 BUS_MCEERR_AO. */
  | { readonly effect: 'signal'; readonly signalCode: 2 | 4 | 5 }
  /** The transfer ends after so many bytes. */
  | { readonly effect: 'short'; readonly shortBytes: number };

interface EventPlace {
  /**
   * Number of the operation or inner step that it happens at: 1 is the first of the body, and the count goes on through
   * recovery. One more than the last operation of the body (or of recovery) stands for the moment after it.
   */
  readonly at: number;
  /** Name of that operation, for instance `persist` or `pwrite:cleared`. If given, a replay insists on it. */
  readonly operation?: string | undefined;
}

/** `persistent`: every later operation that can fail like this does. */
export type FaultEvent = EventPlace & InjectedFault & { readonly persistent?: true };

/** Poison appears before the operation happens; `latent`: the kernel does not know of it. Holes are left out. */
export interface PoisonEvent extends EventPlace {
  readonly effect: 'poison';
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  readonly latent?: true;
}

/**
 * Power fails before the operation happens. `answers` are those of the crash chooser, by the place of the choice in
 * the order in which the machine asks; choices that it does not name are answered as `rest` says.
 */
export interface CrashEvent extends EventPlace {
  readonly effect: 'crash';
  readonly rest: 'lose' | 'keep';
  readonly answers?: Readonly<Record<string, number>>;
}

/**
 * Of bodies that run side by side another one goes on: the named one, with its oldest call that waits (`b`), or its second
 * (`b 2`). If a call was about to be chosen, that one waits; within a synchronous piece, one call of the other happens before
 * the operation, and the piece goes on.
 */
export interface TurnEvent extends EventPlace {
  readonly effect: 'turn';
  readonly to: string;
}

/** The process dies before the operation happens, and the machine goes on. */
export interface KillEvent extends EventPlace {
  readonly effect: 'kill';
  readonly process: string;
}

/** Another process does something before the operation happens: one of the exploration's `outside` actions. */
export interface OutsideEvent extends EventPlace {
  readonly effect: 'outside';
  readonly action: string;
}

export type ScheduledEvent = FaultEvent | PoisonEvent | CrashEvent | TurnEvent | KillEvent | OutsideEvent;

export interface Schedule {
  readonly seed: number;
  readonly events: readonly ScheduledEvent[];
}

export const END = 'end';

/** Checks a schedule that came from outside. Throws TypeError if it is none. */
export function parseSchedule(schedule: Schedule | string): Schedule {
  const parsed = (typeof schedule === 'string' ? JSON.parse(schedule) : schedule) as Partial<Schedule> | null;
  if (parsed === null || typeof parsed !== 'object' || !Number.isSafeInteger(parsed.seed) || !Array.isArray(parsed.events)) {
    throw new TypeError('a schedule is { seed, events }');
  }
  for (const event of parsed.events as readonly Partial<ScheduledEvent>[]) {
    if (!Number.isSafeInteger(event.at) || (event.at ?? 0) < 1) throw new TypeError('an event needs `at`, counted from 1');
    if (!isKnownEffect(event)) throw new TypeError(`no such event: ${JSON.stringify(event)}`);
  }
  return parsed as Schedule;
}

function isKnownEffect(event: Partial<ScheduledEvent>): boolean {
  switch (event.effect) {
    case 'errno':
      return event.errno !== undefined && event.errno in Errno;
    case 'signal':
      return [2, 4, 5].includes(event.signalCode ?? 0);
    case 'short':
      return Number.isSafeInteger(event.shortBytes);
    case 'poison':
      return typeof event.path === 'string' && Number.isSafeInteger(event.offset) && Number.isSafeInteger(event.length);
    case 'crash':
      return event.rest === 'lose' || event.rest === 'keep';
    case 'turn':
      return typeof event.to === 'string';
    case 'kill':
      return typeof event.process === 'string';
    case 'outside':
      return typeof event.action === 'string';
    default:
      return false;
  }
}

/** The kind that a tally counts an event under. */
export function kindOf(event: ScheduledEvent): string {
  if (event.effect === 'poison') return event.latent === true ? 'latent poison' : 'poison';
  return event.effect;
}
