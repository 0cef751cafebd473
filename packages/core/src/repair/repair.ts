/**
 * repair(): for each batch of units, salvage → rebuild → durable intent → reset → write → persist → verify → drop the
 * intent. A crash at any instant leaves either the old state or an intent that the next open() finishes.
 */
import type { FileBadBlocks } from '../bad-blocks.js';
import { queryBadBlocks } from '../bad-blocks.js';
import type { ByteRange } from '../byte-range.js';
import { coalesce, firstEndingAfter, overlappingOf, rangeBetween, rangeEnd, subtract, totalLength } from '../byte-range.js';
import type { DriverFile, Extent } from '../driver.js';
import { errnoName } from '../errno.js';
import { PmemError, RepairError } from '../errors.js';
import type { RepairAttempt } from '../errors.js';
import { repairUnitBytes } from '../file-info.js';
import type { Hazards } from '../hazards.js';
import { systemError } from '../system-error.js';
import { adoptJournal, journalPath, loadJournal, lockJournal, storeJournal, unlockJournal } from './journal.js';
import { journalFits } from './journal-format.js';
import type { PreparedUnit, PrepareRequest } from './prepare-units.js';
import { prepareUnits } from './prepare-units.js';
import type { RepairedUnit, RepairOutcome, RepairReceipt } from './receipt.js';
import type { StrategyRequest } from './strategy.js';
import { intentOf, planUnits } from './unit-work.js';
import { writeUnits } from './write-units.js';

/** Of units per journal: bounds the memory a repair takes, and how much a crash leaves to be finished. */
const BATCH_BYTES = 16 * 1024 * 1024;

export interface RepairProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface RepairRequest extends PrepareRequest, StrategyRequest {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: RepairProgress) => void) | undefined;
}

export interface RepairContext {
  readonly file: DriverFile;
  readonly hazards: Hazards;
  /** Size of the file; the mapping may be longer by less than a unit. */
  readonly sizeBytes: number;
  /** Throws ERR_PMEM_CLOSED once close() was called. */
  assertOpen(): void;
}

/** Repairs all units that `ranges` touch. Throws RepairError at the first batch with a unit that could not be. */
export async function repairRanges(
  context: RepairContext,
  ranges: readonly ByteRange[],
  request: RepairRequest,
): Promise<RepairReceipt> {
  const { file, hazards } = context;
  const { path } = file.facts;
  const held = lockJournal(file);
  if (held !== undefined) throw systemError('cannot repair: another repair of this file is running', held, { path, ranges });
  const fileSizeBytes = context.sizeBytes;
  const unitBytes = repairUnitBytes(file.facts);
  const batchUnits = Math.max(1, Math.floor(BATCH_BYTES / unitBytes));
  const plans = planUnits(ranges, unitBytes, fileSizeBytes);
  const busy = coalesce(plans.map((plan) => plan.unit));
  hazards.markBusy(busy);
  let prepared: Promise<readonly PreparedUnit[]> | undefined;
  try {
    adoptJournal(hazards, await loadJournal(file));
    const within = spanOf(plans.map((plan) => plan.data));
    const before = await queryBadBlocks(file, within, true);
    const blocks = before.supported ? before.blocks : [];
    const repaired = new Map<number, PreparedUnit>();
    context.assertOpen();
    request.signal?.throwIfAborted();
    let batch = plans.slice(0, batchUnits);
    prepared = prepareUnits(file, hazards, batch, blocks, request);
    for (let end = batchUnits; batch.length > 0; end += batchUnits) {
      const works = await prepared;
      context.assertOpen();
      request.signal?.throwIfAborted();
      if (works.length > 0) await recordIntents(context, works, fileSizeBytes);
      context.assertOpen();
      const writing = works.length > 0 ? writeBatch(context, works, request, fileSizeBytes) : undefined;
      batch = plans.slice(end, end + batchUnits);
      // While the driver writes this batch, the next is read and rebuilt here.
      prepared = prepareUnits(file, hazards, batch, blocks, request);
      prepared.catch(() => undefined);
      await writing;
      for (const work of works) repaired.set(work.unit.offset, work);
      request.onProgress?.({
        doneBytes: totalLength(plans.slice(0, end).map((plan) => plan.data)),
        totalBytes: totalLength(plans.map((plan) => plan.data)),
      });
    }
    const after = repaired.size === 0 ? before : await queryBadBlocks(file, within, true);
    if (after.supported) hazards.replaceListed(within, after.blocks.filter((block) => !block.unwritten));
    return { units: plans.map((plan) => receiptOf(plan, repaired.get(plan.unit.offset), before, after)) };
  } finally {
    await prepared?.catch(() => undefined);
    hazards.releaseBusy(busy);
    unlockJournal(file);
  }
}

function unitsOf(works: readonly PreparedUnit[]): ByteRange[] {
  return coalesce(works.map((work) => work.data));
}

/** After this, open() finishes what becomes of the batch. */
async function recordIntents({ file, hazards }: RepairContext, works: readonly PreparedUnit[], fileSizeBytes: number): Promise<void> {
  const path = journalPath(file);
  const intents = works.map((work) => intentOf(work, fileSizeBytes));
  const others = hazards.unfinished.filter((intent) => !works.some((work) => work.data.offset === intent.offset));
  const kept = subtract(hazards.journaledTombstones, unitsOf(works));
  const tombstones = [...kept, ...works.flatMap((work) => work.tombstoned)];
  if (!journalFits([...others, ...intents], tombstones.length)) {
    throw new RepairError('the repair journal would grow too large; nothing was touched', [], { path, ranges: unitsOf(works) });
  }
  const unwritable = await storeJournal(file, [...others, ...intents], tombstones);
  if (unwritable !== undefined) {
    throw new RepairError('the repair journal cannot be written; nothing was touched', [], {
      path,
      ranges: unitsOf(works),
      cause: systemError('cannot write the repair journal', unwritable, { path }),
    });
  }
}

/** Begins with the driver's call, before it returns. */
async function writeBatch(
  context: RepairContext,
  works: readonly PreparedUnit[],
  request: StrategyRequest,
  fileSizeBytes: number,
): Promise<void> {
  const { file, hazards } = context;
  const path = journalPath(file);
  await writeUnits(file, hazards, works, request, fileSizeBytes);
  context.assertOpen();

  const failed = works.filter((work) => work.strategy === undefined);
  hazards.markRepaired(works.filter((work) => work.strategy !== undefined).map((work) => work.data));
  for (const work of works) {
    if (work.strategy !== undefined) {
      hazards.addTombstones(work.tombstoned);
    } else if (work.altered) {
      closeUnit(hazards, work, fileSizeBytes);
    } else {
      hazards.addMet(work.lost);
    }
  }
  const undropped = await storeJournal(file, hazards.unfinished, hazards.journaledTombstones);
  if (undropped !== undefined) {
    // The intents are still on disk: the next open() would write them over anything stored in between.
    for (const work of works) closeUnit(hazards, work, fileSizeBytes);
    throw new RepairError('the units were written, but their intents could not be dropped from the journal', [], {
      path,
      ranges: unitsOf(works),
      cause: systemError('cannot write the repair journal', undropped, { path }),
    });
  }
  if (failed.length > 0) throw failureOf(file, failed);
}

/**
 * Its old bytes are gone and its new ones are not safe: closed to everybody until a repair finishes it. What nobody supplied
 * stays lost, also when the next open() writes the intent.
 */
function closeUnit(hazards: Hazards, work: PreparedUnit, fileSizeBytes: number): void {
  hazards.addUnfinished(intentOf(work, fileSizeBytes));
  hazards.addTombstones(work.tombstoned);
}

function failureOf(file: DriverFile, failed: readonly PreparedUnit[]): RepairError {
  const attempts: RepairAttempt[] = failed.flatMap((work) => work.attempts);
  const steps = attempts.slice(0, 4).map(({ strategy, step, errno }) => {
    return `${strategy}: ${step} ${errno === 0 ? 'found other bytes' : `gave ${errnoName(errno)}`}`;
  });
  return new RepairError(`repair failed (${steps.join('; ')})`, attempts, {
    path: file.facts.path,
    ranges: coalesce(failed.map((work) => work.data)),
  });
}

function receiptOf(
  plan: { readonly unit: ByteRange; readonly data: ByteRange },
  work: PreparedUnit | undefined,
  before: FileBadBlocks,
  after: FileBadBlocks,
): RepairedUnit {
  const range = plan.data;
  if (work === undefined) {
    return { range, outcome: 'healthy', strategy: undefined, lost: [], rebuilt: [], filled: [], tombstoned: [], released: [] };
  }
  const { strategy, lost, rebuilt, filled, tombstoned } = work;
  const [outcome, released] = outcomeOf(range, before, after);
  return { range, outcome, strategy, lost, rebuilt, filled, tombstoned, released };
}

/** What became of a unit that was repaired, and which bytes of the device it left behind. */
function outcomeOf(range: ByteRange, before: FileBadBlocks, after: FileBadBlocks): [RepairOutcome, ByteRange[]] {
  if (!before.supported || !after.supported) return ['unverifiable', []];
  if (overlappingOf(after.blocks, range).length > 0) return ['still-listed', []];
  if (physicalOf(before.extents, range.offset) === physicalOf(after.extents, range.offset)) return ['cleared', []];
  const released = overlappingOf(before.blocks, range)
    .filter((block) => !block.shared)
    .map((block) => ({ offset: block.physicalOffset, length: block.length }));
  return ['relocated', released];
}

function physicalOf(extents: readonly Extent[], position: number): number | undefined {
  const extent = extents[firstEndingAfter(extents, position)];
  if (extent === undefined || extent.offset > position) return undefined;
  return extent.physicalOffset + (position - extent.offset);
}

function spanOf(ranges: readonly ByteRange[]): ByteRange {
  const first = ranges[0];
  const last = ranges.at(-1);
  if (first === undefined || last === undefined) throw new PmemError('ERR_PMEM_IO', 'no unit to repair');
  return rangeBetween(first.offset, rangeEnd(last));
}
