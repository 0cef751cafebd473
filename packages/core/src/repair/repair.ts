/**
 * repair(): for each batch of units, salvage → rebuild → durable intent → reset → write → persist → verify → drop the
 * intent. A crash at any instant leaves either the old state or an intent that the next open() finishes.
 */
import type { FileBadBlock } from '../bad-blocks.js';
import { queryBadBlocks } from '../bad-blocks.js';
import type { ByteRange } from '../byte-range.js';
import { coalesce, rangeBetween, rangeEnd, subtract, totalLength } from '../byte-range.js';
import type { DriverFile } from '../driver.js';
import { errnoName } from '../errno.js';
import { PmemError, RepairError } from '../errors.js';
import type { RepairAttempt } from '../errors.js';
import { repairUnitBytes } from '../file-info.js';
import type { Hazards } from '../hazards.js';
import { systemError } from '../system-error.js';
import { adoptJournal, journalPath, loadJournal, lockJournal, sealJournal, storeJournal, unlockJournal } from './journal.js';
import type { Intent } from './journal-format.js';
import { journalFits } from './journal-format.js';
import type { PreparedUnit, PrepareRequest } from './prepare-units.js';
import { prepareUnits } from './prepare-units.js';
import { receiptOf } from './receipt.js';
import type { RepairReceipt, UnitSummary } from './receipt.js';
import type { StrategyRequest } from './strategy.js';
import { intentOf, planUnits, type UnitPlan } from './unit-work.js';
import { writeUnits } from './write-units.js';

/** Of units per journal: bounds the memory a repair takes, and how much a crash leaves to be finished. */
const BATCH_BYTES = 8 * 1024 * 1024;

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
  const unitBytes = repairUnitBytes(file.facts);
  const batchUnits = Math.max(1, Math.floor(BATCH_BYTES / unitBytes));
  const plans = planUnits(ranges, unitBytes, context.sizeBytes);
  const busy = coalesce(plans.map((plan) => plan.unit));
  hazards.markBusy(busy);
  let prepared: Promise<Batch> | undefined;
  try {
    adoptJournal(hazards, await loadJournal(file));
    const within = spanOf(plans.map((plan) => plan.data));
    const before = await queryBadBlocks(file, within, true);
    const blocks = before.supported ? before.blocks : [];
    const repaired = new Map<number, UnitSummary>();
    context.assertOpen();
    request.signal?.throwIfAborted();
    const totalBytes = totalLength(plans.map((plan) => plan.data));
    let doneBytes = 0;
    prepared = prepareBatch(context, plans.slice(0, batchUnits), blocks, request);
    for (let start = 0; start < plans.length; start += batchUnits) {
      const end = start + batchUnits;
      const current = await prepared;
      const { works } = current;
      context.assertOpen();
      request.signal?.throwIfAborted();
      if (works.length > 0) await recordIntents(context, current);
      context.assertOpen();
      const writing = works.length > 0 ? writeBatch(context, works, request) : undefined;
      // While the driver writes this batch, the next is read and rebuilt here.
      prepared = prepareBatch(context, plans.slice(end, end + batchUnits), blocks, request);
      prepared.catch(() => undefined);
      await writing;
      // Not the work itself: its content is needed no longer.
      for (const { unit, strategy, lost, rebuilt, filled, tombstoned } of works) {
        repaired.set(unit.offset, { strategy, lost, rebuilt, filled, tombstoned });
      }
      doneBytes += totalLength(plans.slice(start, end).map((plan) => plan.data));
      request.onProgress?.({ doneBytes, totalBytes });
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

/** Units that go through the journal together. */
interface Batch {
  readonly works: readonly PreparedUnit[];
  readonly intents: readonly Intent[];
  readonly tombstones: readonly ByteRange[];
  /** A journal of nothing but these, which nearly always is the one that is needed. */
  readonly journal: Uint8Array;
}

async function prepareBatch(
  { file, hazards, sizeBytes }: RepairContext,
  plans: readonly UnitPlan[],
  blocks: readonly FileBadBlock[],
  request: PrepareRequest,
): Promise<Batch> {
  const works = await prepareUnits(file, hazards, plans, blocks, request);
  const intents = works.map((work) => intentOf(work, sizeBytes));
  const tombstones = works.flatMap((work) => work.tombstoned);
  return { works, intents, tombstones, journal: sealJournal(file, intents, tombstones) };
}

/** After this, open() finishes what becomes of the batch. */
async function recordIntents({ file, hazards }: RepairContext, { works, intents, tombstones, journal }: Batch): Promise<void> {
  const path = journalPath(file);
  const others = hazards.unfinished.filter((intent) => !works.some((work) => work.data.offset === intent.offset));
  const kept = subtract(hazards.journaledTombstones, unitsOf(works));
  if (!journalFits([...others, ...intents], kept.length + tombstones.length)) {
    throw new RepairError('the repair journal would grow too large; nothing was touched', [], { path, ranges: unitsOf(works) });
  }
  const isAlone = others.length === 0 && kept.length === 0;
  const whole = isAlone ? journal : sealJournal(file, [...others, ...intents], [...kept, ...tombstones]);
  const unwritable = await file.writeJournal(whole);
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
): Promise<void> {
  const { file, hazards, sizeBytes: fileSizeBytes } = context;
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

function spanOf(ranges: readonly ByteRange[]): ByteRange {
  const first = ranges[0];
  const last = ranges.at(-1);
  if (first === undefined || last === undefined) throw new PmemError('ERR_PMEM_IO', 'no unit to repair');
  return rangeBetween(first.offset, rangeEnd(last));
}
