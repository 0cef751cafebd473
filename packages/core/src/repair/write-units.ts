/**
 * Resets and rewrites units, strategy by strategy, until each is verified or nothing is left to try. Adjacent units go
 * together; if a run fails, its units are tried one by one, so that one bad block does not cost its neighbours.
 */
import { rangeEnd } from '../ranges/byte-range.js';
import type { CompleteFile, Rewrite, Rewritten } from '../driver/driver.js';
import { repairUnitBytes } from '../opening/file-info.js';
import { isMediaErrno } from '../faults/classify.js';
import { noteFailedFlush } from '../faults/failed-flush.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { askAgain, endsAt } from './ask-again.js';
import { isZero, type RepairUnit, type StepFailure } from './repair-unit.js';
import { rewriteRequestOf, type Run } from './rewrite-request.js';
import { nextStrategy } from './strategy.js';
import type { RepairStrategy, StrategyRequest } from './types.js';
import { readOn } from '../rescue/read-on.js';
import { writeOn } from '../rescue/write-on.js';
import { learnZeroRange, zeroRangeOf } from './zero-range.js';
import { verifyUnits } from './verify-units.js';

/**
 * Works through `units` (ascending) until each is `repaired`, `holds-others`, or has nothing left to try; `attempts` say
 * what failed. `fileSizeBytes` is the true size, put back after a whole-page write of the last page.
 */
export async function writeUnits(
  file: CompleteFile,
  unsafe: UnsafeRanges,
  units: readonly RepairUnit[],
  request: StrategyRequest,
  fileSizeBytes: number,
): Promise<void> {
  if (request.strategy === 'auto') await learnZeroRange(file, units);
  let pending = [...units];
  let alone: Alone = new Map();
  let endMoved = false;
  const next: Choice = (unit) => {
    if (unit.state === 'holds-others' || unit.isUnanswered || (endMoved && unit.isTail)) return undefined;
    if (alone.has(unit)) return unit.strategy;
    return nextStrategy({ facts: file.facts, zeroRange: zeroRangeOf(file) }, request, unit);
  };
  while (pending.length > 0) {
    const refused = pending.filter((unit) => alone.has(unit) || unit.attempts.length > 0);
    if (refused.length > 0) {
      await askAgain(file, refused);
      endMoved ||= refused.some((unit) => unit.isTail) && !(await endsAt(file, fileSizeBytes));
    }
    for (const [unit, failure] of alone) if (next(unit) === undefined) unit.failed(failure);
    const { written, parted } = await writeRuns(file, runsOf(pending, next, alone), fileSizeBytes);
    alone = parted;
    if (written.length > 0) await settleWritten(file, unsafe, written);
    pending = pending.filter((unit) => unit.state !== 'repaired' && next(unit) !== undefined);
  }
}

/**
 * Flushes the units and reads them back meanwhile: a flush changes no byte that a read gives, and is mostly waiting. A
 * unit is verified if both went well.
 */
async function settleWritten(file: CompleteFile, unsafe: UnsafeRanges, written: readonly RepairUnit[]): Promise<void> {
  const [unsynced, mismatches] = await Promise.all([file.sync(), verifyUnits(file, unsafe, written)]);
  if (unsynced !== undefined) noteFailedFlush(file, unsafe, unsynced);
  for (let i = 0; i < written.length; i++) {
    const unit = written[i] as RepairUnit;
    const mismatch = mismatches[i];
    if (unsynced !== undefined) unit.failed({ step: unsynced.syscall, errno: unsynced.errno });
    else if (mismatch === undefined) unit.verified();
    else {
      unit.failed(mismatch.failure);
      if (mismatch.holdsOthers) unit.foundOthers();
    }
  }
}

/** The strategy to try next on a unit, if any is left. */
type Choice = (unit: RepairUnit) => RepairStrategy | undefined;

/** Units of a run that failed, with its failure. Each is tried alone, with the strategy of the run. */
type Alone = ReadonlyMap<RepairUnit, StepFailure>;

/** Begins the next strategy of each unit, and groups adjacent ones that have the same and can be written together. */
function runsOf(units: readonly RepairUnit[], next: Choice, alone: Alone): Run[] {
  const runs: RepairUnit[][] = [];
  for (const unit of units) {
    const strategy = next(unit);
    if (strategy === undefined) continue;
    unit.begin(strategy);
    const open = runs.at(-1);
    const neighbour = alone.has(unit) ? undefined : open?.at(-1);
    const adjoins = neighbour?.strategy === strategy && rangeEnd(neighbour.unit) === unit.unit.offset;
    if (adjoins && !isElsewhere(neighbour.content, unit.content)) open?.push(unit);
    else runs.push([unit]);
  }
  return runs;
}

/** True of contents of one buffer that do not adjoin: to be written by one call they would have to be copied. */
function isElsewhere(first: Uint8Array, second: Uint8Array): boolean {
  return first.buffer === second.buffer && first.byteOffset + first.byteLength !== second.byteOffset;
}

/** The units of runs that were written or have to be parted; any other unit has its attempt recorded. */
interface WrittenRuns {
  readonly written: readonly RepairUnit[];
  readonly parted: Alone;
}

async function writeRuns(file: CompleteFile, runs: readonly Run[], fileSizeBytes: number): Promise<WrittenRuns> {
  const written: RepairUnit[] = [];
  const parted = new Map<RepairUnit, StepFailure>();
  if (runs.length === 0) return { written, parted };
  const { pieces, bytes } = rewriteRequestOf(runs);
  const outcomes = await file.rewrite(pieces, bytes);
  for (let i = 0; i < runs.length; i++) {
    const run = runs[i] as Run;
    const piece = pieces[i] as Rewrite;
    const outcome = outcomes[i] as Rewritten;
    noteRewritten(run, piece, outcome);
    const done = outcome.transferredBytes === piece.length && piece.position + piece.length <= fileSizeBytes;
    const failure = done ? undefined : await finishRun(file, run, piece, bytes, outcome, fileSizeBytes);
    if (failure === undefined) for (const unit of run) written.push(unit);
    else if (run.length === 1) run[0]?.failed(failure);
    else for (const unit of run) parted.set(unit, failure);
  }
  return { written, parted };
}

function noteRewritten(run: Run, { reset, position }: Rewrite, { syscall, transferredBytes }: Rewritten): void {
  if (syscall === 'fallocate') return;
  noteEnd(run, position + transferredBytes);
  if (reset === undefined) noteWritten(run, position + transferredBytes);
  else for (const unit of run) unit.zeroed();
}

/** Goes on from where the driver stopped, and puts the size of the file back. */
async function finishRun(
  file: CompleteFile,
  run: Run,
  { position, sourceOffset, length }: Rewrite,
  bytes: Uint8Array,
  { syscall, errno, transferredBytes }: Rewritten,
  fileSizeBytes: number,
): Promise<StepFailure | undefined> {
  if (errno !== 0) return { step: syscall, errno };
  const ofRun = bytes.subarray(sourceOffset, sourceOffset + length);
  const failure = await writeRest(file, run, position, ofRun, transferredBytes);
  if (failure !== undefined || position + length <= fileSizeBytes) return failure;
  let uncut = await cutBack(file, position + length, fileSizeBytes);
  if (uncut?.step === 'pread' && isMediaErrno(uncut.errno, file.facts)) {
    // A bad line past the end, where nothing could read before the write: met now, it is cleared by another one.
    const again = await writeRest(file, run, position, ofRun, 0);
    uncut = again ?? (await cutBack(file, position + length, fileSizeBytes));
  }
  if (uncut === undefined) run.at(-1)?.lengthened(false);
  return uncut;
}

/** Undoes what the whole-page write of the last page added, and nothing else: what was appended meanwhile stays. */
async function cutBack(
  file: CompleteFile,
  writtenEnd: number,
  fileSizeBytes: number,
): Promise<StepFailure | undefined> {
  const added = new Uint8Array(writtenEnd - fileSizeBytes);
  const { errno, transferredBytes } = await readOn(file, added, fileSizeBytes);
  // The write added zeros: a file that is as long and holds anything else was written by others since.
  if (!isZero(added.subarray(0, transferredBytes))) return undefined;
  // Not known to be what the write added, it stays: the next open() looks again.
  if (errno !== 0) return { step: 'pread', errno };
  // Last: between this question and the truncation nothing keeps others out.
  const size = await file.fileSize();
  if ('failure' in size) return { step: size.failure.syscall, errno: size.failure.errno };
  if (size.sizeBytes !== writtenEnd) return undefined;
  const failure = await file.truncate(fileSizeBytes);
  return failure === undefined ? undefined : { step: failure.syscall, errno: failure.errno };
}

/** Goes on after a short transfer: from where it ended, or from the beginning of that unit if only a whole write clears. */
async function writeRest(
  file: CompleteFile,
  run: Run,
  position: number,
  bytes: Uint8Array,
  transferredBytes: number,
): Promise<StepFailure | undefined> {
  const failure = await writeOn(file, bytes, position, {
    doneBytes: transferredBytes,
    stepBytes: run[0]?.strategy === 'recovery-write' ? repairUnitBytes(file.facts) : 1,
    onWritten: (doneBytes) => {
      noteEnd(run, position + doneBytes);
      noteWritten(run, position + doneBytes);
    },
  });
  return failure === undefined ? undefined : { step: failure.syscall, errno: failure.errno };
}

/** A write that ends here has changed the size of the file, if it has one page that the file ends in. */
function noteEnd(run: Run, end: number): void {
  const last = run.at(-1);
  if (last !== undefined && end > rangeEnd(last.data)) last.lengthened(true);
}

function noteWritten(run: Run, end: number): void {
  for (const each of run) if (each.unit.offset < end) each.altered();
}
