/** Power loss at every moment that follows some events, and at each the survivors that are worth trying. */
import type { CrashChoice } from '../hardware/crash.js';
import { answersOf, type Decide, keepEach, loseEach, neighboursOf, nextAnswers, productOf, randomDecide } from './crash-answers.js';
import type { Explored } from './exploration.js';
import type { Explorer } from './explorer.js';
import { labelOf, type Moment } from './moments.js';
import type { RunRecord } from './run.js';
import type { CrashEvent, ScheduledEvent } from './schedule.js';

export interface CrashOptions {
  /** Survivors are enumerated if there are at most so many combinations of them. 256 by default. */
  readonly exhaustiveLimit?: number | undefined;
  /**
   * States per crash point if there are more: everything lost, everything kept, neighbours of both, random ones. 32 by
   * default.
   */
  readonly samples?: number | undefined;
  /** For each crash, so many moments of the recovery at which power fails once more. 1 by default. */
  readonly recoveryCrashes?: number | undefined;
}

interface CrashPoint {
  readonly moment: Moment;
  readonly lost: readonly CrashChoice[];
  readonly kept: readonly CrashChoice[];
}

const SHARES_ITS_MOMENT: readonly ScheduledEvent['effect'][] = ['poison', 'kill', 'outside'];

export class CrashPoints<State extends Explored> {
  readonly #explorer: Explorer<State>;
  readonly #exhaustiveLimit: number;
  readonly #samples: number;
  readonly #recoveryCrashes: number;

  constructor(explorer: Explorer<State>, options: CrashOptions) {
    this.#explorer = explorer;
    this.#exhaustiveLimit = options.exhaustiveLimit ?? 256;
    this.#samples = options.samples ?? 32;
    this.#recoveryCrashes = explorer.exploration.recover === undefined ? 0 : (options.recoveryCrashes ?? 1);
  }

  /** Explores power loss after the events of `parent`, in at most `quota` states. */
  async explore(parent: RunRecord, quota: number): Promise<void> {
    const moments = momentsAfter(parent);
    const perCrash = 1 + this.#recoveryCrashes;
    if (moments.length * 2 * perCrash > quota) {
      await this.#sampled(parent, moments, Math.floor(quota / perCrash));
      return;
    }
    const end = this.#explorer.states + quota;
    const points: CrashPoint[] = [];
    for (const moment of moments) {
      const lost = (await this.#crash(parent.events, moment, loseEach)).choices;
      const kept = lost.length === 0 ? [] : (await this.#crash(parent.events, moment, keepEach)).choices;
      if (lost.length > 0) points.push({ moment, lost, kept });
    }
    for (const [index, point] of points.entries()) {
      await this.#survivors(parent.events, point, (end - this.#explorer.states) / (points.length - index) / perCrash);
    }
  }

  /** One crash at each of `most` moments, lost, kept or mixed. */
  async #sampled(parent: RunRecord, moments: readonly Moment[], most: number): Promise<void> {
    const { random } = this.#explorer;
    this.#explorer.sampled = true;
    for (const moment of this.#explorer.sample(moments, most)) {
      const decide = [loseEach, keepEach, randomDecide(random)][random.below(3)] as Decide;
      await this.#crash(parent.events, moment, decide);
    }
  }

  async #survivors(before: readonly ScheduledEvent[], point: CrashPoint, quota: number): Promise<void> {
    const seen = new Set([keyOf(point.lost, loseEach), keyOf(point.kept, keepEach)]);
    const product = Math.max(productOf(point.lost), productOf(point.kept));
    if (product <= Math.min(this.#exhaustiveLimit, quota)) await this.#everySurvivor(before, point, seen);
    else await this.#someSurvivors(before, point, seen, Math.floor(Math.min(this.#samples, quota)) - 2);
  }

  async #everySurvivor(before: readonly ScheduledEvent[], point: CrashPoint, seen: Set<string>): Promise<void> {
    let choices = point.lost;
    for (let answers = nextAnswers([], choices); answers !== undefined; answers = nextAnswers(answers, choices)) {
      const wanted = answers;
      const decide: Decide = (_, index) => wanted[index] ?? 0;
      if (answers.length === choices.length && seen.has(keyOf(choices, decide))) continue;
      choices = (await this.#crash(before, point.moment, decide)).choices;
    }
  }

  async #someSurvivors(before: readonly ScheduledEvent[], point: CrashPoint, seen: Set<string>, most: number): Promise<void> {
    const { random } = this.#explorer;
    this.#explorer.sampled = true;
    const near = this.#explorer.sample(neighboursOf(point.lost, point.kept), Math.max(0, Math.ceil(most / 2)));
    for (let tried = 0; tried < most; tried++) {
      const decide = near[tried] ?? fixed(randomDecide(random));
      const key = keyOf(point.lost, decide);
      if (seen.has(key)) continue;
      seen.add(key);
      await this.#crash(before, point.moment, decide);
    }
  }

  /** One state with a crash, and those in which power fails again while it recovers. */
  async #crash(before: readonly ScheduledEvent[], moment: Moment, decide: Decide): Promise<RunRecord> {
    const event = { effect: 'open crash', at: moment.at, operation: labelOf(moment), decide } as const;
    const record = await this.#explorer.run([...before, event]);
    if (this.#recoveryCrashes === 0) return record;
    const { random } = this.#explorer;
    this.#explorer.sampled = true;
    for (const again of this.#explorer.sample(momentsAfter(record), this.#recoveryCrashes)) {
      const second = [loseEach, keepEach, randomDecide(random)][random.below(3)] as Decide;
      const open = { effect: 'open crash', at: again.at, operation: labelOf(again), decide: second } as const;
      await this.#explorer.run([...record.events, open]);
    }
    return record;
  }
}

/**
 * The operations, steps and ends at which something more can happen. What is done to the machine or a process leaves its own
 * moment to a crash; a failure and a turn do not.
 */
export function momentsAfter(record: RunRecord): readonly Moment[] {
  return allMomentsAfter(record).filter(({ turn }) => turn === undefined);
}

/** momentsAfter(), and the choices between calls. */
export function allMomentsAfter(record: RunRecord): readonly Moment[] {
  const last = record.events.at(-1);
  if (last === undefined) return record.moments;
  return record.moments.slice(SHARES_ITS_MOMENT.includes(last.effect) ? last.at - 1 : last.at);
}

function keyOf(choices: readonly CrashChoice[], decide: Decide): string {
  const answers = choices.map((choice, index) => Math.min(decide(choice, index), choice.alternatives - 1));
  return JSON.stringify(answersOf(answers, choices) satisfies Partial<CrashEvent>);
}

/** Random answers that are the same each time they are asked for. */
function fixed(decide: Decide): Decide {
  const answers: number[] = [];
  return (choice, index) => (answers[index] ??= decide(choice, index));
}
