/** Units that go through the journal together: prepared, recorded, written, and struck from the journal again. */
import type { ByteRange } from '../ranges/byte-range.js';
import { coalesce, intersect, intersectAll, rangeEnd, subtract } from '../ranges/byte-range.js';
import { RepairError } from '../errors/errors.js';
import { systemError } from '../errors/system-error.js';
import type { SystemFailure } from '../driver/driver.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import type { Journal, JournalChange } from './journal/journal.js';
import type { Intent, JournalContent } from './journal/format.js';
import { journalFits } from './journal/format.js';
import type { PreparedUnit } from './prepare-units.js';
import { intentOf, isOpen } from './unit-work.js';

export interface Batch {
  /** The parts of the file that this batch covers, whole units clipped to the file. */
  readonly window: readonly ByteRange[];
  readonly works: readonly PreparedUnit[];
  /** Units that nothing is done to: others have stored into what was lost there. */
  readonly refused: readonly PreparedUnit[];
  /** Size of the file that the works were made for. */
  readonly fileSizeBytes: number;
}

export function unitsOf(works: readonly PreparedUnit[]): ByteRange[] {
  return coalesce(works.map((work) => work.data));
}

/** True if the batch has the unit that the file ends in: that end may move while the application rebuilds. */
export function hasTail({ works, fileSizeBytes }: Batch): boolean {
  return works.some((work) => rangeEnd(work.unit) >= fileSizeBytes);
}

/** What has to be told to the journal about a batch that was written, with the next that it is told. */
export interface Unstruck {
  readonly works: readonly PreparedUnit[];
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
  const { works, fileSizeBytes } = batch;
  const { path } = journal;
  const units = unitsOf(works);
  const intents = works.map((work) => intentOf(work, fileSizeBytes));
  // Where nothing is supplied, an intent has zeros for what is lost, and what others have stored.
  const isUnsupplied = ({ rebuilt, filled }: PreparedUnit): boolean => rebuilt.length + filled.length === 0;
  const unsupplied = works.filter(isUnsupplied).map(({ data }) => data);
  const halfDone = works.filter(({ altered }) => altered).map(({ data }) => data);
  // A page that no read could give holds what is written now, once it can be read.
  const unread = works.filter((work) => isGone(work) && !work.altered).flatMap((work) => work.tombstoned);
  const added = (now: JournalContent): JournalContent => {
    const content = written === undefined ? now : written.change(now);
    return {
      intents: [...without(content.intents, intents), ...intents],
      // What was lost before stays lost until the new bytes are there: a process may die before it writes any.
      lost: coalesce([...subtract(content.lost, unsupplied), ...works.flatMap((work) => work.tombstoned)]),
      blank: coalesce([...subtract(content.blank ?? [], halfDone), ...unread]),
    };
  };
  const before = journal.content;
  if (!journalFits(added(before))) {
    throw new RepairError('the repair journal would grow too large; nothing was touched', [], { path, ranges: units });
  }
  const failure = await journal.update(added);
  assertOpen();
  if (failure === undefined) return;
  await takeBack(journal, unsafe, batch, before);
  throw unwritable('the repair journal cannot be written; nothing was touched', journal, failure, units);
}

/**
 * The units were not touched: their intents must not stay, or the next open() would write them over newer bytes. If
 * they cannot be taken back they are closed to every access, until a repair finishes them.
 */
export async function takeBack(journal: Journal, unsafe: UnsafeRanges, { works, fileSizeBytes }: Batch, before: JournalContent): Promise<void> {
  const units = unitsOf(works);
  const present = await journal.reload();
  const remains = present?.intents.some((intent) => units.some((unit) => intersect(intent, unit) !== undefined));
  if (present !== undefined && remains !== true) return;
  const isOurs = (intent: Intent): boolean => units.some((unit) => intersect(intent, unit) !== undefined);
  const failure = present === undefined ? undefined : await journal.update(({ intents, lost, blank = [] }) => ({
    intents: [...intents.filter((intent) => !isOurs(intent)), ...before.intents.filter(isOurs)],
    lost: coalesce([...subtract(lost, units), ...intersectAll(before.lost, units)]),
    blank: coalesce([...subtract(blank, units), ...intersectAll(before.blank ?? [], units)]),
  }));
  if (present !== undefined && failure === undefined) {
    // What was read from the disk a moment ago had them as half done.
    unsafe.syncFromJournal(journal.content);
    return;
  }
  for (const work of works) closeUnit(unsafe, work, fileSizeBytes);
}

/** Settles what accesses may do with the units of a batch that was written, and what the journal is to say of them. */
export function settle(unsafe: UnsafeRanges, { works, fileSizeBytes }: Batch): Unstruck {
  const units = unitsOf(works);
  const open = works.filter(isOpen);
  // What an earlier repair had lost in a unit that was not touched is still lost.
  const untouched = works.filter(isUntouched);
  const lostBefore = untouched.flatMap(({ data }) => [...unsafe.lostWithin(data), ...unsafe.overwrittenWithin(data)]);
  const blank = [...untouched.flatMap(({ data }) => unsafe.blankWithin(data)), ...works.flatMap(blankOf)];
  const lostNow = works.filter((work) => !isUntouched(work)).flatMap(lossOf);
  unsafe.markRepaired(works.filter((work) => !isUntouched(work) && !isOpen(work)).map((work) => work.data));
  for (const work of works) {
    if (isUntouched(work)) unsafe.addMet(work.lost);
    else if (isOpen(work)) closeUnit(unsafe, work, fileSizeBytes);
    else unsafe.addLost(work.tombstoned, work.tombstoned);
  }
  const change: JournalChange = (content) => ({
    intents: [
      ...without(content.intents, works.map((work) => intentOf(work, fileSizeBytes))),
      ...open.map((work) => intentOf(work, fileSizeBytes)),
    ],
    lost: coalesce([...subtract(content.lost, units), ...lostNow, ...lostBefore]),
    blank: coalesce([...subtract(content.blank ?? [], units), ...blank]),
  });
  return { works, fileSizeBytes, change };
}

/** Strikes what was written from the journal, keeps what is half done. Throws RepairError if the journal resists. */
export async function strikeIntents(journal: Journal, unsafe: UnsafeRanges, written: Unstruck): Promise<void> {
  const { works, fileSizeBytes, change } = written;
  const failure = await journal.update(change);
  if (failure === undefined) return;
  // The intents are still on disk: the next open() would write them over anything stored in between.
  for (const work of works) closeUnit(unsafe, work, fileSizeBytes);
  const message = 'the units were written, but their intents could not be dropped from the journal';
  throw unwritable(message, journal, failure, unitsOf(works));
}

/**
 * Its old bytes are gone and its new ones are not safe: closed to every access until a repair finishes it. What was not
 * supplied stays lost, also when the next open() writes the intent.
 */
function closeUnit(unsafe: UnsafeRanges, work: PreparedUnit, fileSizeBytes: number): void {
  unsafe.addUnfinished(intentOf(work, fileSizeBytes));
  unsafe.addLost(lossOf(work));
}

/** What was not supplied; of a unit that is half done and kept nowhere, all, whatever it reads as. */
function lossOf(work: PreparedUnit): readonly ByteRange[] {
  return work.suppliable && isOpen(work) ? [work.data] : work.tombstoned;
}

/** What is lost of a unit that was written: zeros are there, unless others have stored since. */
export function blankOf(work: PreparedUnit): readonly ByteRange[] {
  return isUntouched(work) || isOpen(work) ? [] : work.tombstoned;
}

function isGone({ readErrno, lost, data }: PreparedUnit): boolean {
  return readErrno !== 0 && lost.length === 1 && lost[0]?.length === data.length;
}

function isUntouched({ strategy, altered }: PreparedUnit): boolean {
  return strategy === undefined && !altered;
}

function without(intents: readonly Intent[], removed: readonly Intent[]): Intent[] {
  const offsets = new Set(removed.map((intent) => intent.offset));
  return intents.filter((intent) => !offsets.has(intent.offset));
}

function unwritable(message: string, journal: Journal, failure: SystemFailure, ranges: readonly ByteRange[]): RepairError {
  const { path } = journal;
  const cause = systemError('cannot write the repair journal', failure, { path });
  return new RepairError(message, [], { path, ranges, cause });
}
