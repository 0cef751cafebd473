/** Units that go through the journal together: prepared, recorded, written, and struck from the journal again. */
import type { ByteRange } from '../ranges/byte-range.js';
import { coalesce, intersect, intersectAll, rangeEnd, subtract } from '../ranges/byte-range.js';
import { RepairError } from '../errors/errors.js';
import { systemError } from '../errors/system-error.js';
import type { SystemFailure } from '../driver/driver.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import type { Journal, JournalChange } from './journal/journal.js';
import type { Intent, JournalContent } from './journal/content.js';
import { TOO_LARGE } from './journal/journal-errors.js';
import type { AppendedTail } from './appended-tail.js';
import { recordedStates } from './recorded-states.js';
import type { RepairUnit } from './repair-unit.js';

export interface Batch {
  /** The parts of the file that this batch covers, whole units clipped to the file. */
  readonly window: readonly ByteRange[];
  /** Units to be repaired. */
  readonly units: readonly RepairUnit[];
  /** Units that nothing is done to: others have stored into what was lost there. */
  readonly refused: readonly RepairUnit[];
  /** Size of the file that the units were prepared for. */
  readonly fileSizeBytes: number;
}

/** The bytes that the units cover. */
export function bytesOf(units: readonly RepairUnit[]): ByteRange[] {
  return coalesce(units.map((unit) => unit.data));
}

/** True if the batch has the unit that the file ends in: that end may move while the application rebuilds. */
export function hasTail({ units, fileSizeBytes }: Batch): boolean {
  return units.some(({ unit }) => rangeEnd(unit) >= fileSizeBytes);
}

/** What has to be told to the journal about a batch that was written, with the next that it is told. */
export interface Unstruck {
  readonly units: readonly RepairUnit[];
  readonly fileSizeBytes: number;
  readonly change: JournalChange;
}

/**
 * After this, open() finishes what becomes of the batch, or knows that it is lost. Strikes what was written before it
 * in the same replacement of the journal. Throws RepairError with nothing of the batch touched.
 */
export async function recordIntents(
  journal: Journal, unsafe: UnsafeRanges, batch: Batch, written: Unstruck | undefined, assertOpen: () => void,
): Promise<void> {
  const { units, fileSizeBytes } = batch;
  const { path } = journal;
  const intents = units.map((unit) => unit.intent(fileSizeBytes));
  const { unknown, settled, tombstoned, unread } = recordedStates(units);
  const added = (now: JournalContent): JournalContent => {
    const content = written === undefined ? now : written.change(now);
    return {
      intents: [...without(content.intents, intents), ...intents],
      // What was lost before stays lost until the new bytes are there: a process may die before it writes any.
      lost: coalesce([...subtract(content.lost, settled), ...tombstoned]),
      blank: coalesce([...subtract(content.blank ?? [], unknown), ...unread]),
    };
  };
  const before = journal.content;
  const failure = await journal.update(added);
  assertOpen();
  if (failure === undefined) {
    if (written !== undefined) forgetContents(written);
    return;
  }
  if (failure === TOO_LARGE) {
    const message = 'the repair journal would grow too large; nothing was touched';
    throw new RepairError(message, [], { path, ranges: bytesOf(units) });
  }
  await takeBack(journal, unsafe, batch, before);
  throw unwritable('the repair journal cannot be written; nothing was touched', journal, failure, bytesOf(units));
}

/**
 * The units were not touched: their intents must not stay, or the next open() would write them over newer bytes. If
 * they cannot be taken back they are closed to every access, until a repair finishes them, and the result is false.
 */
export async function takeBack(
  journal: Journal, unsafe: UnsafeRanges, { units, fileSizeBytes }: Batch, before: JournalContent,
): Promise<boolean> {
  const ranges = bytesOf(units);
  const isOurs = (intent: Intent): boolean => ranges.some((range) => intersect(intent, range) !== undefined);
  const present = await journal.reload();
  if (present !== undefined && !present.intents.some(isOurs)) return true;
  const failure = present === undefined ? undefined : await journal.update(({ intents, lost, blank = [] }) => ({
    intents: [...intents.filter((intent) => !isOurs(intent)), ...before.intents.filter(isOurs)],
    lost: coalesce([...subtract(lost, ranges), ...intersectAll(before.lost, ranges)]),
    blank: coalesce([...subtract(blank, ranges), ...intersectAll(before.blank ?? [], ranges)]),
  }));
  if (present !== undefined && failure === undefined) {
    // What was read from the disk a moment ago had them as half done.
    unsafe.syncFromJournal(journal.content);
    return true;
  }
  for (const unit of units) closeUnit(unsafe, unit, unit.intent(fileSizeBytes));
  return false;
}

/**
 * Settles what accesses may do with the units of a batch that was written, and what the journal is to say of them.
 * `appended`: the last page, if others have appended to it since.
 */
export function settle(
  unsafe: UnsafeRanges, { units, fileSizeBytes }: Batch, appended: AppendedTail | undefined,
): Unstruck {
  const intentOf = (unit: RepairUnit): Intent | undefined => {
    return unit === appended?.unit ? appended.intent : unit.intent(fileSizeBytes);
  };
  const halfDone: RepairUnit[] = [];
  const ended: ByteRange[] = [];
  const readable: ByteRange[] = [];
  const lost: ByteRange[] = [];
  const blank: ByteRange[] = [];
  for (const unit of units) {
    const { state, data } = unit;
    // Half done, it may hold zeros still: what was lost of it before is lost until its intent is finished.
    if (state === 'half-done') halfDone.push(unit);
    else ended.push(data);
    if (isReadable(unit)) readable.push(data);
    blank.push(...blankOf(unit));
    if (state === 'untouched') {
      // What an earlier repair had lost in a unit that was not touched is still lost.
      lost.push(...unsafe.lostWithin(data), ...unsafe.overwrittenWithin(data));
      blank.push(...unsafe.blankWithin(data));
    } else {
      lost.push(...lossOf(unit));
    }
  }
  unsafe.markRepaired(readable);
  for (const unit of units) {
    if (unit.state === 'untouched') unsafe.addMet(unit.lost);
    else if (unit.state === 'half-done') closeUnit(unsafe, unit, intentOf(unit));
    // Each call shuts the window of the file: thousands of units that lost nothing make none.
    else if (unit.tombstoned.length > 0) unsafe.addLost(unit.tombstoned, unit.tombstoned);
  }
  const places = units.map(({ data }) => data);
  const change: JournalChange = (content) => ({
    intents: [...without(content.intents, places), ...halfDone.flatMap((unit) => intentOf(unit) ?? [])],
    lost: coalesce([...subtract(content.lost, ended), ...lost]),
    blank: coalesce([...subtract(content.blank ?? [], places), ...blank]),
  });
  return { units, fileSizeBytes, change };
}

/** Strikes what was written from the journal, keeps what is half done. Throws RepairError if the journal resists. */
export async function strikeIntents(journal: Journal, unsafe: UnsafeRanges, written: Unstruck): Promise<void> {
  const { units, fileSizeBytes, change } = written;
  const failure = await journal.update(change);
  if (failure === undefined) {
    forgetContents(written);
    return;
  }
  // The intents are still on disk: the next open() would write them over anything stored in between.
  for (const unit of units) closeUnit(unsafe, unit, unit.intent(fileSizeBytes));
  const message = 'the units were written, but their intents could not be dropped from the journal';
  throw unwritable(message, journal, failure, bytesOf(units));
}

/** The units are struck: what they were to hold is needed no longer, and thousands of them may follow. */
function forgetContents({ units }: Unstruck): void {
  for (const unit of units) unit.forgetContent();
}

/**
 * Its old bytes are gone and its new ones are not safe: closed to every access until a repair finishes it. What was not
 * supplied stays lost, also when the next open() writes the intent. Without an intent it is bad, as any other page.
 */
function closeUnit(unsafe: UnsafeRanges, unit: RepairUnit, intent: Intent | undefined): void {
  if (intent === undefined) unsafe.addMet([unit.data]);
  else unsafe.addUnfinished(intent);
  unsafe.addLost(lossOf(unit));
}

/** What was not supplied; of a unit that is half done and kept nowhere, all, whatever it reads as. */
function lossOf({ state, suppliable, data, tombstoned }: RepairUnit): readonly ByteRange[] {
  return suppliable && state === 'half-done' ? [data] : tombstoned;
}

/** What is lost of a unit that was written: zeros are there, unless others have stored since. */
export function blankOf(unit: RepairUnit): readonly ByteRange[] {
  return isReadable(unit) ? unit.tombstoned : [];
}

/** The unit was written, and reads well now. */
function isReadable({ state }: RepairUnit): boolean {
  return state === 'repaired' || state === 'holds-others';
}

/** The intents but those of the units at the offsets of `removed`. */
function without(intents: readonly Intent[], removed: readonly ByteRange[]): readonly Intent[] {
  if (intents.length === 0) return intents;
  const offsets = new Set(removed.map(({ offset }) => offset));
  return intents.filter(({ offset }) => !offsets.has(offset));
}

function unwritable(message: string, journal: Journal, failure: SystemFailure, ranges: readonly ByteRange[]): RepairError {
  const { path } = journal;
  const cause = systemError('cannot write the repair journal', failure, { path });
  return new RepairError(message, [], { path, ranges, cause });
}
