/**
 * Commits for many callers at a time: those that ask before a commit begins share it. Whatever moves the commit point
 * off this thread goes through here, one move after the other.
 */
import type { LogRepairs } from '../repair/repair-queue.js';
import type { CommitResult } from '../wal-options.js';
import type { Advance, Group } from './commit-group.js';
import { newGroup } from './commit-group.js';
import { refusalOf } from './commit-job.js';
import type { Committer, PointChange } from './committer.js';
import type { FlushPlace } from './flush-place.js';

/** Attempts for a group after its pages were repaired. */
const REPAIRS_PER_GROUP = 2;
/**
 * Turns of the queue of promises without another record after which a group begins: while the one before was larger,
 * and once it is as large. All of them together, at most.
 */
const TURNS_FOR_EXPECTED = 24;
const TURNS_FOR_MORE = 4;
const TURNS_MAX = 2400;
const TURN = Promise.resolve();

export interface GroupCommitsOptions {
  readonly committer: Committer;
  /** Makes pages usable again that refuse a commit. */
  readonly repairs: LogRepairs;
  readonly flushPlace: FlushPlace;
  /** Throws if the log is closed or may not be written. */
  readonly requireWriter: () => void;
}

export class GroupCommits {
  readonly #committer: Committer;
  readonly #repairs: LogRepairs;
  readonly #flushPlace: FlushPlace;
  readonly #requireWriter: () => void;
  #next: Group | undefined;
  #advances: Advance[] = [];
  #serving = false;
  /** Records of the last group: as many are expected again. */
  #lastCount = Infinity;

  constructor({ committer, repairs, flushPlace, requireWriter }: GroupCommitsOptions) {
    this.#committer = committer;
    this.#repairs = repairs;
    this.#flushPlace = flushPlace;
    this.#requireWriter = requireWriter;
  }

  /**
   * Commits everything appended so far, and what other callers append meanwhile; off this thread if the flush would
   * block it. A page that refuses the bytes is repaired, and the commit tried again.
   */
  commitSoon(): Promise<CommitResult> {
    this.#next ??= newGroup();
    const { committed } = this.#next;
    if (!this.#serving) void this.#serve();
    return committed;
  }

  /**
   * Makes `change` of the commit point durable after the commits that were asked for before, as commitSoon() does.
   * `change` is called again for each attempt, with the point in force. Rejects with what it throws.
   */
  advanceSoon(change: PointChange): Promise<CommitResult> {
    const advance = { ...newGroup(), change };
    this.#advances.push(advance);
    if (!this.#serving) void this.#serve();
    return advance.committed;
  }

  /** Rejects the promises of callers whose turn has not come. */
  close(reason: Error): void {
    for (const waiting of [this.#next, ...this.#advances.splice(0)]) waiting?.reject(reason);
    this.#next = undefined;
  }

  async #serve(): Promise<void> {
    this.#serving = true;
    for (;;) {
      await this.#gather();
      const group = this.#next;
      const advances = this.#advances;
      if (group === undefined && advances.length === 0) break;
      this.#next = undefined;
      this.#advances = [];
      if (group !== undefined) await this.#move(() => this.#tryGroup()).then(group.resolve, group.reject);
      for (const { change, resolve, reject } of advances) {
        await this.#move(() => this.#tryAdvance(change)).then(resolve, reject);
      }
    }
    this.#serving = false;
  }

  /**
   * Lets every caller that is ready append: the last group has woken its own, and each needs a few turns of the queue
   * of promises. process.nextTick() would come after all of them, but after a wait for a disk it takes 30 us.
   */
  async #gather(): Promise<void> {
    if (this.#flushPlace.takesTurn()) {
      // A quick flush is over sooner than a turn of the event loop.
      await new Promise((resolve) => { setImmediate(resolve); });
      return;
    }
    const { pending } = this.#committer;
    let gathered = pending.count;
    for (let turns = 0, quiet = 0; turns < TURNS_MAX && quiet < this.#turnsBeside(gathered); turns++) {
      await TURN;
      quiet = pending.count === gathered ? quiet + 1 : 0;
      gathered = pending.count;
    }
    this.#lastCount = gathered;
  }

  #turnsBeside(count: number): number {
    return count < this.#lastCount ? TURNS_FOR_EXPECTED : TURNS_FOR_MORE;
  }

  /** Attempts to move the commit point; a page that refuses is repaired before the next attempt. */
  async #move(attempt: () => CommitResult | Promise<CommitResult>): Promise<CommitResult> {
    for (let repairs = 0; ; repairs++) {
      for (let repair = this.#repairs.exclusive; repair !== undefined; repair = this.#repairs.exclusive) await repair;
      this.#requireWriter();
      this.#committer.requireSound();
      let refusal;
      try {
        const attempted = attempt();
        // What was done on this thread is over: a promise would cost a commit some microseconds.
        const result = attempted instanceof Promise ? await attempted : attempted;
        if (result.missing.length === 0) return result;
        return { ...result, missing: await this.#repairs.restoreCopies(result.missing) };
      } catch (error) {
        refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        if (repairs === REPAIRS_PER_GROUP) throw refusal.error;
      }
      await this.#repairs.repairNamed(refusal.error);
    }
  }

  #tryGroup(): CommitResult | Promise<CommitResult> {
    const committer = this.#committer;
    if (committer.pending.count === 0) return committer.nothingToDo;
    return this.#timed(() => committer.commitHere(), () => committer.commitAway());
  }

  #tryAdvance(change: PointChange): CommitResult | Promise<CommitResult> {
    const committer = this.#committer;
    const point = change(committer.point);
    return this.#timed(() => committer.advanceHere(point), () => committer.advanceAway(point));
  }

  /** Flushes where that is quickest, and notes how long it took. */
  #timed(here: () => CommitResult, away: () => Promise<CommitResult>): CommitResult | Promise<CommitResult> {
    const place = this.#flushPlace.next();
    const start = performance.now();
    const note = (): void => {
      this.#flushPlace.note(place, performance.now() - start);
    };
    if (place === 'away') return away().finally(note);
    try {
      return here();
    } finally {
      note();
    }
  }
}
