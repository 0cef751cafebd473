/**
 * Resets and rewrites units, strategy by strategy, until each is verified or nothing is left to try. Adjacent units go
 * together; where a run fails, its units are tried one by one, so that one bad block does not cost its neighbours.
 */
import { rangeEnd } from '../ranges/byte-range.js';
import type { CompleteFile, Rewrite, Rewritten } from '../driver/driver.js';
import { repairUnitBytes } from '../opening/file-info.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import type { RepairStrategy } from './receipt.js';
import { rewriteRequestOf, type Run } from './rewrite-request.js';
import type { StrategyRequest } from './strategy.js';
import { nextStrategy } from './strategy.js';
import { record, type StepFailure, type UnitWork } from './unit-work.js';
import { writeOn } from '../rescue/write-on.js';
import { learnZeroRange, zeroRangeOf } from './zero-range.js';
import { verifyUnits, type WrittenUnit } from './verify-units.js';

/**
 * Works through `works` (ascending). Afterwards `strategy` is set on those that succeeded; the others have their
 * attempts recorded. `fileSizeBytes` is the true size, put back after a whole-page write of the last page.
 */
export async function writeUnits(
  file: CompleteFile,
  unsafe: UnsafeRanges,
  works: readonly UnitWork[],
  request: StrategyRequest,
  fileSizeBytes: number,
): Promise<void> {
  if (request.strategy === 'auto') await learnZeroRange(file, works);
  let pending = [...works];
  while (pending.length > 0) {
    if (pending.some((work) => work.attempts.length > 0)) await askAgain(file, pending);
    const written = await writeRuns(file, runsOf(file, pending, request), fileSizeBytes);
    const unsynced = written.length === 0 ? undefined : await file.sync();
    if (unsynced === undefined) await verifyUnits(file, unsafe, written);
    else for (const [work, strategy] of written) record(work, strategy, { step: unsynced.syscall, errno: unsynced.errno });
    pending = pending.filter((work) => {
      return work.strategy === undefined && work.holdsOthers !== true && next(file, work, request) !== undefined;
    });
  }
}

/**
 * After a refusal: what reads say of these units now. A write that the kernel refused may have taken the block off its
 * list and kept the page held back, which decides what may be tried next.
 */
async function askAgain(file: CompleteFile, works: readonly UnitWork[]): Promise<void> {
  const pieces = works.map((work) => ({ offset: work.data.offset, length: Math.min(work.data.length, file.facts.pageBytes) }));
  const reads = await file.readEach(pieces, new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0)));
  for (const [i, work] of works.entries()) work.readErrno = reads[i]?.errno ?? work.readErrno;
}

function next(file: CompleteFile, work: UnitWork, request: StrategyRequest): RepairStrategy | undefined {
  return nextStrategy({ facts: file.facts, zeroRange: zeroRangeOf(file) }, request, work);
}

/** Groups adjacent units that want the same strategy. */
function runsOf(file: CompleteFile, works: readonly UnitWork[], request: StrategyRequest): Run[] {
  const runs: [RepairStrategy, UnitWork[]][] = [];
  for (const work of works) {
    const strategy = next(file, work, request);
    if (strategy === undefined) continue;
    const open = runs.at(-1);
    const neighbour = open?.[1].at(-1);
    if (open?.[0] === strategy && neighbour !== undefined && rangeEnd(neighbour.unit) === work.unit.offset) {
      open[1].push(work);
    } else {
      runs.push([strategy, [work]]);
    }
  }
  return runs;
}

/** Returns the units that were written; the attempts of the others are recorded. */
async function writeRuns(
  file: CompleteFile,
  runs: readonly Run[],
  fileSizeBytes: number,
): Promise<readonly WrittenUnit[]> {
  if (runs.length === 0) return [];
  const { pieces, bytes } = rewriteRequestOf(runs);
  const outcomes = await file.rewrite(pieces, bytes);
  const written: WrittenUnit[] = [];
  for (const [i, [strategy, run]] of runs.entries()) {
    const piece = pieces[i] as Rewrite;
    const outcome = outcomes[i] as Rewritten;
    noteRewritten(run, piece, outcome);
    const done = outcome.transferredBytes === piece.length && piece.position + piece.length <= fileSizeBytes;
    const failure = done ? undefined : await finishRun(file, strategy, run, piece, bytes, outcome, fileSizeBytes);
    if (failure === undefined) for (const work of run) written.push([work, strategy]);
    else if (run.length === 1) record(run[0] as UnitWork, strategy, failure);
    else for (const unit of await writeRuns(file, run.map((work) => [strategy, [work]] as const), fileSizeBytes)) written.push(unit);
  }
  return written;
}

function noteRewritten(run: readonly UnitWork[], { reset, position }: Rewrite, { syscall, transferredBytes }: Rewritten): void {
  if (syscall === 'fallocate') return;
  noteWritten(run, reset === undefined ? position + transferredBytes : rangeEnd(reset));
}

/** Goes on from where the driver stopped, and puts the size of the file back. */
async function finishRun(
  file: CompleteFile,
  strategy: RepairStrategy,
  run: readonly UnitWork[],
  { position, sourceOffset, length }: Rewrite,
  bytes: Uint8Array,
  { syscall, errno, transferredBytes }: Rewritten,
  fileSizeBytes: number,
): Promise<StepFailure | undefined> {
  if (errno !== 0) return { step: syscall, errno };
  const ofRun = bytes.subarray(sourceOffset, sourceOffset + length);
  const failure = await writeRest(file, strategy, run, position, ofRun, transferredBytes);
  if (failure !== undefined || position + length <= fileSizeBytes) return failure;
  return cutBack(file, position + length, fileSizeBytes);
}

/** Undoes what the whole-page write of the last page added, and nothing else: what was appended meanwhile stays. */
async function cutBack(
  file: CompleteFile,
  writtenEnd: number,
  fileSizeBytes: number,
): Promise<StepFailure | undefined> {
  const size = await file.fileSize();
  if ('failure' in size) return { step: size.failure.syscall, errno: size.failure.errno };
  if (size.sizeBytes !== writtenEnd) return undefined;
  const failure = await file.truncate(fileSizeBytes);
  return failure === undefined ? undefined : { step: failure.syscall, errno: failure.errno };
}

/** Goes on after a short transfer: from where it ended, or from the beginning of that unit if only a whole write clears. */
async function writeRest(
  file: CompleteFile,
  strategy: RepairStrategy,
  run: readonly UnitWork[],
  position: number,
  bytes: Uint8Array,
  transferredBytes: number,
): Promise<StepFailure | undefined> {
  const failure = await writeOn(file, bytes, position, {
    doneBytes: transferredBytes,
    stepBytes: strategy === 'recovery-write' ? repairUnitBytes(file.facts) : 1,
    onWritten: (doneBytes) => {
      noteWritten(run, position + doneBytes);
    },
  });
  return failure === undefined ? undefined : { step: failure.syscall, errno: failure.errno };
}

function noteWritten(run: readonly UnitWork[], end: number): void {
  for (const work of run) if (work.unit.offset < end) work.altered = true;
}
