/**
 * Chooses the thread of a group commit's flush. On this thread it is over soonest: the way to the pool of threads and
 * back takes as long as a flush of a fast disk. But a slow flush would stop the event loop. So each flush is measured.
 */
import type { LogFile } from '../log-files.js';

/** Off this thread several files are flushed at the same time, which may be quicker: so often that is tried. */
const GROUPS_BETWEEN_PROBES = 64;
/** The event loop gets a turn after so many groups, however short they are: timers and sockets must not starve. */
const GROUPS_PER_TURN = 64;
/**
 * And if groups, their writers included, have taken so many times the limit together: after each of some 200 us a turn
 * takes 30. So it is if cache lines are flushed, which takes no time: writers alone may.
 */
const LIMITS_PER_TURN = 4;
const NEWEST_WEIGHT = 0.2;
/** Flushes in a row that have to take too long: of a disk that takes 0.2 ms, one in two hundred takes more than 1. */
const SLOW_IN_A_ROW = 2;
/** Off this thread, a flush that is over within so many times the limit is a quick one: the way there is in it. */
const AWAY_LIMITS = 2;

export type Place = 'here' | 'away';

export class FlushPlace {
  readonly #limitMs: number;
  readonly #flushesLines: boolean;
  readonly #hasSeveralFiles: boolean;
  /** Smoothed; infinite until it was measured. */
  readonly #meanMs: Record<Place, number> = { here: Infinity, away: Infinity };
  #slowInARow = 0;
  #groups = 0;
  #groupsThisTurn = 0;
  #msThisTurn = 0;
  /** The end of the last group, if the next one was gathered from then on. */
  #lastEndMs: number | undefined;

  /** @param limitMs how long a flush may take on this thread */
  constructor(logFiles: readonly LogFile[], limitMs: number) {
    this.#limitMs = limitMs;
    this.#flushesLines = logFiles.every((logFile) => logFile.flushesLines);
    this.#hasSeveralFiles = logFiles.length > 1;
  }

  /**
   * The thread of the next flush. Cache lines are always flushed on this thread: no system call would wait on another.
   */
  next(): Place {
    if (this.#flushesLines || this.#limitMs === Infinity) return 'here';
    if (this.#limitMs === 0 || this.#slowInARow >= SLOW_IN_A_ROW) return 'away';
    if (!this.#hasSeveralFiles) return 'here';
    if (this.#groups % GROUPS_BETWEEN_PROBES === GROUPS_BETWEEN_PROBES - 1) return this.#slower;
    return this.#slower === 'away' ? 'here' : 'away';
  }

  /** Takes note of how long a flush took, from its stores to the moment this thread knew: now. */
  note(place: Place, startMs: number, nowMs: number): void {
    const durationMs = nowMs - startMs;
    const mean = this.#meanMs[place];
    this.#meanMs[place] = mean === Infinity ? durationMs : mean + NEWEST_WEIGHT * (durationMs - mean);
    if (place === 'away' && durationMs <= AWAY_LIMITS * this.#limitMs) this.#slowInARow = SLOW_IN_A_ROW - 1;
    else if (durationMs > this.#limitMs) this.#slowInARow++;
    else this.#slowInARow = 0;
    this.#groups++;
    this.#groupsThisTurn++;
    this.#msThisTurn += nowMs - (this.#lastEndMs ?? startMs);
    this.#lastEndMs = nowMs;
  }

  /** No group follows at once. */
  rest(): void {
    this.#lastEndMs = undefined;
  }

  /** True if the event loop is due for a turn before the next group. */
  takesTurn(): boolean {
    const isLate = this.#msThisTurn >= LIMITS_PER_TURN * this.#limitMs;
    const isDue = isLate || this.#groupsThisTurn >= GROUPS_PER_TURN;
    if (isDue) {
      this.#groupsThisTurn = 0;
      this.#msThisTurn = 0;
      this.#lastEndMs = undefined;
    }
    return isDue;
  }

  get #slower(): Place {
    return this.#meanMs.away < this.#meanMs.here ? 'here' : 'away';
  }
}
