/**
 * Commits for many callers at a time: those that ask before a commit begins share it. Whatever moves the commit point
 * off this thread goes through here, one move after the other.
 */
// Not the global one, which is behind a getter of many functions.
import { performance } from 'node:perf_hooks';
import type { LogRepairs } from '../repair/repair-queue.js';
import type { CommitResult } from '../wal-options.js';
import type { Advance } from './commit-group.js';
import { Group } from './commit-group.js';
import { refusalOf } from './commit-job.js';
import type { Committer, PointChange } from './committer.js';
import type { FlushPlace } from './flush-place.js';

/** Attempts for a group after its pages were repaired. */
const REPAIRS_PER_GROUP = 2;
/**
 * Turns of the queue of promises without another record after which a group begins: while the one before was larger,
 * and once it is as large; a writer that has been alone is not made to wait for others. All of them together, at most.
 */
const TURNS_FOR_EXPECTED = 24;
const TURNS_FOR_MORE = 4;
const TURNS_FOR_ONE = 1;
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
    const committed = this.#group.join();
    if (!this.#serving) void this.#serve();
    return committed;
  }

  /** commitSoon() for one record, whose number it gives. */
  recordSoon(sequence: number): Promise<number> {
    const committed = this.#group.joinAs(sequence);
    if (!this.#serving) void this.#serve();
    return committed;
  }

  get #group(): Group {
    return (this.#next ??= new Group());
  }

  /**
   * Makes `change` of the commit point durable after the commits that were asked for before, as commitSoon() does.
   * `change` is called again for each attempt, with the point in force. Rejects with what it throws.
   */
  advanceSoon(change: PointChange): Promise<CommitResult> {
    const advance = { group: new Group(), change };
    const advanced = advance.group.join();
    this.#advances.push(advance);
    if (!this.#serving) void this.#serve();
    return advanced;
  }

  /** Rejects the promises of callers whose turn has not come. */
  close(reason: Error): void {
    const groups = [this.#next, ...this.#advances.splice(0).map(({ group }) => group)];
    for (const group of groups) group?.reject(reason);
    this.#next = undefined;
  }

  /**
   * Before each move every caller that is ready may append: the last group has woken its own, and each needs a few
   * turns of the queue of promises. process.nextTick() would come after all of them, but takes 30 us after a wait for
   * a disk.
   */
  async #serve(): Promise<void> {
    const { pending } = this.#committer;
    this.#serving = true;
    for (;;) {
      // A quick flush is over sooner than a turn of the event loop.
      if (this.#flushPlace.takesTurn()) await new Promise((resolve) => { setImmediate(resolve); });
      else {
        let gathered = pending.count;
        for (let turns = 0, quiet = 0; turns < TURNS_MAX && quiet < this.#turnsBeside(gathered); turns++) {
          await TURN;
          quiet = pending.count === gathered ? quiet + 1 : 0;
          gathered = pending.count;
        }
        this.#lastCount = gathered;
      }
      const group = this.#next;
      const advances = this.#advances;
      if (group === undefined && advances.length === 0) break;
      this.#next = undefined;
      if (advances.length > 0) this.#advances = [];
      if (group !== undefined && !this.#commitAtOnce(group)) {
        await this.#move(() => this.#tryGroup()).then(group.resolve, group.reject);
      }
      for (const advance of advances) {
        await this.#move(() => this.#tryAdvance(advance.change)).then(advance.group.resolve, advance.group.reject);
      }
    }
    this.#flushPlace.rest();
    this.#serving = false;
  }

  #turnsBeside(count: number): number {
    if (count < this.#lastCount) return TURNS_FOR_EXPECTED;
    return count === 1 ? TURNS_FOR_ONE : TURNS_FOR_MORE;
  }

  /**
   * Commits as most commits go, without what may have to be waited for: after a wait for a disk each function that is
   * in no cache costs as much as a system call. Returns false, and has settled nothing, if this is another one.
   */
  #commitAtOnce(group: Group): boolean {
    const committer = this.#committer;
    if (committer.pending.count === 0 || this.#repairs.exclusive !== undefined) return false;
    if (this.#flushPlace.next() === 'away') return false;
    const start = performance.now();
    try {
      this.#requireWriter();
      committer.requireSound();
      const result = committer.commitAtOnce();
      if (result === undefined) return false;
      group.resolve(result);
    } catch (error) {
      group.reject(error);
    }
    this.#flushPlace.note('here', start, performance.now());
    return true;
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
    // Another commit has taken all of it: the copies that it has missed are repaired here, too.
    if (committer.pending.count === 0) return { ...committer.nothingToDo, missing: committer.missing };
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
      this.#flushPlace.note(place, start, performance.now());
    };
    if (place === 'away') return away().finally(note);
    try {
      return here();
    } finally {
      note();
    }
  }
}
