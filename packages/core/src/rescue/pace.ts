/** Keeps work that reads much from taking the medium's bandwidth away from everybody else. */
import { setTimeout as sleep } from 'node:timers/promises';

/** The source of time; tests bring their own. */
export interface Clock {
  nowMs(): number;
  /** Rejects with the signal's reason. */
  sleep(durationMs: number, signal: AbortSignal | undefined): Promise<void>;
}

export const wallClock: Clock = {
  nowMs: () => performance.now(),
  async sleep(durationMs, signal) {
    try {
      await sleep(durationMs, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/** Bounds what is read without a pause, also to make up for lost time: as much as the rate allows in this time. */
const BURST_MS = 100;

export class Pace {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  #dueMs: number;

  /** `bytesPerSecond` undefined: as fast as it goes. */
  constructor(bytesPerSecond: number | undefined, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond ?? Infinity;
    this.#clock = clock;
    this.#dueMs = clock.nowMs();
  }

  /** Bytes to read at once: whole units, at least one, at most `bytesMax`. */
  chunkBytes(unitBytes: number, bytesMax: number): number {
    const units = Math.floor((this.#bytesPerSecond * BURST_MS) / 1000 / unitBytes);
    return Math.min(bytesMax, Math.max(1, units) * unitBytes);
  }

  /** Waits until `bytes` more than before are no more than the rate allows. */
  async done(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const nowMs = this.#clock.nowMs();
    this.#dueMs = Math.max(this.#dueMs, nowMs - BURST_MS) + (1000 * bytes) / this.#bytesPerSecond;
    const waitMs = this.#dueMs - nowMs;
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }
}
