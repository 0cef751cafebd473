/** One unit on its way through a repair, as a small state machine: the only file that changes its state. */
import type { FileFacts } from '../driver/driver.js';
import { isMediaErrno } from '../faults/classify.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { rangeBetween } from '../ranges/byte-range.js';
import type { Intent } from './journal/content.js';
import type { RepairAttempt, RepairStrategy } from './types.js';

/**
 * The progress of a unit.
 *
 * ```
 *   untouched ──> half-done ──> repaired
 *       │             │
 *       └─────────────┴───────> holds-others
 * ```
 *
 * - `untouched`: nothing has reached it. It is what it was found to be.
 * - `half-done`: a reset or a write reached it, of this repair or of one that was cut off. What it was is gone, and
 *   what it is to be is not verified: its intent has to stay in the journal. A strategy that fails leaves it so.
 * - `repaired`: it was written, persisted and read back.
 * - `holds-others`: it reads well, and what it holds is neither what was written nor zeros: another process has stored
 *   there, or the device gives other bytes than it was given. Nothing more is written to it, and nothing of it is
 *   hidden.
 */
export type UnitState = 'untouched' | 'half-done' | 'repaired' | 'holds-others';

/** The place of a unit. */
export interface UnitPlace {
  /** The whole aligned unit; the last one of a file may reach past its end. */
  readonly unit: ByteRange;
  /** The unit clipped to the file. */
  readonly data: ByteRange;
}

/** A unit as it was found, before anything is done to it. */
export interface FoundUnit extends UnitPlace {
  /** The bytes that `data` is to hold; the lost ones may still have to be supplied. */
  readonly content: Uint8Array;
  /** Bytes that the unit cannot give back. */
  readonly lost: readonly ByteRange[];
  /** The block is shared with another file (reflink). */
  readonly shared: boolean;
  /** The kernel's list has a block of the unit. False if there is no list. */
  readonly listed: boolean;
  /** A bad block of the unit lies where a process may have mapped 2 MiB by one entry. */
  readonly mayBeHuge: boolean;
  /** Result of a pread(2) of the unit: 0, or an errno that says that the medium cannot give the bytes. */
  readonly readErrno: number;
  /** Others have stored where the bytes to be supplied were lost. */
  readonly holdsOthers: boolean;
}

/** Sources of the lost bytes of a unit. */
export interface Supply {
  readonly rebuilt: readonly ByteRange[];
  readonly filled: readonly ByteRange[];
  /** Not supplied: they stay lost. */
  readonly tombstoned: readonly ByteRange[];
  /** Nothing was left of the unit and the application can supply it again: its intent is bare. */
  readonly suppliable: boolean;
}

export interface StepFailure {
  readonly step: string;
  readonly errno: number;
}

/** Content of a unit that is not written, or not any more. */
export const NOTHING = new Uint8Array(0);

/** One for thousands of units; frozen, since receipts show it. */
const NO_ATTEMPTS: readonly RepairAttempt[] = Object.freeze([]);

export class RepairUnit implements UnitPlace, Supply {
  readonly unit: ByteRange;
  readonly data: ByteRange;
  readonly lost: readonly ByteRange[];
  readonly shared: boolean;
  readonly listed: boolean;
  readonly mayBeHuge: boolean;
  readonly rebuilt: readonly ByteRange[];
  readonly filled: readonly ByteRange[];
  readonly tombstoned: readonly ByteRange[];
  readonly suppliable: boolean;
  #attempts: readonly RepairAttempt[] = NO_ATTEMPTS;
  #content: Uint8Array;
  #readErrno: number;
  #isUnanswered = false;
  #isZeroed = false;
  #isLengthened = false;
  #state: UnitState;
  #strategy: RepairStrategy | undefined;

  /** `isHalfDone`: an earlier repair left it so. */
  constructor(found: FoundUnit, supply: Supply, isHalfDone: boolean) {
    this.unit = found.unit;
    this.data = found.data;
    this.lost = found.lost;
    this.shared = found.shared;
    this.listed = found.listed;
    this.mayBeHuge = found.mayBeHuge;
    this.rebuilt = supply.rebuilt;
    this.filled = supply.filled;
    this.tombstoned = supply.tombstoned;
    this.suppliable = supply.suppliable;
    this.#content = found.content;
    this.#readErrno = found.readErrno;
    this.#state = found.holdsOthers ? 'holds-others' : isHalfDone ? 'half-done' : 'untouched';
  }

  /** The file ends inside it. */
  get isTail(): boolean {
    return this.data.length < this.unit.length;
  }

  /** Nothing of it could be read when it was read last, and all of it is lost. */
  get isGone(): boolean {
    return this.#readErrno !== 0 && isAllOf(this.data, this.lost);
  }

  get state(): UnitState {
    return this.#state;
  }

  /** The bytes that `data` is to hold; none after forgetContent(). */
  get content(): Uint8Array {
    return this.#content;
  }

  /** Result of the last pread of the unit: 0, or an errno. At first it is one that speaks of the medium. */
  get readErrno(): number {
    return this.#readErrno;
  }

  /** The last look at it got an errno of the moment: what others may have stored there is not known. */
  get isUnanswered(): boolean {
    return this.#isUnanswered;
  }

  /** This repair has reset it: since then it holds zeros, what this repair has written, and what others have stored. */
  get isZeroed(): boolean {
    return this.#isZeroed;
  }

  /** Of the last page: a write of all of it may have made the file longer, and nothing has cut that off yet. */
  get isLengthened(): boolean {
    return this.#isLengthened;
  }

  /** Every step that failed, in order. */
  get attempts(): readonly RepairAttempt[] {
    return this.#attempts;
  }

  /** The strategy that is being tried; of a repaired unit, the one that worked. */
  get strategy(): RepairStrategy | undefined {
    return this.#strategy;
  }

  /** The intent to write the content to a file of `fileSizeBytes`. */
  intent(fileSizeBytes: number): Intent {
    const { offset, length } = this.data;
    return { offset, length, content: this.suppliable ? undefined : this.#content, fileSizeBytes };
  }

  /** From here on `strategy` is tried. */
  begin(strategy: RepairStrategy): void {
    this.#strategy = strategy;
  }

  /** A reset has reached the unit. */
  zeroed(): void {
    this.#isZeroed = true;
    this.altered();
  }

  /** A write, or part of one, has reached the unit. */
  altered(): void {
    if (this.#state === 'untouched') this.#state = 'half-done';
  }

  /** A write may have reached past the end of the file, or what it has added is cut off, or was written by others. */
  lengthened(isLengthened: boolean): void {
    this.#isLengthened = isLengthened;
  }

  /** The strategy that is being tried has failed. */
  failed(failure: StepFailure): void {
    const attempt = { range: this.data, strategy: this.#strategy as RepairStrategy, ...failure };
    this.#attempts = [...this.#attempts, attempt];
    this.#strategy = undefined;
  }

  /** The unit holds its content, persisted and read back. */
  verified(): void {
    this.#state = 'repaired';
  }

  /** The unit reads well, and holds neither what was written nor zeros. */
  foundOthers(): void {
    this.#state = 'holds-others';
  }

  /** The unit was read once more, after a refusal. */
  readAgain(errno: number, facts: Pick<FileFacts, 'remote'>): void {
    this.#readErrno = errno;
    this.#isUnanswered = errno !== 0 && !isMediaErrno(errno, facts);
  }

  /** Of thousands of units the contents are not kept until the repair ends. */
  forgetContent(): void {
    this.#content = NOTHING;
  }
}

/** The ranges, which lie in `data`, are all of it: nothing is left. */
export function isAllOf(data: ByteRange, lost: readonly ByteRange[]): boolean {
  return lost.length === 1 && lost[0]?.length === data.length;
}

/** All zeros: a zero-range, a hole and a file that was cut off leave such bytes, so they prove nothing. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** The unit at `offset`, clipped to the file as `data`. `offset` is aligned and inside the file. */
export function placeOfUnit(offset: number, unitBytes: number, fileSizeBytes: number): UnitPlace {
  const unit: ByteRange = { offset, length: unitBytes };
  return { unit, data: offset + unitBytes <= fileSizeBytes ? unit : rangeBetween(offset, fileSizeBytes) };
}
