/** The error of an exploration: the smallest schedule that fails, and the line that runs it again. */
import { formatRange } from '@safe-pmem/core';
import type { CrashChoice } from '../hardware/crash.js';
import { WORD_BYTES } from '../hardware/geometry.js';
import { labelOf, type Moment } from './moments.js';
import type { RunRecord } from './run.js';
import type { CrashEvent, Schedule, ScheduledEvent } from './schedule.js';

export class ExplorationFailure extends Error {
  /** The smallest failing schedule that was found. Give it to replaySchedule(). */
  readonly schedule: Schedule;
  /** The schedule that failed first. */
  readonly found: Schedule;
  /** States explored up to and including that one. */
  readonly states: number;

  constructor(name: string, seed: number, states: number, found: RunRecord, shrunk: RunRecord, shrinkRuns: number) {
    const schedule: Schedule = { seed, events: shrunk.events };
    const { error } = shrunk.failure as { readonly error: unknown };
    const steps = shrunk.events.map((event) => `\n    ${describe(event, shrunk)}`).join('');
    const story = storyOf(shrunk);
    super(
      `${name}: state ${states} fails: ${error instanceof Error ? error.message : String(error)}\n` +
        `  seed ${seed}, shrunk in ${shrinkRuns} runs to ${steps === '' ? 'an undisturbed run' : `this:${steps}`}\n` +
        (story === undefined ? '' : `  in this order:${story}\n`) +
        `  replay: await replaySchedule(exploration, '${JSON.stringify(schedule)}')`,
      { cause: error },
    );
    this.name = 'ExplorationFailure';
    this.schedule = schedule;
    this.found = { seed, events: found.events };
    this.states = states;
  }
}

function describe(event: ScheduledEvent, record: RunRecord): string {
  const where = place(event.at, record);
  switch (event.effect) {
    case 'crash':
      return `${where}: power fails, ${survival(event, event === record.events.findLast((e) => e.effect === 'crash') ? record.choices : [])}`;
    case 'poison':
      return `${where}: ${event.latent === true ? 'latent poison' : 'poison'} in ${formatRange(event)} of '${event.path}'`;
    case 'errno':
      return `${where}: ${event.errno}${lasting(event.persistent)}`;
    case 'signal':
      return `${where}: SIGBUS with code ${event.signalCode}${lasting(event.persistent)}`;
    case 'short':
      return `${where}: a transfer of ${event.shortBytes} bytes${lasting(event.persistent)}`;
    case 'turn':
      return `${where}: ${event.to} goes first`;
    case 'kill':
      return `${where}: process ${event.process} is killed`;
    case 'outside':
      return `${where}: another process does '${event.action}'`;
  }
}

/** The operations of each process, in order; undefined if there was only one process. */
function storyOf({ moments }: RunRecord): string | undefined {
  if (moments.every(({ turn }) => turn === undefined)) return undefined;
  const order: Moment[] = [];
  for (const moment of moments) {
    if (moment.operation === undefined) continue;
    const outer = order.findLastIndex(({ at }) => at === moment.before);
    order.splice(outer < 0 ? order.length : outer, 0, moment);
  }
  const lines: { readonly process: string; readonly names: string[] }[] = [];
  for (const moment of order) {
    const process = moment.operation?.process ?? 'driver';
    if (lines.at(-1)?.process !== process) lines.push({ process, names: [] });
    lines.at(-1)?.names.push(labelOf(moment));
  }
  return lines.map(({ process, names }) => `\n    ${process}: ${names.join(', ')}`).join('');
}

function place(at: number, record: RunRecord): string {
  const moment = record.moments[at - 1];
  if (moment?.turn !== undefined) return `at ${at}, in place of ${moment.turn}`;
  if (moment?.operation === undefined) return `at ${at}, the end`;
  const { path, position, length } = moment.operation;
  const range = length === 0 ? '' : ` ${formatRange({ offset: position, length })}`;
  const who = moment.operation.process === undefined ? '' : `${moment.operation.process}: `;
  return `at ${at}, ${who}${labelOf(moment)} of '${path}'${range}`;
}

function lasting(persistent: true | undefined): string {
  return persistent === true ? ', and so on from then on' : '';
}

function survival(event: CrashEvent, choices: readonly CrashChoice[]): string {
  const base = event.rest === 'lose' ? 'what was not persisted is lost' : 'everything survives';
  const exceptions = Object.entries(event.answers ?? {});
  if (exceptions.length === 0) return base;
  const shown = exceptions.slice(0, 4).map(([index, answer]) => exception(choices[Number(index)], index, answer));
  if (exceptions.length > 4) shown.push(`${exceptions.length - 4} more`);
  return `${base}, except: ${shown.join('; ')}`;
}

function exception(choice: CrashChoice | undefined, index: string, answer: number): string {
  if (choice === undefined) return `choice ${index} is ${answer}`;
  if (choice.kind === 'metadata') return `${answer} of ${choice.alternatives - 1} metadata operations happened`;
  const words = Math.log2(choice.alternatives);
  const kept = Array.from({ length: words }, (_, bit) => bit).filter((bit) => (answer & (1 << bit)) !== 0);
  const line = `the line at device byte ${choice.deviceOffset} ('${choice.path ?? 'no name'}')`;
  if (kept.length === words) return `${line} survives`;
  if (kept.length === 0) return `${line} is lost`;
  return `of ${line}, of its ${words} changed ${WORD_BYTES}-byte words only these survive: ${kept.join(', ')}`;
}
