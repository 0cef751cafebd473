/** Commits for many callers at a time: those that ask before a commit begins share it. */
import type { LogRepairs } from '../repair/repair-queue.js';
import type { CommitResult } from '../wal-options.js';
import type { Group } from './commit-group.js';
import { newGroup } from './commit-group.js';
import { refusalOf } from './commit-job.js';
import type { Committer } from './committer.js';
import type { FlushPlace } from './flush-place.js';

/** Attempts for a group after its pages were repaired. */
const REPAIRS_PER_GROUP = 2;

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
  #serving = false;

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

  /** Rejects the promises of callers whose commit has not begun. */
  close(reason: Error): void {
    this.#next?.reject(reason);
    this.#next = undefined;
  }

  async #serve(): Promise<void> {
    this.#serving = true;
    for (;;) {
      await this.#gather();
      const group = this.#next;
      if (group === undefined) break;
      this.#next = undefined;
      await this.#commitGroup().then(group.resolve, group.reject);
    }
    this.#serving = false;
  }

  /** Lets every caller that is ready append. A quick flush is over sooner than a turn of the event loop. */
  #gather(): Promise<void> {
    const takesTurn = this.#flushPlace.takesTurn();
    return new Promise((resolve) => {
      if (takesTurn) setImmediate(resolve);
      else process.nextTick(resolve);
    });
  }

  async #commitGroup(): Promise<CommitResult> {
    for (let repairs = 0; ; repairs++) {
      for (let repair = this.#repairs.exclusive; repair !== undefined; repair = this.#repairs.exclusive) await repair;
      this.#requireWriter();
      this.#committer.requireSound();
      let refusal;
      try {
        const result = await this.#tryGroup();
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

  async #tryGroup(): Promise<CommitResult> {
    if (this.#committer.pending.count === 0) return this.#committer.nothingToDo;
    const place = this.#flushPlace.next();
    const start = performance.now();
    try {
      return place === 'away' ? await this.#committer.commitAway() : this.#committer.commitHere();
    } finally {
      this.#flushPlace.note(place, performance.now() - start);
    }
  }
}
