/** Answers to what power loss leaves open: as JSON, and as the ways in which an exploration comes by them. */
import type { CrashChoice } from '../hardware/crash.js';
import type { Random } from '../random.js';
import type { CrashEvent } from './schedule.js';

/** The answer to the choice that the machine asks for as number `index`. */
export type Decide = (choice: CrashChoice, index: number) => number;

export const loseEach: Decide = () => 0;
export const keepEach: Decide = (choice) => choice.alternatives - 1;

export function decideBy(event: Pick<CrashEvent, 'rest' | 'answers'>): Decide {
  const rest = event.rest === 'keep' ? keepEach : loseEach;
  return (choice, index) => event.answers?.[String(index)] ?? rest(choice, index);
}

/** The shorter of the two ways to write the answers down. */
export function answersOf(
  answers: readonly number[],
  choices: readonly Pick<CrashChoice, 'alternatives'>[],
): Pick<CrashEvent, 'rest' | 'answers'> {
  const lost: Record<string, number> = {};
  const kept: Record<string, number> = {};
  answers.forEach((answer, index) => {
    if (answer !== 0) lost[String(index)] = answer;
    if (answer !== (choices[index]?.alternatives ?? 1) - 1) kept[String(index)] = answer;
  });
  const [rest, shorter] = Object.keys(kept).length < Object.keys(lost).length ? (['keep', kept] as const) : (['lose', lost] as const);
  return Object.keys(shorter).length === 0 ? { rest } : { rest, answers: shorter };
}

/** Returns the number of ways to answer; Infinity if they cannot be counted. */
export function productOf(choices: readonly CrashChoice[]): number {
  return choices.reduce((product, choice) => product * choice.alternatives, 1);
}

/**
 * Returns the answers after `answers` in counting order, the last choice fastest; undefined after the last ones. Later
 * choices may depend on earlier answers, so they are answered with 0 and counted again.
 */
export function nextAnswers(answers: readonly number[], choices: readonly CrashChoice[]): readonly number[] | undefined {
  for (let at = choices.length - 1; at >= 0; at--) {
    const answer = answers[at] ?? 0;
    if (answer + 1 < (choices[at]?.alternatives ?? 1)) return [...answers.slice(0, at), ...zeros(at - answers.length), answer + 1];
  }
  return undefined;
}

/** Survivors that differ from all or from nothing in one line, in one word, or by one metadata operation. */
export function neighboursOf(lost: readonly CrashChoice[], kept: readonly CrashChoice[]): Decide[] {
  const near: Decide[] = [];
  const except = (index: number, base: Decide, answer: Decide): void => {
    near.push((choice, at) => (at === index ? answer(choice, at) : base(choice, at)));
  };
  lost.forEach((choice, index) => {
    except(index, loseEach, keepEach);
    for (const answer of stepsOf(choice)) except(index, loseEach, () => answer);
  });
  kept.forEach((choice, index) => {
    except(index, keepEach, loseEach);
    const most = choice.alternatives - 1;
    for (const answer of stepsOf(choice)) except(index, keepEach, () => most - answer);
  });
  return near;
}

/** Answers next to 0: one surviving word, or one surviving metadata operation. */
function stepsOf(choice: CrashChoice): number[] {
  if (choice.kind === 'metadata' || choice.alternatives <= 2) return choice.alternatives > 2 ? [1] : [];
  return Array.from({ length: Math.log2(choice.alternatives) }, (_, bit) => 2 ** bit);
}

/** Any survivors: every other time whole lines, every other time words. */
export function randomDecide(random: Random): Decide {
  const wholeLines = random.below(2) === 0;
  return (choice) => {
    if (!wholeLines || choice.kind === 'metadata') return random.below(choice.alternatives);
    return random.below(2) === 0 ? 0 : choice.alternatives - 1;
  };
}

function zeros(count: number): number[] {
  return new Array<number>(Math.max(0, count)).fill(0);
}
