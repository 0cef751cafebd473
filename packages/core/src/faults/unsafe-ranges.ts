import type { ByteRange } from '../ranges/byte-range.js';
import { coalesce, intersect, intersectAll, subtract } from '../ranges/byte-range.js';
import { RangeSet } from '../ranges/range-set.js';
import type { Intent, JournalContent } from '../repair/journal/content.js';
import { settledBlank } from '../repair/journal/content.js';

/**
 * The bytes of one open file that must not simply be accessed: known media errors, bytes whose loss a repair
 * recorded, units that a repair holds right now. While there is none, short accesses look at nothing; otherwise all
 * ask isEmptyAt().
 */
export class UnsafeRanges {
  /** Media errors that the kernel lists, without blocks that were never written. */
  readonly #listed = new RangeSet();
  /** Media errors that an access of this process met. */
  readonly #met = new RangeSet();
  readonly #lost = new RangeSet();
  /** Ranges in which a repair left zeros for what was lost: any other byte there was stored since. */
  readonly #blank = new RangeSet();
  /** Stores of others into lost bytes that this application was shown. */
  readonly #shown = new RangeSet();
  /** Lost bytes that were written over but are still in the journal: dropped there once persisted. */
  readonly #overwritten = new RangeSet();
  readonly #busy = new RangeSet();
  /** Bytes that the kernel may have dropped: no persist of them succeeds until they are written again. */
  readonly #unpersisted = new RangeSet();
  /** Units half repaired, with what they are to hold if it is known: neither readable nor writable. */
  readonly #unfinished = new Map<number, Intent>();
  readonly #ofBytes = [this.#listed, this.#met, this.#lost, this.#blank, this.#shown, this.#overwritten,
    this.#unpersisted];
  readonly #appeared: () => void;
  #isEmpty = true;
  #listReadings = 0;

  /** `appeared` is called with each change after which there is anything to avoid. */
  constructor(appeared: () => void = () => undefined) {
    this.#appeared = appeared;
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** True if the range holds nothing that must not simply be accessed: O(log n), and nothing is allocated. */
  isEmptyAt(offset: number, length: number): boolean {
    if (this.#isEmpty) return true;
    return (
      this.#unfinished.size === 0 &&
      !this.#listed.holdsAnyOf(offset, length) &&
      !this.#met.holdsAnyOf(offset, length) &&
      !this.#lost.holdsAnyOf(offset, length) &&
      !this.#unpersisted.holdsAnyOf(offset, length) &&
      !this.#busy.holdsAnyOf(offset, length)
    );
  }

  /** Something here comes from the journal. */
  get hasJournaled(): boolean {
    return this.#unfinished.size > 0 || !this.#lost.isEmpty || !this.#overwritten.isEmpty;
  }

  knownBadWithin(range: ByteRange): ByteRange[] {
    const listed = this.#listed.within(range);
    const more = [...this.#met.within(range), ...this.unfinishedWithin(range)];
    return more.length === 0 ? listed : coalesce([...listed, ...more]);
  }

  unfinishedWithin(range: ByteRange): ByteRange[] {
    if (this.#unfinished.size === 0) return [];
    return [...this.#unfinished.values()].flatMap((unit) => intersect(unit, range) ?? []);
  }

  get unfinished(): Intent[] {
    return [...this.#unfinished.values()];
  }

  unfinishedAt(offset: number): Intent | undefined {
    return this.#unfinished.get(offset);
  }

  /** Copies the content, which may be a small part of a large buffer. */
  addUnfinished(intent: Intent): void {
    const { content } = intent;
    const own = content === undefined ? undefined : Uint8Array.from(content);
    this.#unfinished.set(intent.offset, { ...intent, content: own });
    this.#update();
  }

  /**
   * Takes over what the journal on disk says: another process may have recorded losses, finished a repair, or written
   * over lost bytes. Lost bytes that were written over here stay readable; the journal still has them until persist().
   */
  syncFromJournal(content: JournalContent): void {
    const { intents, lost } = content;
    this.#unfinished.clear();
    for (const intent of intents) this.#unfinished.set(intent.offset, intent);
    this.#overwritten.replaceWith(intersectAll(this.#overwritten.ranges, lost));
    this.#lost.replaceWith(subtract(lost, this.#overwritten.ranges));
    this.#blank.replaceWith(settledBlank(content));
    this.#update();
  }

  /** Nothing is known of the range but, at most, that the kernel lists it: O(log n), and nothing is allocated. */
  isUntold(offset: number, length: number): boolean {
    // Blank and shown bytes are lost ones.
    if (this.#unfinished.size > 0 || this.#met.holdsAnyOf(offset, length)) return false;
    return !this.#lost.holdsAnyOf(offset, length);
  }

  /** Bytes on which an access of this process met a media error: not to be touched again, even to salvage them. */
  metWithin(range: ByteRange): ByteRange[] {
    return this.#met.within(range);
  }

  hasMet(range: ByteRange): boolean {
    return this.#met.overlaps(range);
  }

  lostWithin(range: ByteRange): ByteRange[] {
    return this.#lost.within(range);
  }

  /** Lost bytes that are zeros on the medium, unless another process has stored there since. */
  blankWithin(range: ByteRange): ByteRange[] {
    return this.#blank.isEmpty ? [] : intersectAll(this.#lost.within(range), this.#blank.within(range));
  }

  /** The application knows of these: a repair supplies what is still lost around them. */
  noteShown(ranges: readonly ByteRange[]): void {
    this.#shown.addAll(ranges);
  }

  shownWithin(range: ByteRange): ByteRange[] {
    return this.#shown.within(range);
  }

  get overwritten(): ByteRange[] {
    return this.#overwritten.ranges;
  }

  overwrittenWithin(range: ByteRange): ByteRange[] {
    return this.#overwritten.within(range);
  }

  isBusy(range: ByteRange): boolean {
    return this.#busy.overlaps(range);
  }

  get busy(): ByteRange[] {
    return this.#busy.ranges;
  }

  busyWithin(range: ByteRange): ByteRange[] {
    return this.#busy.within(range);
  }

  listedWithin(range: ByteRange): ByteRange[] {
    return this.#listed.within(range);
  }

  /**
   * Changes with each reading of the kernel's list that was taken over, and with each repair and resize: a reading that
   * was begun before says less than what is known by now.
   */
  get listReadings(): number {
    return this.#listReadings;
  }

  /**
   * Takes over a new reading of the kernel's list for one part of the file. What was listed there and no longer is has
   * been repaired, by this process or another.
   */
  replaceListed(within: ByteRange, ranges: readonly ByteRange[]): void {
    this.#met.removeAll(subtract(this.#listed.within(within), ranges));
    this.#listed.remove(within);
    this.#listed.addAll(ranges);
    this.#listReadings++;
    this.#update();
  }

  addMet(ranges: Iterable<ByteRange>): void {
    this.#met.addAll(ranges);
    this.#update();
  }

  /** These were asked again, and can be read. */
  forgetMet(ranges: readonly ByteRange[]): void {
    this.#met.removeAll(ranges);
    this.#update();
  }

  /** These were asked again: the file has other blocks there by now, or none. */
  forgetListed(ranges: readonly ByteRange[]): void {
    this.#listed.removeAll(ranges);
    this.#update();
  }

  /** A flush failed: the kernel may have dropped what was stored in these bytes, and calls their pages clean. */
  addUnpersisted(ranges: Iterable<ByteRange>): void {
    this.#unpersisted.addAll(ranges);
    this.#update();
  }

  unpersistedWithin(range: ByteRange): ByteRange[] {
    return this.#unpersisted.within(range);
  }

  /** `blank`: those of the ranges that hold zeros, written and read back. */
  addLost(ranges: readonly ByteRange[], blank: Iterable<ByteRange> = []): void {
    this.#lost.addAll(ranges);
    this.#overwritten.removeAll(ranges);
    this.#shown.removeAll(ranges);
    this.#blank.removeAll(ranges);
    this.#blank.addAll(blank);
    this.#update();
  }

  /**
   * Of what the journal on disk once said, what it does not name any more is repaired. A unit whose repair gave up is
   * named as lost there. Nothing new is taken over: what another process repairs now is not known to be bad here.
   */
  forgetRepairedElsewhere(content: JournalContent): void {
    const { intents, lost } = content;
    this.#blank.replaceWith(intersectAll(this.#blank.ranges, settledBlank(content)));
    this.#lost.replaceWith(intersectAll(this.#lost.ranges, [...lost, ...intents]));
    const pending = new Set(intents.map(({ offset }) => offset));
    for (const unit of this.#unfinished.values()) {
      if (pending.has(unit.offset)) continue;
      this.#unfinished.delete(unit.offset);
      this.#lost.addAll(intersectAll(lost, [unit]));
    }
    this.#update();
  }

  /** The application stored these bytes: they are lost no longer, in the journal once they are persisted. */
  noteWritten(range: ByteRange): void {
    for (const lost of this.#lost.within(range)) {
      this.#lost.remove(lost);
      this.#overwritten.add(lost);
    }
    this.#unpersisted.remove(range);
    this.#update();
  }

  dropOverwritten(range: ByteRange): void {
    this.#overwritten.remove(range);
    this.#update();
  }

  markBusy(ranges: Iterable<ByteRange>): void {
    this.#busy.addAll(ranges);
    this.#update();
  }

  releaseBusy(ranges: readonly ByteRange[]): void {
    this.#busy.removeAll(ranges);
    this.#update();
  }

  /** A repair made these units usable and knows what every byte of them holds. */
  markRepaired(units: readonly ByteRange[]): void {
    this.#listReadings++;
    for (const set of this.#ofBytes) set.removeAll(units);
    for (const { offset } of units) this.#unfinished.delete(offset);
    this.#update();
  }

  /** Forgets everything past the new end of the file. */
  clip(sizeBytes: number): void {
    const past: ByteRange = { offset: sizeBytes, length: Number.MAX_SAFE_INTEGER - sizeBytes };
    this.#listReadings++;
    for (const set of this.#ofBytes) set.remove(past);
    for (const offset of [...this.#unfinished.keys()]) if (offset >= sizeBytes) this.#unfinished.delete(offset);
    this.#update();
  }

  #update(): void {
    this.#isEmpty =
      this.#listed.isEmpty &&
      this.#met.isEmpty &&
      this.#lost.isEmpty &&
      this.#overwritten.isEmpty &&
      this.#busy.isEmpty &&
      this.#unpersisted.isEmpty &&
      this.#unfinished.size === 0;
    if (!this.#isEmpty) this.#appeared();
  }
}
