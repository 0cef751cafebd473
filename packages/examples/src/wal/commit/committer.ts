/**
 * Moves a log's commit point; nothing else does. One job is on its way at a time: a commit point is stored over the one
 * before the last, so the last has to be durable by then.
 */
import type { CommitPoint } from '../format/commit-slot.js';
import { certainly, isCertain, pointAfter } from '../format/commit-slot.js';
import type { PendingPlace, Tail } from '../append/pending-records.js';
import { PendingRecords } from '../append/pending-records.js';
import type { Damage } from '../log-files.js';
import type { LogFiles } from '../read/read-pages.js';
import { WalError } from '../wal-error.js';
import type { Job, PointBefore } from './commit-job.js';
import { refusalOf } from './commit-job.js';
import { Jobs } from './jobs.js';
import type { CommitResult } from '../wal-options.js';

/** The state of a log when its committer starts. */
export interface CommitterStart {
  readonly point: CommitPoint;
  /** Position of the next record. */
  readonly writeOffset: number;
  readonly tail: Tail | undefined;
  /** Header copies that may not hold the point durably. Undefined: any of them. */
  readonly behind: readonly Damage[] | undefined;
}

/** Returns another commit point that names the same records, or fewer. May throw: nothing is stored then. */
export type PointChange = (point: CommitPoint) => CommitPoint;

type Ended = { readonly result: CommitResult } | { readonly error: unknown };

/** A job on its way. The first caller that gets to its end settles it. */
interface Running {
  readonly job: Job;
  ended: Ended | undefined;
}

export class Committer {
  readonly pending: PendingRecords;
  readonly #place: PendingPlace & LogFiles;
  readonly #jobs: Jobs;
  #point: CommitPoint;
  /** The highest that a slot may have: above that of the point in force if an attempt was refused since. */
  #generation: number;
  /** Header copies that may not hold the point in force. Undefined: any of them. */
  #behind: readonly Damage[] | undefined;
  #running: Running | undefined;
  #waitingForGap: (() => void)[] = [];
  #failure: { readonly cause: unknown } | undefined;

  constructor(place: PendingPlace & LogFiles, { point, writeOffset, tail, behind }: CommitterStart) {
    this.#place = place;
    this.#point = point;
    this.#generation = point.generation;
    this.#behind = behind;
    this.pending = new PendingRecords(place, writeOffset, tail);
    this.#jobs = new Jobs(place, this.pending);
  }

  /** The commit point in force. */
  get point(): CommitPoint {
    return this.#point;
  }

  /** Throws ERR_WAL_FAILED if after an earlier error it is unknown what is durable. */
  requireSound(): void {
    if (this.#failure === undefined) return;
    const what = 'after an earlier error it is unknown what is durable: close the log and open it again';
    throw new WalError('ERR_WAL_FAILED', this.#place.path, what, this.#failure.cause);
  }

  /** Commits everything appended so far, groups that wait included, before it returns. */
  commit(): CommitResult {
    this.#finish();
    return this.commitAtOnce() ?? resultOf(this.#runNow(this.#recordsJob()));
  }

  /**
   * Commits the records that wait on this thread, while no job is on its way, if nothing stands against it: what cannot
   * be taken over needs no job. Returns undefined, with nothing in force, if a page or a header copy has refused, or a
   * repair of one is due. Throws what the files throw but damage.
   */
  commitAtOnce(): CommitResult | undefined {
    if (this.pending.count === 0) return this.nothingToDo;
    const point = this.#pointOfAll();
    if (point === undefined) return undefined;
    const count = point.lastSequence - this.#point.lastSequence;
    this.#point = point;
    this.#jobs.settle();
    this.pending.settle(point.endOffset, count);
    return { lastSequence: point.lastSequence, missing: [] };
  }

  #pointOfAll(): CommitPoint | undefined {
    try {
      return this.#jobs.commitHere(this.#before, this.#newGeneration);
    } catch (cause) {
      this.#failure ??= { cause };
      throw cause;
    }
  }

  /** Makes `change` of the commit point durable before it returns; the records stay where they are. */
  advance(change: PointChange): CommitResult {
    this.#finish();
    return resultOf(this.#runNow(this.#pointJob(change(this.#point))));
  }

  /**
   * Makes durable that the last batch is: until then a start after a crash has to find that out from its pages. Call
   * it while no job is on its way. A refusal leaves the log as it was.
   */
  settle(): void {
    if (this.#isSettled) return;
    const ended = this.#runNow(this.#pointJob(this.#point));
    if ('error' in ended && refusalOf(ended.error) === undefined) throw ended.error;
  }

  /** commit(), while no job is on its way. Throws a Refusal, or what the files throw. */
  commitHere(): CommitResult {
    return this.commitAtOnce() ?? valueOf(this.#runNow(this.#recordsJob()));
  }

  /** Does what commitHere() does, off this thread as far as the flush goes. */
  async commitAway(): Promise<CommitResult> {
    return valueOf(await this.#runOffThread(this.#recordsJob()));
  }

  /**
   * Makes `point`, which names no other records than the one in force, durable on this thread while no job is on its
   * way. Throws a Refusal, or what the files throw.
   */
  advanceHere(point: CommitPoint): CommitResult {
    return valueOf(this.#runNow(this.#pointJob(point)));
  }

  /** Does what advanceHere() does, off this thread as far as the flush goes. */
  async advanceAway(point: CommitPoint): Promise<CommitResult> {
    return valueOf(await this.#runOffThread(this.#pointJob(point)));
  }

  /** Header copies that did not take the point in force. */
  get missing(): readonly Damage[] {
    return [...(this.#behind ?? [])];
  }

  /** The result of a commit for which no record waits. */
  get nothingToDo(): CommitResult {
    return { lastSequence: this.#point.lastSequence, missing: [] };
  }

  /** Runs `action` while no job is on its way, which may be now, and before the next one. */
  whenIdle<Result>(action: () => Result): Promise<Result> {
    return new Promise((resolve) => {
      const run = (): void => {
        resolve(
          new Promise<Result>((fulfil) => {
            fulfil(action());
          }),
        );
      };
      if (this.#running === undefined) run();
      else this.#waitingForGap.push(run);
    });
  }

  /** Ends the job on its way, and gives up what was appended after it. */
  close(): void {
    if (this.#running !== undefined) this.#runNow(this.#running);
    this.pending.clear();
    // Whatever becomes of that: a start finds out by itself what settling would have told it.
    if (this.#failure === undefined && !this.#isSettled) this.#runNow(this.#pointJob(this.#point));
  }

  get #isSettled(): boolean {
    return isCertain(this.#point) && this.#generation === this.#point.generation;
  }

  /** Stores the point alone: all that it names is durable. */
  #pointJob(point: CommitPoint): Running {
    const before = this.#before;
    const job = this.#jobs.point({ ...certainly(point), generation: this.#nextGeneration() }, before);
    this.#running = { job, ended: undefined };
    return this.#running;
  }

  #recordsJob(): Running {
    const before = this.#point;
    const batch = this.pending.batch(before.headPage);
    const point = pointAfter(before, batch.startOffset, batch.endOffset, batch.count);
    const job = this.#jobs.records(batch, point, this.#before, this.#newGeneration);
    this.#running = { job, ended: undefined };
    return this.#running;
  }

  /** Of the slots that the point in force did not use; beats whatever an attempt that was refused has left there. */
  #nextGeneration(): number {
    const isOther = (this.#generation - this.#point.generation) % 2 === 0;
    this.#generation += isOther ? 1 : 2;
    return this.#generation;
  }

  readonly #newGeneration = (): number => this.#nextGeneration();

  get #before(): PointBefore {
    const hasRefused = this.#generation !== this.#point.generation;
    return { point: this.#point, behind: this.#behind, hasRefused };
  }

  /** Ends a job that is awaited off this thread, and settles the promises of its callers. */
  #finish(): void {
    if (this.#running === undefined) return;
    this.#runNow(this.#running);
    this.requireSound();
  }

  #runNow(running: Running): Ended {
    try {
      running.job.run();
      return this.#end(running);
    } catch (error) {
      return this.#end(running, { error });
    }
  }

  async #runOffThread(running: Running): Promise<Ended> {
    try {
      await running.job.runAsync();
      return this.#end(running);
    } catch (error) {
      return this.#end(running, { error });
    }
  }

  #end(running: Running, failed?: { readonly error: unknown }): Ended {
    if (running.ended !== undefined) return running.ended;
    running.ended = failed ?? { result: this.#settle(running.job) };
    if (failed !== undefined && refusalOf(failed.error) === undefined) this.#failure ??= { cause: failed.error };
    this.#running = undefined;
    const waiting = this.#waitingForGap;
    this.#waitingForGap = [];
    for (const run of waiting) run();
    return running.ended;
  }

  #settle({ batch, point, outcome }: Job): CommitResult {
    this.#point = point;
    this.#behind = outcome.missing;
    this.#jobs.settle();
    if (batch !== undefined) this.pending.settle(batch.endOffset, batch.count);
    // The caller's own: what becomes of it there must not change what this log knows.
    return { lastSequence: point.lastSequence, missing: [...outcome.missing] };
  }
}

function valueOf(ended: Ended): CommitResult {
  if ('result' in ended) return ended.result;
  throw ended.error;
}

/** Returns the outcome of the job to the caller that waited, or throws its error. */
function resultOf(ended: Ended): CommitResult {
  if ('result' in ended) return ended.result;
  throw refusalOf(ended.error)?.error ?? ended.error;
}
