/** Progress of a long command: rewritten in place on a terminal, a line now and then otherwise. */
import type { Screen } from '../surroundings.js';
import { durationText } from '../units.js';

const ON_TERMINAL_MS = 100;
const ELSEWHERE_MS = 10_000;
/** Before that a rate says nothing. */
const FIRST_MS = 1000;

export interface ProgressOptions {
  readonly screen: Screen;
  readonly now: () => Date;
  /** Undefined if it is not known: then no remaining time is shown. */
  readonly total: number | undefined;
  /** `scrubbed`, `copied`, `looked at`. */
  readonly verb: string;
  /** Turns a count into text: bytes, files. */
  readonly unit: (count: number) => string;
}

export class Progress {
  readonly #options: ProgressOptions;
  readonly #begunMs: number;
  #shownMs: number;
  #width = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#begunMs = this.#shownMs = options.now().getTime();
  }

  /** Call it as often as you like. */
  show(done: number, more = ''): void {
    const { screen, now } = this.#options;
    const ms = now().getTime();
    if (ms - this.#begunMs < FIRST_MS || ms - this.#shownMs < (screen.canRewrite ? ON_TERMINAL_MS : ELSEWHERE_MS))
      return;
    this.#shownMs = ms;
    const text = this.#text(done, (ms - this.#begunMs) / 1000) + more;
    if (!screen.canRewrite) {
      screen.err(`${text}\n`);
      return;
    }
    const cut = text.slice(0, Math.max(1, screen.columns - 1));
    screen.err(`\r${cut.padEnd(this.#width)}`);
    this.#width = cut.length;
  }

  /** Takes the line away, so that a result can take its place. */
  clear(): void {
    if (this.#width === 0) return;
    this.#options.screen.err(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }

  #text(done: number, seconds: number): string {
    const { total, unit, verb } = this.#options;
    const rate = done / seconds;
    const isKnown = total !== undefined && total > 0;
    const share = isKnown ? ` of ${unit(total)} (${Math.min(100, Math.floor((100 * done) / total))} %)` : '';
    const parts = [`${verb} ${unit(done)}${share}`];
    parts.push(`${unit(Math.round(rate))}/s`);
    if (total !== undefined && rate > 0 && total > done) parts.push(`${durationText((total - done) / rate)} left`);
    return parts.join(', ');
  }
}
