/** Makes a failing schedule as small and as early as it can, by running simpler ones for as long as they fail. */
import type { Explorable, Explored } from './exploration.js';
import { type RunRecord, runEvents } from './run.js';
import type { CrashEvent, ScheduledEvent } from './schedule.js';

const MOVABLE: readonly ScheduledEvent['effect'][] = ['crash', 'poison', 'kill', 'outside'];

export interface Shrunk {
  readonly record: RunRecord;
  readonly runs: number;
}

export async function shrink<State extends Explored>(
  exploration: Explorable<State>,
  seed: number,
  failing: RunRecord,
  mostRuns: number,
): Promise<Shrunk> {
  let record = failing;
  let runs = 0;
  for (let simpler: RunRecord | undefined = record; simpler !== undefined; ) {
    simpler = undefined;
    for (const events of candidates(record.events)) {
      if (runs >= mostRuns) break;
      runs++;
      const tried = await runEvents(exploration, seed, events);
      if (tried.failure === undefined || tried.mismatch !== undefined) continue;
      simpler = tried;
      record = tried;
      break;
    }
  }
  return { record, runs };
}

/** Schedules that are simpler by one step, the boldest first. Labels are left off: other operations may be met. */
function* candidates(labelled: readonly ScheduledEvent[]): Generator<ScheduledEvent[]> {
  const events = labelled.map((event): ScheduledEvent => ({ ...event, operation: undefined }));
  for (const [index] of events.entries()) yield events.filter((_, other) => other !== index);
  for (const simplify of [plainer, fewerAnswers, earlier]) {
    for (const [index, event] of events.entries()) {
      for (const simpler of simplify(event, events[index - 1]?.at ?? 1)) yield events.with(index, simpler);
    }
  }
}

function* plainer(event: ScheduledEvent): Generator<ScheduledEvent> {
  if (event.effect === 'crash') {
    const plain = event.answers === undefined;
    if (!(plain && event.rest === 'lose')) yield { ...withoutAnswers(event), rest: 'lose' };
    if (!plain) yield { ...withoutAnswers(event), rest: 'keep' };
  } else if (event.effect === 'poison') {
    if (event.latent === true) yield omit(event, 'latent');
  } else if ('persistent' in event) {
    yield omit(event, 'persistent');
  }
}

function* fewerAnswers(event: ScheduledEvent): Generator<ScheduledEvent> {
  if (event.effect !== 'crash' || event.answers === undefined) return;
  const answers = Object.entries(event.answers);
  for (let size = Math.ceil(answers.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < answers.length; from += size) {
      yield withAnswers(event, answers.toSpliced(from, size));
    }
  }
  for (const [index, [choice, answer]] of answers.entries()) {
    for (let bit = 1; bit < 256; bit *= 2) {
      const isSimpler = (answer & bit) !== 0 ? event.rest === 'lose' && answer !== bit : event.rest === 'keep';
      if (isSimpler) yield withAnswers(event, answers.with(index, [choice, answer ^ bit]));
    }
  }
}

function* earlier(event: ScheduledEvent, least: number): Generator<ScheduledEvent> {
  // Each operation has its own errnos: a failure stays at its operation.
  if (!MOVABLE.includes(event.effect)) return;
  for (let at = least; at < event.at; at++) {
    yield { ...event, at };
    if (event.effect === 'crash' && event.answers !== undefined) {
      yield { ...withoutAnswers(event), at, rest: 'lose' };
      yield { ...withoutAnswers(event), at, rest: 'keep' };
    }
  }
}

function withoutAnswers(event: CrashEvent): CrashEvent {
  return omit(event, 'answers');
}

function withAnswers(event: CrashEvent, answers: readonly (readonly [string, number])[]): CrashEvent {
  return answers.length === 0 ? withoutAnswers(event) : { ...event, answers: Object.fromEntries(answers) };
}

function omit<Event extends object>(event: Event, key: keyof Event): Event {
  return Object.fromEntries(Object.entries(event).filter(([name]) => name !== key)) as Event;
}
