/**
 * Making records durable, in four phases: store the new bytes in every file, persist them, store the commit point in
 * every copy, persist that. The phases that wait for the medium can run on this thread or off it, and a job that waits
 * off it can be taken over and ended on it.
 */
import type { CommitPoint } from './header-page.js';
import { encodeSlot, slotOffset } from './header-page.js';
import { PAGE_BYTES, SLOT_BYTES } from './format.js';
import type { Damage, Member } from './members.js';
import { damageOf, damageReason, storeDurably } from './members.js';
import type { Batch } from './pending-records.js';
import type { LogPlace } from './read-pages.js';
import { WalError } from './wal-error.js';

/** A range that has to be persisted before the next phase, and the header copies whose slots lie in it. */
interface PersistRequest {
  readonly member: Member;
  readonly offset: number;
  readonly length: number;
  /** File positions; empty for the bytes of records. */
  readonly copies: readonly number[];
}

export interface CommitOutcome {
  /** Copies that did not take the commit point. */
  readonly missing: readonly Damage[];
}

export class CommitJob {
  readonly point: CommitPoint;
  readonly batch: Batch | undefined;
  readonly #place: LogPlace;
  #requests: readonly PersistRequest[] = [];
  #phase: 'not begun' | 'records' | 'commit point' = 'not begun';
  #stored = 0;
  readonly #missing: Damage[] = [];
  readonly #refusals: unknown[] = [];
  #outcome: CommitOutcome | undefined;

  /**
   * Stores the bytes of `batch`, where there is one, and then `point` as the commit point. Nothing is durable yet: run
   * it. Throws, as run() does, what leaves the log as it was and what does not; see `refusalOf`.
   */
  constructor(place: LogPlace, batch: Batch | undefined, point: CommitPoint) {
    this.#place = place;
    this.batch = batch;
    this.point = point;
  }

  /** Undefined until the commit point is durable. */
  get outcome(): CommitOutcome | undefined {
    return this.#outcome;
  }

  /**
   * Does the job, or what is left of it, on this thread. Throws where it cannot be done: `refusalOf` tells what leaves
   * the log as it was from what does not.
   */
  run(): void {
    this.#begin();
    while (this.#outcome === undefined) {
      const requests = this.#requests;
      this.#advance(requests, persistNow(requests));
    }
  }

  /** run() off this thread. Where run() is called meanwhile, it leaves the rest alone. */
  async runAsync(): Promise<void> {
    this.#begin();
    while (this.#outcome === undefined) {
      const requests = this.#requests;
      const errors = await Promise.all(
        requests.map(({ member, offset, length }) =>
          member.file.persistAsync(offset, length).then(
            () => undefined,
            (error: unknown) => error,
          ),
        ),
      );
      if (requests !== this.#requests) return;
      this.#advance(requests, errors);
    }
  }

  #begin(): void {
    if (this.#phase !== 'not begun') return;
    if (this.batch === undefined) this.#storeCommitPoint();
    else this.#storeRecords(this.batch);
  }

  #storeRecords({ writes, skipped }: Batch): void {
    this.#phase = 'records';
    const { members, ring } = this.#place;
    for (const member of members) {
      // A page that is stepped over must not keep fragments of an earlier attempt; where it cannot be stored to, it
      // cannot be read either, or whoever repairs it will.
      for (const { pageNumber, from } of skipped) {
        storeDurably(member, ring.positionOf(pageNumber) + from, new Uint8Array(PAGE_BYTES - from));
      }
      for (const { pageNumber, image, from, to } of writes) {
        this.#try(() => {
          member.file.write(image.subarray(from, to), ring.positionOf(pageNumber) + from);
        });
      }
    }
    this.#throwRefusal();
    this.#requests = members.flatMap((member) => this.#runsOf(member, writes));
  }

  /** Pages that lie one behind the other persist as one range. */
  #runsOf(member: Member, writes: Batch['writes']): PersistRequest[] {
    const runs: { member: Member; offset: number; length: number; copies: readonly number[] }[] = [];
    for (const { pageNumber, from, to } of writes) {
      const offset = this.#place.ring.positionOf(pageNumber) + from;
      const last = runs.at(-1);
      if (last !== undefined && last.offset + last.length === offset) last.length += to - from;
      else runs.push({ member, offset, length: to - from, copies: [] });
    }
    return runs;
  }

  /**
   * The point goes into the slot that the one before it did not use, so that a power loss at any moment leaves each
   * copy with at least one of the two. The one before it has to be durable, or given up for good, by now.
   */
  #storeCommitPoint(): void {
    this.#phase = 'commit point';
    const { members, ring, logId } = this.#place;
    const slot = encodeSlot(logId, this.point);
    const offsetInPage = slotOffset(this.point.generation);
    const requests: PersistRequest[] = [];
    for (const member of members) {
      const copies: number[] = [];
      for (const position of ring.headerPositions) {
        const reason = this.#try(() => {
          member.file.write(slot, position + offsetInPage);
        });
        if (reason === undefined) copies.push(position);
        else this.#missing.push(damageOf(member, position, reason, this.#refusals.at(-1)));
      }
      requests.push(...persistCopies(member, copies, offsetInPage, ring.headerPositions.length));
    }
    this.#requests = requests;
    if (requests.length === 0) this.#end();
  }

  /** Goes on to the next phase. `errors` are those of the requests, undefined where none failed. */
  #advance(requests: readonly PersistRequest[], errors: readonly unknown[] | undefined): void {
    const again: PersistRequest[] = [];
    for (let i = 0; i < requests.length; i++) {
      const { member, copies } = requests[i] as PersistRequest;
      const error = errors?.[i];
      if (error === undefined) {
        this.#stored += copies.length;
        continue;
      }
      const reason = this.#refuse(error);
      if (copies.length === 1) this.#missing.push(damageOf(member, copies[0] as number, reason, error));
      // Some page between the copies refused; each copy has to answer for itself.
      else again.push(...copies.map((position) => persistSlot(member, position, slotOffset(this.point.generation))));
    }
    if (this.#phase === 'records') {
      this.#throwRefusal();
      this.#storeCommitPoint();
    } else if (again.length > 0) {
      this.#requests = again;
    } else {
      this.#end();
    }
  }

  #end(): void {
    this.#requests = [];
    if (this.#stored === 0) {
      const worst = this.#missing.find(({ reason }) => reason !== 'busy');
      if (worst !== undefined) throw new Refusal(worst.cause);
      const { path } = (this.#place.members[0] as Member).file;
      throw new Refusal(new WalError('ERR_WAL_BUSY', path, 'a repair holds every header copy', this.#missing[0]?.cause));
    }
    this.#outcome = { missing: this.#missing };
  }

  #try(action: () => void): Damage['reason'] | undefined {
    try {
      action();
      return undefined;
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** Why the medium refuses; throws anything else, after which nobody knows what is durable. */
  #refuse(error: unknown): Damage['reason'] {
    const reason = damageReason(error);
    if (reason === undefined) throw error;
    this.#refusals.push(error);
    return reason;
  }

  #throwRefusal(): void {
    if (this.#refusals.length > 0) throw new Refusal(this.#refusals[0]);
  }
}

function persistNow(requests: readonly PersistRequest[]): unknown[] | undefined {
  let errors: unknown[] | undefined;
  for (let i = 0; i < requests.length; i++) {
    const { member, offset, length } = requests[i] as PersistRequest;
    try {
      member.file.persist(offset, length);
    } catch (error) {
      errors ??= [];
      errors[i] = error;
    }
  }
  return errors;
}

/** Carries an error that leaves the log as it was: what has been stored lies behind the commit point. */
class Refusal extends Error {
  constructor(cause: unknown) {
    super('refused', { cause });
  }
}

/** The error inside, where `error` leaves the log as it was; undefined where nobody knows what is durable. */
export function refusalOf(error: unknown): { readonly error: unknown } | undefined {
  return error instanceof Refusal ? { error: error.cause } : undefined;
}

/**
 * msync(2) stores what is dirty and costs a flush of the device for each call, so one call from the first copy to the
 * last is cheapest. Cache lines are flushed one by one, whether dirty or not.
 */
function persistCopies(
  member: Member,
  copies: readonly number[],
  offsetInPage: number,
  allCopies: number,
): PersistRequest[] {
  if (copies.length < allCopies || member.flushesLines) {
    return copies.map((position) => persistSlot(member, position, offsetInPage));
  }
  const first = copies[0] as number;
  return [{ member, offset: first, length: (copies.at(-1) as number) + PAGE_BYTES - first, copies }];
}

function persistSlot(member: Member, position: number, offsetInPage: number): PersistRequest {
  return { member, offset: position + offsetInPage, length: SLOT_BYTES, copies: [position] };
}
