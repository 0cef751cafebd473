/**
 * What open() does with a journal that it finds: finishes repairs that were cut off, remembers what was lost. A unit of
 * which there is only the note that it was being rebuilt is lost, unless only the process died, after its write.
 */
import type { ByteRange } from '../ranges/byte-range.js';
import { coalesce, intersectAll, rangeBetween, rangeEnd, subtract } from '../ranges/byte-range.js';
import type { CompleteFile } from '../driver/driver.js';
import { PmemError } from '../errors/errors.js';
import { publishLoss } from '../errors/events.js';
import { flushWhole } from '../faults/failed-flush.js';
import { repairUnitBytes } from '../opening/file-info.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { readOn } from '../rescue/read-on.js';
import type { Intent, JournalContent } from './journal/content.js';
import { clippedTo, isBare, withLosses } from './journal/content.js';
import type { Interruption } from './journal/interruption.js';
import { journalError } from './journal/journal-errors.js';
import type { Journal, JournalChange } from './journal/journal.js';
import type { Located } from './journal/located.js';
import { appendedTail } from './appended-tail.js';
import { blankOf } from './batch.js';
import { clipJournal } from './clip-journal.js';
import type { RecoverContext } from './context.js';
import { sizeOf } from './file-size.js';
import { grownTail, isCut } from './grown-tail.js';
import { prepareUnits } from './prepare-units.js';
import { ReadRoom } from './read-room.js';
import { isZero, type RepairUnit } from './repair-unit.js';
import { withStores } from './stored-in-between.js';
import { writeUnits } from './write-units.js';

/**
 * Brings file and unsafe in line with the journal. A file opened read-only, or one that another process is repairing
 * now, is left as it is: units with an intent are closed instead. So is a file whose journal came with a copy, unless
 * `adopt` is true. Returns the size that the file is to have. Throws ERR_PMEM_JOURNAL, and ERR_PMEM_IO if the file's
 * size cannot be had.
 */
export async function recoverJournal(context: RecoverContext, adopt: boolean): Promise<number> {
  const { file, unsafe, journal } = context;
  const located = await journal.look();
  if (located.status === 'none') {
    if (located.isStale && !file.facts.readOnly) await sweep(journal);
    return file.mappedBytes;
  }
  if (located.status === 'copied' && !(adopt && !file.facts.readOnly)) {
    if (located.doubt !== undefined && !adopt) throw located.doubt;
    const { intents, lost } = located.journal;
    unsafe.syncFromJournal({ intents: [], lost: coalesce([...lost, ...intents]) });
    return file.mappedBytes;
  }
  if (located.journal.intents.length === 0 && located.status === 'own') {
    unsafe.syncFromJournal(located.journal);
    if (clippedTo(located.journal, file.mappedBytes) !== located.journal) await forgetCutOff(context);
    return file.mappedBytes;
  }
  if (!file.facts.readOnly && (await acquired(journal))) {
    try {
      return await finish(context, located, adopt);
    } finally {
      journal.release();
    }
  }
  // A reader cannot store, so what a repair is still writing is lost to it for now.
  unsafe.syncFromJournal(file.facts.readOnly ? withLosses(located.journal) : located.journal);
  const tail = await grownTail(file, located.journal.intents, journal.interruption === 'torn');
  return tail?.fileSizeBytes ?? file.mappedBytes;
}

/** Others have cut off bytes that were lost, and what they add there later is data. A failure leaves it lost. */
async function forgetCutOff({ file, unsafe, journal }: RecoverContext): Promise<void> {
  if (file.facts.readOnly || !(await acquired(journal))) return;
  try {
    await clipJournal({ file, unsafe, journal }, await sizeOf(file, 'cannot recover'));
  } catch (error) {
    if (!(error instanceof PmemError)) throw error;
  } finally {
    journal.release();
  }
}

/** Removes a journal that is not in force, unless it is just coming into force. */
async function sweep(journal: Journal): Promise<void> {
  if (!(await acquired(journal))) return;
  try {
    // If it cannot be removed it stays what it is.
    await journal.update((content) => content);
  } finally {
    journal.release();
  }
}

/** False while another process repairs. */
async function acquired(journal: Journal): Promise<boolean> {
  try {
    await journal.acquire('cannot recover');
    return true;
  } catch (error) {
    if (error instanceof PmemError && (error.code === 'ERR_PMEM_LOCKED' || error.code === 'ERR_PMEM_NOT_SUPPORTED')) return false;
    throw error;
  }
}

/** Under the lock, and by what the journal says now: another process may have finished its repair meanwhile. */
async function finish({ file, unsafe, journal }: RecoverContext, located: Located, adopt: boolean): Promise<number> {
  // The zeros of a copy have not been checked: it may be older than its journal.
  if (located.status === 'copied') await takeOver(journal, { ...located.journal, blank: [] });
  const { intents, blank = [] } = journal.content;
  const interruption = adopt && journal.interruption === 'unclear' ? 'torn' : journal.interruption;
  const mayBeTorn = interruption === 'torn';
  const tail = await grownTail(file, intents, mayBeTorn);
  const fileSizeBytes = tail?.fileSizeBytes ?? (await sizeOf(file, 'cannot recover'));
  const pending = intents.filter((intent) => intent.offset < fileSizeBytes);
  const finished = await alreadyThere(file, pending, interruption);
  // Read back, it may still be in a cache only: without its intent it has to be on the medium. So has a cut.
  const isCutOff = clippedTo(journal.content, fileSizeBytes) !== journal.content;
  if (finished.size > 0 || isCutOff) await flushWhole(file, unsafe, 'recover');
  const cutOff = pending.filter((intent) => !isBare(intent) && !finished.has(intent.offset));
  const unsupplied = pending.filter((intent) => isBare(intent) && !finished.has(intent.offset));
  const { intents: rest, stored } = await withStores(file, cutOff, blank);
  const lostEarlier = subtract(journal.content.lost, stored);
  const supplied = suppliedIn(lostEarlier, [...cutOff, ...intended(finished)]);
  unsafe.syncFromJournal({ intents: [...rest, ...unsupplied], lost: subtract(lostEarlier, supplied), blank });
  unsafe.clip(fileSizeBytes);
  const units = await prepared(file, unsafe, rest, fileSizeBytes);
  // The writes change the file's times: written again, the journal tells them from what others write later. On a full
  // filesystem that fails, which is no reason not to finish what needs no space.
  const unread = units.filter(({ readErrno }) => readErrno !== 0);
  if (units.length > 0) {
    const zeros = subtract(blank, unread.map(({ data }) => data));
    await journal.update(() => ({ intents: [...rest, ...unsupplied], lost: lostEarlier, blank: zeros }));
  }
  await writeUnits(file, unsafe, units, { strategy: 'auto', allowRelocation: false }, fileSizeBytes);
  const appended = tail === undefined ? await appendedTail(file, units, fileSizeBytes) : undefined;
  const left: Intent[] = units.filter(isNotThere).flatMap((unit) => {
    return unit === appended?.unit ? (appended.intent ?? []) : [unit.intent(fileSizeBytes)];
  });
  // Only now: XFS does not truncate into a page that is poisoned, and the write above clears it.
  if (tail !== undefined && !(await isCut(file, tail, fileSizeBytes))) {
    const longer = units.filter(({ state, unit }) => state === 'repaired' && rangeEnd(unit) > fileSizeBytes);
    left.push(...longer.map((unit) => unit.intent(fileSizeBytes)));
  }
  const writtenUnread = unread.filter(({ state }) => state !== 'untouched').map(({ data }) => data);
  // A unit that is not as intended may be as it was before its repair.
  const done = units.filter(({ state }) => state === 'repaired').map(({ data }) => data);
  const lostBefore = subtract(lostEarlier, [...done, ...suppliedIn(lostEarlier, intended(finished))]);
  const lost = coalesce([...lostBefore, ...units.flatMap((unit) => unit.lost), ...unsupplied]);
  const content: JournalContent = {
    intents: left,
    lost: subtract(lost, [rangeBetween(fileSizeBytes, Number.MAX_SAFE_INTEGER)]),
    blank: coalesce([
      ...intersectAll(blankAfter(subtract(blank, writtenUnread), pending, finished), lostBefore),
      ...units.flatMap(blankOf),
    ]),
  };
  // An intent left on disk would be written again, over newer data, by the next open(): no journal, no open.
  await updated(journal, () => content);
  unsafe.syncFromJournal(content);
  publishLoss({ path: file.facts.path, ranges: intersectAll(content.lost, coalesce(pending)) });
  return Math.min(fileSizeBytes, file.mappedBytes);
}

/** Losses of earlier repairs that the intents have bytes for. They have zeros for what is still lost. */
function suppliedIn(lostEarlier: readonly ByteRange[], intents: readonly Intent[]): ByteRange[] {
  return intents.flatMap((intent) => {
    const { content, offset } = intent;
    if (content === undefined) return [];
    return intersectAll(lostEarlier, [intent]).filter((lost) => {
      return !isZero(content.subarray(lost.offset - offset, rangeEnd(lost) - offset));
    });
  });
}

function intended(finished: ReadonlyMap<number, Finished>): Intent[] {
  return [...finished.values()].filter(({ isAsIntended }) => isAsIntended).map(({ intent }) => intent);
}

/** Where bytes that are not zero were stored since, if they are lost: of units that are not there nothing is known. */
function blankAfter(
  blank: readonly ByteRange[], pending: readonly Intent[], finished: ReadonlyMap<number, Finished>,
): ByteRange[] {
  const isUnknown = (intent: Intent): boolean => isBare(intent) || !finished.has(intent.offset);
  return coalesce([...subtract(blank, pending.filter(isUnknown)), ...intended(finished)]);
}

/** Its intent stays: the next open() tries again. */
function isNotThere({ state }: RepairUnit): boolean {
  return state === 'untouched' || state === 'half-done';
}

async function updated(journal: Journal, change: JournalChange): Promise<void> {
  const failure = await journal.update(change);
  if (failure !== undefined) throw journalError(journal, failure);
}

async function takeOver(journal: Journal, content: JournalContent): Promise<void> {
  const failure = await journal.takeOver(content);
  if (failure !== undefined) throw journalError(journal, failure);
}

/** The units of the intents with what was appended to them since; `lost` is what cannot be had of them. */
async function prepared(
  file: CompleteFile, unsafe: UnsafeRanges, intents: readonly Intent[], fileSizeBytes: number,
): Promise<RepairUnit[]> {
  const unitBytes = repairUnitBytes(file.facts);
  const suspects = coalesce(intents.map(({ offset }) => rangeBetween(offset, Math.min(offset + unitBytes, fileSizeBytes))));
  const scene = { file, unsafe, fileSizeBytes, blocks: [], room: new ReadRoom() };
  return prepareUnits(scene, suspects, { rebuild: undefined, fill: undefined, journalRebuilt: false });
}

interface Finished {
  readonly intent: Intent;
  /** Otherwise others have stored there since. */
  readonly isAsIntended: boolean;
}

/**
 * Intents whose unit reads well and holds what it is to hold, or something else that was stored since: unless the
 * machine died in the write, a page that was bad reads well only after it was written whole. Zeros say nothing: a
 * zero-range leaves them as well. Throws ERR_PMEM_JOURNAL if it is unclear which of the two a unit is.
 */
async function alreadyThere(
  file: CompleteFile, intents: readonly Intent[], interruption: Interruption,
): Promise<Map<number, Finished>> {
  const there = new Map<number, Finished>();
  const unclear: ByteRange[] = [];
  const isOnePage = repairUnitBytes(file.facts) === file.facts.pageBytes;
  for (const intent of intents) {
    const { offset, length, content } = intent;
    const found = new Uint8Array(length);
    const { errno, transferredBytes } = await readOn(file, found, offset);
    if (errno !== 0 || transferredBytes !== length) continue;
    const isAsIntended = content !== undefined && Buffer.compare(found, content) === 0;
    if (interruption === 'unclear' && !isAsIntended) unclear.push({ offset, length });
    else if ((isAsIntended || (interruption === 'over' && isOnePage)) && !isZero(found)) {
      there.set(offset, { intent, isAsIntended });
    }
  }
  if (unclear.length > 0) throw unclearError(file, unclear);
  return there;
}

function unclearError({ facts: { path } }: CompleteFile, ranges: readonly ByteRange[]): PmemError {
  const message =
    'the machine went down in a repair, and the file was touched since: these bytes may be a torn write, or ' +
    "newer, as after a restore from a backup. journal: 'discard' keeps what the file holds, 'adopt' ends the repair";
  return new PmemError('ERR_PMEM_JOURNAL', message, { path, ranges: coalesce(ranges) });
}
