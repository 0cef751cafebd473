/**
 * The one place where a log's commit point moves. One job is on its way at a time: a commit point is stored over the
 * one before last, so the last has to be durable by then.
 */
import type { Group } from './commit-group.js';
import { newGroup } from './commit-group.js';
import { CommitJob, refusalOf } from './commit-job.js';
import type { CommitPoint } from '../format/commit-slot.js';
import { SlotEncoder, certainly, isCertain } from '../format/commit-slot.js';
import type { CommitterHost, CommitterStart } from './committer-host.js';
import { FlushPlace } from './flush-place.js';
import type { Batch, PendingPlace } from '../append/pending-records.js';
import { PendingRecords } from '../append/pending-records.js';
import type { LogFiles } from '../read/read-pages.js';
import { WalError } from '../wal-error.js';
import type { CommitResult } from '../wal-options.js';

/** How often a group is tried again after its pages were repaired. */
const REPAIRS_PER_GROUP = 2;

type Ended = { readonly result: CommitResult } | { readonly error: unknown };

/** A job on its way; whoever gets to its end first says how it ended. */
interface Running {
  readonly job: CommitJob;
  ended: Ended | undefined;
}

export class Committer {
  readonly pending: PendingRecords;
  readonly #place: PendingPlace & LogFiles;
  readonly #host: CommitterHost;
  readonly #flushPlace: FlushPlace;
  readonly #slots: SlotEncoder;
  #point: CommitPoint;
  /** The highest that a slot may have: above that of the point in force if an attempt was refused since. */
  #generation: number;
  #running: Running | undefined;
  #next: Group | undefined;
  #serving = false;
  #waitingForGap: (() => void)[] = [];
  #failure: { readonly cause: unknown } | undefined;

  constructor(place: PendingPlace & LogFiles, host: CommitterHost, start: CommitterStart) {
    const { point, writeOffset, tail, blockMs } = start;
    this.#place = place;
    this.#host = host;
    this.#point = point;
    this.#generation = point.generation;
    this.#flushPlace = new FlushPlace(place.logFiles, blockMs);
    this.#slots = new SlotEncoder(place.logId);
    this.pending = new PendingRecords(place, writeOffset, tail);
  }

  /** The commit point in force. */
  get point(): CommitPoint {
    return this.#point;
  }

  /** Throws ERR_WAL_FAILED after an error that left nobody knowing what is durable. */
  requireSound(): void {
    if (this.#failure === undefined) return;
    const what = 'an earlier error left the state of the files unknown';
    throw new WalError('ERR_WAL_FAILED', this.#place.path, what, this.#failure.cause);
  }

  /** Commits everything appended so far, groups that wait included, before it returns. */
  commit(): CommitResult {
    this.#finish();
    if (this.pending.count === 0) return this.#nothingToDo();
    return resultOf(this.#runNow(this.#recordsJob()));
  }

  /** Makes `change` of the commit point durable before it returns; the records stay where they are. */
  advance(change: (point: CommitPoint) => CommitPoint): CommitResult {
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

  /** Commits everything appended so far and whatever else is ready soon, off this thread where that has to wait. */
  commitSoon(): Promise<CommitResult> {
    this.#next ??= newGroup();
    const { committed } = this.#next;
    if (!this.#serving) void this.#serve();
    return committed;
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

  /** Ends the job on its way; what is appended behind it is given up. */
  close(reason: Error): void {
    if (this.#running !== undefined) this.#runNow(this.#running);
    this.#next?.reject(reason);
    this.#next = undefined;
    this.pending.clear();
    // Whatever becomes of that: a start finds out by itself what settling would have told it.
    if (this.#failure === undefined && !this.#isSettled) this.#runNow(this.#pointJob(this.#point));
  }

  get #isSettled(): boolean {
    return isCertain(this.#point) && this.#generation === this.#point.generation;
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

  /** Lets everybody who is ready append. A quick flush is over sooner than a turn of the event loop. */
  #gather(): Promise<void> {
    const takesTurn = this.#flushPlace.takesTurn();
    return new Promise((resolve) => {
      if (takesTurn) setImmediate(resolve);
      else process.nextTick(resolve);
    });
  }

  async #commitGroup(): Promise<CommitResult> {
    for (let repairs = 0; ; repairs++) {
      for (let repair = this.#host.exclusiveRepair(); repair !== undefined; repair = this.#host.exclusiveRepair()) await repair;
      this.#host.requireWriter();
      this.requireSound();
      let refusal;
      try {
        const result = await this.#tryGroup();
        if (result.missing.length === 0) return result;
        return { ...result, missing: await this.#host.restoreCopies(result.missing) };
      } catch (error) {
        refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        if (repairs === REPAIRS_PER_GROUP) throw refusal.error;
      }
      await this.#host.repairNamed(refusal.error);
    }
  }

  async #tryGroup(): Promise<CommitResult> {
    if (this.pending.count === 0) return this.#nothingToDo();
    const running = this.#recordsJob();
    const place = this.#flushPlace.next();
    const start = performance.now();
    const ended = place === 'away' ? await this.#runOffThread(running) : this.#runNow(running);
    this.#flushPlace.note(place, performance.now() - start);
    if ('error' in ended) throw ended.error;
    return ended.result;
  }

  #nothingToDo(): CommitResult {
    return { lastSequence: this.#point.lastSequence, missing: [] };
  }

  /** Stores the point alone: all that it names is durable. */
  #pointJob(point: CommitPoint): Running {
    return this.#job(undefined, { ...certainly(point), generation: this.#nextGeneration() });
  }

  #recordsJob(): Running {
    const point = this.#point;
    const batch = this.pending.batch(point.headPage);
    return this.#job(batch, {
      ...point,
      generation: this.#nextGeneration(),
      certainOffset: batch.startOffset,
      certainSequence: point.lastSequence,
      endOffset: batch.endOffset,
      lastSequence: point.lastSequence + batch.count,
    });
  }

  /** Of the slots that the point in force did not use; beats whatever an attempt that was refused has left there. */
  #nextGeneration(): number {
    const isOther = (this.#generation - this.#point.generation) % 2 === 0;
    this.#generation += isOther ? 1 : 2;
    return this.#generation;
  }

  #job(batch: Batch | undefined, point: CommitPoint): Running {
    const job = new CommitJob(this.#place, batch, point, this.#slots.encode(point));
    this.#running = { job, ended: undefined };
    return this.#running;
  }

  /** A job that somebody waits for off this thread ends here; they learn how. */
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

  #settle({ batch, point, outcome }: CommitJob): CommitResult {
    this.#point = point;
    if (batch !== undefined) this.pending.settle(batch);
    return { lastSequence: point.lastSequence, missing: outcome.missing };
  }
}

/** What the job has come to, for somebody who called and waited. */
function resultOf(ended: Ended): CommitResult {
  if ('result' in ended) return ended.result;
  throw refusalOf(ended.error)?.error ?? ended.error;
}
