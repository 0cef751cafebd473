/**
 * Resets and rewrites units, strategy by strategy, until each is verified or nothing is left to try. Adjacent units go
 * together; where a run fails, its units are tried one by one, so that one bad block does not cost its neighbours.
 */
import type { ByteRange } from '../byte-range.js';
import { coalesce, rangeBetween, rangeEnd } from '../byte-range.js';
import type { DriverFile, SystemFailure } from '../driver.js';
import { Errno } from '../errno.js';
import type { RepairStrategy } from './receipt.js';
import type { StrategyRequest } from './strategy.js';
import { nextStrategy } from './strategy.js';
import type { UnitWork } from './unit-work.js';

/** So many runs are on their way at once: each step waits for a thread of the pool, which takes longer than the system call. */
const RUNS_AT_ONCE = 64;

interface StepFailure {
  readonly step: string;
  readonly errno: number;
}

/**
 * Works through `works` (ascending). Afterwards `strategy` is set on those that succeeded; the others have their
 * attempts recorded. `fileSizeBytes` is the true size, put back after a whole-page write of the last page.
 */
export async function writeUnits(
  file: DriverFile,
  works: readonly UnitWork[],
  request: StrategyRequest,
  fileSizeBytes: number,
): Promise<void> {
  let pending = [...works];
  while (pending.length > 0) {
    const written: (readonly [UnitWork, RepairStrategy])[] = [];
    const runs = runsOf(file, pending, request);
    for (let start = 0; start < runs.length; start += RUNS_AT_ONCE) {
      const some = runs.slice(start, start + RUNS_AT_ONCE);
      const done = await Promise.all(some.map(([strategy, run]) => applyToRun(file, run, strategy, fileSizeBytes)));
      for (const [i, [strategy]] of some.entries()) for (const work of done[i] ?? []) written.push([work, strategy]);
    }
    const unsynced = written.length === 0 ? undefined : await file.sync();
    const unmapped = unsynced ?? remapUnits(file, written.map(([work]) => work.unit));
    for (const [work, strategy] of written) {
      const step = unsynced === undefined ? 'verify' : unsynced.syscall;
      const failure = unmapped === undefined ? verifyUnit(file, work) : { step, errno: unmapped.errno };
      if (failure === undefined) work.strategy = strategy;
      else record(work, strategy, failure);
    }
    pending = pending.filter((work) => work.strategy === undefined && next(file, work, request) !== undefined);
  }
}

function next(file: DriverFile, work: UnitWork, request: StrategyRequest): RepairStrategy | undefined {
  return nextStrategy(file.facts, request, work.shared, work.attempts);
}

/** Groups adjacent units that want the same strategy. */
function runsOf(
  file: DriverFile,
  works: readonly UnitWork[],
  request: StrategyRequest,
): (readonly [RepairStrategy, UnitWork[]])[] {
  const runs: (readonly [RepairStrategy, UnitWork[]])[] = [];
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
async function applyToRun(
  file: DriverFile,
  run: readonly UnitWork[],
  strategy: RepairStrategy,
  fileSizeBytes: number,
): Promise<readonly UnitWork[]> {
  const failure = await apply(file, run, strategy, fileSizeBytes);
  if (failure === undefined) return run;
  const [only, ...others] = run;
  if (only !== undefined && others.length === 0) {
    record(only, strategy, failure);
    return [];
  }
  const written: UnitWork[] = [];
  for (const work of run) written.push(...(await applyToRun(file, [work], strategy, fileSizeBytes)));
  return written;
}

async function apply(
  file: DriverFile,
  run: readonly UnitWork[],
  strategy: RepairStrategy,
  fileSizeBytes: number,
): Promise<StepFailure | undefined> {
  const first = run[0] as UnitWork;
  const last = run.at(-1) as UnitWork;
  const units = rangeBetween(first.unit.offset, rangeEnd(last.unit));
  if (strategy === 'zero-range') {
    const failure = await file.zeroRange(units.offset, units.length);
    if (failure !== undefined) return { step: failure.syscall, errno: failure.errno };
    for (const work of run) work.altered = true;
    // Unwritten blocks take a write of any length, so the last page needs none past the end of the file.
    return writeAll(file, run, join(run, rangeBetween(first.unit.offset, rangeEnd(last.data))));
  }
  const failure = await writeAll(file, run, join(run, units));
  if (failure !== undefined) return failure;
  if (rangeEnd(units) <= fileSizeBytes) return undefined;
  const untruncated = await file.truncate(fileSizeBytes);
  return untruncated === undefined ? undefined : { step: untruncated.syscall, errno: untruncated.errno };
}

/** The contents of a run as one buffer over `range`; past the end of the file it is zeros that truncation removes. */
function join(run: readonly UnitWork[], range: ByteRange): { readonly position: number; readonly bytes: Uint8Array } {
  const [only, ...others] = run;
  if (only !== undefined && others.length === 0 && only.content.byteLength === range.length) {
    return { position: range.offset, bytes: only.content };
  }
  const bytes = new Uint8Array(range.length);
  for (const work of run) bytes.set(work.content, work.data.offset - range.offset);
  return { position: range.offset, bytes };
}

/** Short transfers are normal near poison: go on from where the kernel stopped. No progress twice is a failure. */
async function writeAll(
  file: DriverFile,
  run: readonly UnitWork[],
  { position, bytes }: { readonly position: number; readonly bytes: Uint8Array },
): Promise<StepFailure | undefined> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { transferredBytes, errno } = await file.pwrite(bytes.subarray(done), position + done);
    if (errno !== 0) return { step: 'pwrite', errno };
    if (transferredBytes === 0) return { step: 'pwrite', errno: Errno.EIO };
    done += transferredBytes;
    for (const work of run) if (work.unit.offset < position + done) work.altered = true;
  }
  return undefined;
}

/**
 * What is verified is read through a fresh mapping: the old one may still hold a page that was mapped before the kernel
 * knew, and a page of zeros reads well on a device that refuses every write.
 */
function remapUnits(file: DriverFile, units: readonly ByteRange[]): SystemFailure | undefined {
  for (const { offset, length } of coalesce(units)) {
    const failure = file.remap(offset, length);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

function verifyUnit(file: DriverFile, work: UnitWork): StepFailure | undefined {
  const found = new Uint8Array(work.data.length);
  if (file.read(found, work.data.offset) !== undefined) return { step: 'verify', errno: Errno.EFAULT };
  return Buffer.compare(found, work.content) === 0 ? undefined : { step: 'verify', errno: 0 };
}

function record(work: UnitWork, strategy: RepairStrategy, failure: StepFailure): void {
  work.attempts.push({ range: work.data, strategy, ...failure });
}
