/**
 * Decides for each suspect unit whether anything is wrong with it, salvages what it still holds, and asks the caller
 * for the rest. Nothing is written: an exception out of here leaves every unit untouched.
 *
 * Every unit is asked by pread(2) before a byte of it is called lost: what was met once may have been a passing
 * trouble, the poison of one mapping, or repaired since.
 */
import { isBytes } from '../arguments.js';
import type { FileBadBlock } from '../rescue/bad-blocks.js';
import type { ByteRange } from '../ranges/byte-range.js';
import {
  coalesce, formatRange, intersect, intersectAll, overlappingOf, rangeBetween, rangeEnd, subtract, totalLength,
} from '../ranges/byte-range.js';
import { isMediaErrno } from '../faults/classify.js';
import type { CompleteFile, Transfer } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';
import { PmemError, RepairError } from '../errors/errors.js';
import { publishFailure } from '../errors/events.js';
import { repairUnitBytes } from '../opening/file-info.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { systemError } from '../errors/system-error.js';
import { nonZeroRuns } from '../faults/stored-since.js';
import type { ReadRoom } from './read-room.js';
import { UnitContents } from './unit-contents.js';
import { remapUnits } from './verify-units.js';
import { planUnit, type UnitPlan, type UnitWork } from './unit-work.js';

/** Returns the bytes of exactly `range` from the application's redundancy, or undefined: these bytes stay lost. */
export type Rebuild = (range: ByteRange) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

export interface PrepareRequest {
  readonly rebuild: Rebuild | undefined;
  readonly fill: number | undefined;
  /** What `rebuild` returned goes into the journal as well, so that open() can finish the repair. */
  readonly journalRebuilt: boolean;
}

/** A unit that needs repair, and what becomes of the bytes that it lost. */
export interface PreparedUnit extends UnitWork {
  readonly lost: readonly ByteRange[];
  readonly rebuilt: readonly ByteRange[];
  readonly filled: readonly ByteRange[];
  readonly tombstoned: readonly ByteRange[];
}

/** Of a unit that is not written. */
const NOTHING = new Uint8Array(0);

interface Salvaged extends UnitPlan {
  readonly content: Uint8Array;
  readonly lost: readonly ByteRange[];
  readonly shared: boolean;
  readonly listed: boolean;
  readonly mayBeHuge: boolean;
  readonly readErrno: number;
  readonly holdsOthers?: boolean;
}

/** What the units are prepared in: the file, its size now, and the kernel's list for this part of it. */
export interface PrepareScene {
  readonly file: CompleteFile;
  readonly unsafe: UnsafeRanges;
  readonly fileSizeBytes: number;
  readonly blocks: readonly FileBadBlock[];
  readonly room: ReadRoom;
}

/**
 * Units of `suspects` (ascending runs of units) that are healthy after all are left out of the result. Those in which
 * others have stored where the bytes to be supplied were lost have `holdsOthers`: nothing is to be done to them.
 */
export async function prepareUnits(
  scene: PrepareScene,
  suspects: readonly ByteRange[],
  request: PrepareRequest,
): Promise<PreparedUnit[]> {
  const { file, unsafe, fileSizeBytes } = scene;
  const unitBytes = repairUnitBytes(file.facts);
  const plans: UnitPlan[] = [];
  for (const run of suspects) {
    for (let at = run.offset; at < rangeEnd(run); at += unitBytes) plans.push(planUnit(at, unitBytes, fileSizeBytes));
  }
  if (plans.length === 0) return [];
  const totalBytes = totalLength(plans.map((plan) => plan.data));
  const { rebuild, fill } = request;
  const found = scene.room.take(totalBytes);
  const pages = plans.flatMap(({ data }) => pagesOf(data, file.facts.pageBytes));
  const reads = await file.readEach(pages, found);
  const contents = new UnitContents(totalBytes, unitBytes, rebuild === undefined ? (fill ?? 0) : undefined);
  const salvaged: Salvaged[] = [];
  let at = 0;
  let page = 0;
  for (const plan of plans) {
    const { length } = plan.data;
    const count = Math.ceil(length / file.facts.pageBytes);
    const bytes = found.subarray(at, (at += length));
    const unit = salvageUnit(scene, plan, bytes, reads.slice(page, (page += count)), contents, rebuild !== undefined || fill !== undefined);
    if (unit !== undefined) salvaged.push(unit);
  }
  const wanting = salvaged.filter((unit) => unit.holdsOthers !== true);
  const left = rebuild === undefined ? new Map<Salvaged, ByteRange[]>() : await rebuildLost(file, wanting, rebuild);
  return salvaged.map((unit): PreparedUnit => {
    const { lost } = unit;
    const unsupplied = left.get(unit) ?? [];
    const isPartial = unsupplied.length > 0;
    const isGone = lost.length === 1 && lost[0]?.length === unitBytes;
    // Field by field: a spread of thousands of units is a tenth of the repair.
    return {
      unit: unit.unit,
      data: unit.data,
      content: unit.content,
      lost,
      shared: unit.shared,
      listed: unit.listed,
      mayBeHuge: unit.mayBeHuge,
      readErrno: unit.readErrno,
      holdsOthers: unit.holdsOthers ?? false,
      suppliable: rebuild !== undefined && !request.journalRebuilt && !isPartial && isGone,
      attempts: [],
      strategy: undefined,
      // What an earlier repair left half done stays so until one succeeds.
      altered: unsafe.unfinishedAt(unit.data.offset) !== undefined,
      rebuilt: rebuild === undefined ? [] : isPartial ? lost.filter((range) => !unsupplied.includes(range)) : lost,
      filled: fill === undefined ? [] : lost,
      tombstoned: rebuild === undefined && fill === undefined ? lost : unsupplied,
    };
  });
}

function pagesOf(data: ByteRange, pageBytes: number): ByteRange[] {
  if (data.length <= pageBytes) return [data];
  const pages: ByteRange[] = [];
  for (let at = data.offset; at < rangeEnd(data); at += pageBytes) {
    pages.push(rangeBetween(at, Math.min(at + pageBytes, rangeEnd(data))));
  }
  return pages;
}

/** Takes over what the unit still holds. Undefined if the unit needs nothing. */
function salvageUnit(
  scene: PrepareScene,
  { unit, data }: UnitPlan,
  found: Uint8Array,
  reads: readonly Transfer[],
  contents: UnitContents,
  supplied: boolean,
): Salvaged | undefined {
  const { file, unsafe } = scene;
  const bad = overlappingOf(scene.blocks, data);
  const shared = bad.some((block) => block.shared);
  const listed = bad.length > 0;
  const mayBeHuge = bad.some((block) => block.mayBeHuge);
  const lostEarlier = unsafe.lostWithin(data);
  const lost: ByteRange[] = [...lostEarlier];
  let readErrno = 0;
  for (const [i, page] of pagesOf(data, file.facts.pageBytes).entries()) {
    const read = reads[i] as Transfer;
    if (read.errno === 0 && read.transferredBytes === page.length) continue;
    readErrno = mediaErrno(file, read, page);
    const part = found.subarray(page.offset - data.offset, rangeEnd(page) - data.offset);
    if (!loadsFromBefore(scene, page, part, readErrno)) lost.push(page);
  }
  const unfinished = unsafe.unfinishedAt(data.offset);
  if (unfinished !== undefined && unfinished.content === undefined) {
    // Whatever it reads as by now: its repair may have stopped anywhere.
    const content = contents.keep(data, found, [data]);
    return { unit, data, content, lost: [data], shared, listed, mayBeHuge, readErrno };
  }
  if (unfinished?.content !== undefined) {
    // What its repair wanted to put there, and of what was appended since, what is there.
    const appended = data.length > unfinished.length ? lost.filter((page) => rangeEnd(page) > rangeEnd(unfinished)) : [];
    const gaps = coalesce(appended.flatMap((page) => afterEnd(page, rangeEnd(unfinished))));
    found.set(unfinished.content.subarray(0, data.length), 0);
    const allLost = coalesce([...lostEarlier, ...gaps]);
    const content = contents.keep(data, found, allLost);
    return { unit, data, content, lost: allLost, shared, listed, mayBeHuge, readErrno };
  }
  const gone = lost.slice(lostEarlier.length);
  const blank = subtract(unsafe.blankWithin(data), gone);
  const stored = blank.length === 0 ? [] : intersectAll(nonZeroRuns(found, data.offset), blank);
  if (supplied && subtract(stored, unsafe.shownWithin(data)).length > 0) {
    return { unit, data, content: NOTHING, lost: lostEarlier, shared, listed, mayBeHuge, readErrno, holdsOthers: true };
  }
  const lostBefore = subtract(lostEarlier, stored);
  const mediaLost = gone.length > 0;
  if (!mediaLost && !listed && readErrno === 0) {
    if (unsafe.metWithin(data).length > 0 && !isMappedWell(scene, unit, data)) {
      // The bytes are there, but this mapping cannot give them: written anew, they get a page of their own.
      const content = contents.keep(data, found, lostBefore);
      return { unit, data, content, lost: lostBefore, shared, listed, mayBeHuge, readErrno };
    }
    if (lostEarlier.length === 0 || !supplied) return undefined;
  }
  const allLost = coalesce([...lostBefore, ...gone]);
  return { unit, data, content: contents.keep(data, found, allLost), lost: allLost, shared, listed, mayBeHuge, readErrno };
}

/** The errno of a read that failed, if it speaks of the medium. Throws for everything else: nothing is touched then. */
function mediaErrno(file: CompleteFile, { errno, transferredBytes }: Transfer, page: ByteRange): number {
  const { path } = file.facts;
  if (errno === 0 && transferredBytes < page.length) {
    const message = 'cannot repair: the file was truncated';
    throw publishFailure(path, new PmemError('ERR_PMEM_TRUNCATED', message, { path, ranges: [page] }));
  }
  if (isMediaErrno(errno)) return errno;
  throw systemError('cannot repair', { errno, syscall: 'pread' }, { path, ranges: [page] });
}

/**
 * A page that was mapped before the kernel learned of its bad block may still give its bytes: one load under the guard,
 * unless an access has already met the error, or the kernel holds the page back after a machine check.
 */
function loadsFromBefore({ file, unsafe }: PrepareScene, page: ByteRange, target: Uint8Array, readErrno: number): boolean {
  if (readErrno !== Errno.EIO || rangeEnd(page) > file.mappedBytes) return false;
  if (unsafe.metWithin(page).length > 0 || unsafe.unfinishedAt(page.offset) !== undefined) return false;
  return file.read(target, page.offset) === undefined;
}

/** Maps the unit anew and loads it once. True, and no longer remembered as bad, if that works. */
function isMappedWell({ file, unsafe }: PrepareScene, unit: ByteRange, data: ByteRange): boolean {
  const mapped = intersect(data, rangeBetween(0, file.mappedBytes));
  if (mapped === undefined) return true;
  if (remapUnits(file, unit) !== undefined) return false;
  if (file.read(new Uint8Array(mapped.length), mapped.offset) !== undefined) return false;
  unsafe.forgetMet([data]);
  return true;
}

function afterEnd(page: ByteRange, end: number): ByteRange[] {
  const start = Math.max(page.offset, end);
  return start < rangeEnd(page) ? [rangeBetween(start, rangeEnd(page))] : [];
}

/** One call of `rebuild` per run of lost bytes; runs that touch across units are one. Returns what it did not supply. */
async function rebuildLost(
  file: CompleteFile,
  units: readonly Salvaged[],
  rebuild: Rebuild,
): Promise<Map<Salvaged, ByteRange[]>> {
  const refusal: Refusal = (range, reason, cause) =>
    new RepairError(`rebuild of ${formatRange(range)} ${reason}; no unit of this batch was touched`, [], {
      path: file.facts.path,
      ranges: coalesce(units.map((unit) => unit.data)),
      cause,
    });
  const left = new Map<Salvaged, ByteRange[]>();
  const parts = units.flatMap((unit) => unit.lost.map((lost) => ({ lost, unit })));
  let done = 0;
  for (const range of coalesce(parts.map((part) => part.lost))) {
    const supplied = ask(refusal, rebuild, range);
    const answer = supplied instanceof Promise ? await awaited(refusal, range, supplied) : supplied;
    const bytes = checked(refusal, range, answer);
    // Copied at once: the caller may reuse its buffer for the next call.
    for (let part = parts[done]; part !== undefined && part.lost.offset < rangeEnd(range); part = parts[++done]) {
      const { lost, unit } = part;
      if (bytes === undefined) left.set(unit, [...(left.get(unit) ?? []), lost]);
      else unit.content.set(bytes.subarray(lost.offset - range.offset, rangeEnd(lost) - range.offset), lost.offset - unit.data.offset);
    }
  }
  return left;
}

type Refusal = (range: ByteRange, reason: string, cause?: unknown) => RepairError;

/** Waits for nothing where `rebuild` answers at once: of ten thousand calls each wait costs as much as the call. */
function ask(refuse: Refusal, rebuild: Rebuild, range: ByteRange): ReturnType<Rebuild> {
  try {
    const supplied = rebuild(range);
    return supplied === undefined || isBytes(supplied) ? supplied : Promise.resolve(supplied);
  } catch (cause) {
    throw refuse(range, 'threw', cause);
  }
}

async function awaited(refuse: Refusal, range: ByteRange, supplied: Promise<unknown>): Promise<unknown> {
  try {
    return await supplied;
  } catch (cause) {
    throw refuse(range, 'threw', cause);
  }
}

function checked(refuse: Refusal, range: ByteRange, bytes: unknown): Uint8Array | undefined {
  if (bytes === undefined) return undefined;
  if (!isBytes(bytes)) throw refuse(range, 'did not return a Uint8Array or undefined');
  if (bytes.byteLength !== range.length) {
    throw refuse(range, `returned ${bytes.byteLength} bytes where ${range.length} were lost`);
  }
  return bytes;
}
