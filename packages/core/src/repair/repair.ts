/**
 * repair(): survey → salvage → rebuild → durable intent → reset → write → persist → verify → strike the intent, batch
 * by batch, under the repair lock. A crash at any instant leaves either the old state or an intent that the next open()
 * finishes. A unit that cannot be repaired does not keep the others from it.
 */
import type { FileBadBlock, FileBadBlocks } from '../rescue/bad-blocks.js';
import { queryBadBlocks } from '../rescue/bad-blocks.js';
import type { ByteRange } from '../ranges/byte-range.js';
import {
  alignOut, coalesce, intersectAll, rangeBetween, rangeEnd, subtract, totalLength,
} from '../ranges/byte-range.js';
import type { CompleteFile } from '../driver/driver.js';
import { PmemError, RepairError } from '../errors/errors.js';
import { repairUnitBytes } from '../opening/file-info.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { systemError } from '../errors/system-error.js';
import { isAsSalvaged } from './as-salvaged.js';
import type { Batch, Unstruck } from './batch.js';
import { hasTail, recordIntents, settle, strikeIntents, takeBack, unitsOf } from './batch.js';
import { failureOf } from './failure.js';
import type { Journal } from './journal/journal.js';
import { journalError } from './journal/journal.js';
import type { PrepareRequest } from './prepare-units.js';
import { prepareUnits } from './prepare-units.js';
import { ReadRoom } from './read-room.js';
import type { RepairReceipt, UnitSummary } from './receipt.js';
import { healthyUnits, reportUnit } from './receipt.js';
import type { StrategyRequest } from './strategy.js';
import { SPARSE_BYTES_MIN, suspectsIn, writtenIn } from './survey.js';
import { writeUnits } from './write-units.js';
import { zeroRangeOf } from './zero-range.js';

/** Of units per journal: bounds the memory a repair takes, and how much a crash leaves to be finished. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** How often a batch is prepared again because other processes have changed it meanwhile. */
const CHANGES_MAX = 16;

/** How long what was written may wait in the journal for the next batch to be recorded. */
const STRIKE_WITHIN_MS = 100;

export interface RepairProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface RepairRequest extends PrepareRequest, StrategyRequest {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: RepairProgress) => void) | undefined;
}

export interface RepairContext {
  readonly file: CompleteFile;
  readonly unsafe: UnsafeRanges;
  readonly journal: Journal;
  /** Throws ERR_PMEM_CLOSED once close() was called. */
  readonly assertOpen: () => void;
}

/** Repairs all units that `ranges` touch. Throws RepairError, with the receipt, if any of them could not be. */
export async function repairRanges(
  context: RepairContext,
  ranges: readonly ByteRange[],
  request: RepairRequest,
): Promise<RepairReceipt> {
  const { file, unsafe, journal } = context;
  await journal.acquire('cannot repair');
  const unitBytes = repairUnitBytes(file.facts);
  const runs = coalesce(ranges.map((range) => alignOut(range, unitBytes)));
  unsafe.markBusy(runs);
  try {
    if (journal.isCopied) throw journalError(journal, { errno: 0, syscall: 'rename' });
    return await new Repair(context, request).run(runs, unitBytes);
  } finally {
    unsafe.releaseBusy(runs);
    journal.release();
  }
}

/** One call of repair(), under the lock. */
class Repair {
  readonly #context: RepairContext;
  readonly #request: RepairRequest;
  readonly #worked: UnitSummary[] = [];
  readonly #surveyed: ByteRange[] = [];
  readonly #room = new ReadRoom();
  #blocks: readonly FileBadBlock[] = [];
  #listedAgain = false;
  /** Written and verified, and still to be struck from the journal. */
  #unstruck: Unstruck | undefined;
  /** So much is repaired that it is worth asking where the file has blocks. */
  #isSparse = false;

  constructor(context: RepairContext, request: RepairRequest) {
    this.#context = context;
    this.#request = request;
  }

  async run(runs: readonly ByteRange[], unitBytes: number): Promise<RepairReceipt> {
    const { file, unsafe, assertOpen } = this.#context;
    const { signal, onProgress } = this.#request;
    const within = await this.#withinFile(runs);
    const before = await queryBadBlocks(file, within, true);
    this.#blocks = before.supported ? before.blocks : [];
    this.#isSparse = within.length >= SPARSE_BYTES_MIN;
    const windows = windowsOf(runs, Math.max(1, Math.floor(BATCH_BYTES / unitBytes)) * unitBytes);
    const totalBytes = totalLength(runs);
    let doneBytes = 0;
    let prepared: Promise<Batch> | undefined;
    try {
      assertOpen();
      signal?.throwIfAborted();
      let window = windows.next();
      if (window.done !== true) prepared = this.#prepare(window.value);
      while (window.done !== true && prepared !== undefined) {
        const batch = await this.#recorded(await prepared, window.value);
        const writing = batch.works.length > 0 ? this.#write(batch) : undefined;
        doneBytes += totalLength(window.value);
        window = windows.next();
        // While the driver writes this batch, the next is read and rebuilt here.
        prepared = window.done === true ? undefined : this.#prepare(window.value);
        const next = { isPrepared: false };
        const preparing = prepared?.then(() => { next.isPrepared = true; }, () => undefined);
        await writing;
        if (preparing !== undefined) await atMost(preparing, STRIKE_WITHIN_MS);
        // The next record strikes it as well, if that comes soon: an intent must not outlive newer stores of others.
        if (window.done === true || !next.isPrepared) await this.#strike();
        this.#note(batch);
        onProgress?.({ doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
        if (window.done === true) break;
        await new Promise(setImmediate);
        assertOpen();
        signal?.throwIfAborted();
      }
    } catch (thrown) {
      const error = await this.#struckOr(thrown);
      if (error instanceof RepairError) attach(error, this.#receipt(before, before));
      throw error;
    } finally {
      await prepared?.catch(() => undefined);
    }
    const isAsBefore = this.#worked.length === 0 && !this.#listedAgain;
    const after = isAsBefore ? before : await queryBadBlocks(file, within, true);
    if (after.supported) unsafe.replaceListed(within, after.blocks.filter((block) => !block.unwritten));
    const receipt = this.#receipt(before, after);
    const failed = this.#worked.filter((unit) => unit.strategy === undefined);
    if (failed.length > 0) {
      const listed = { before: this.#blocks, after: after.supported ? after.blocks : this.#blocks };
      const ground = { facts: file.facts, zeroRange: zeroRangeOf(file) };
      throw failureOf(ground, failed, this.#request, receipt, listed);
    }
    return receipt;
  }

  /** The part of the file that the runs span. Throws ERR_PMEM_TRUNCATED if the file no longer has all of it. */
  async #withinFile(runs: readonly ByteRange[]): Promise<ByteRange> {
    const { file } = this.#context;
    const first = runs[0];
    const last = runs.at(-1);
    if (first === undefined || last === undefined) throw new PmemError('ERR_PMEM_IO', 'no unit to repair');
    const sizeBytes = await this.#sizeNow(runs);
    const beyond = subtract(runs, [{ offset: 0, length: sizeBytes }]).filter((range) => range.offset >= sizeBytes);
    const gone = beyond.filter((range) => range.offset % repairUnitBytes(file.facts) === 0);
    if (gone.length > 0) {
      throw new PmemError('ERR_PMEM_TRUNCATED', 'cannot repair: the file was truncated', { path: file.facts.path, ranges: gone });
    }
    return rangeBetween(first.offset, Math.min(rangeEnd(last), sizeBytes));
  }

  async #sizeNow(ranges: readonly ByteRange[]): Promise<number> {
    const { file } = this.#context;
    const outcome = await file.fileSize();
    if ('sizeBytes' in outcome) return outcome.sizeBytes;
    throw systemError('cannot repair', outcome.failure, { path: file.facts.path, ranges });
  }

  /** `window` is whole units; the size of the file is asked here, because it may have changed since the last time. */
  async #prepare(window: readonly ByteRange[]): Promise<Batch> {
    const { file, unsafe } = this.#context;
    const fileSizeBytes = await this.#sizeNow(window);
    const gone = window.filter((range) => range.offset >= fileSizeBytes);
    if (gone.length > 0) {
      const path = file.facts.path;
      throw new PmemError('ERR_PMEM_TRUNCATED', 'cannot repair: the file was truncated', { path, ranges: gone });
    }
    const inFile = intersectAll(window, [{ offset: 0, length: fileSizeBytes }]);
    // Of each window anew: others write into holes while a repair runs.
    const written = this.#isSparse ? await writtenIn(file, inFile) : undefined;
    const suspects = await suspectsIn(file, unsafe, inFile, this.#blocks, repairUnitBytes(file.facts), written);
    const scene = { file, unsafe, fileSizeBytes, blocks: this.#blocks, room: this.#room };
    const units = await prepareUnits(scene, suspects, this.#request);
    const refused = units.filter((unit) => unit.holdsOthers === true);
    const works = refused.length === 0 ? units : units.filter((unit) => unit.holdsOthers !== true);
    return { window: inFile, works, refused, fileSizeBytes };
  }

  /**
   * Makes the batch's intents durable. `rebuild` may take long: if another process has repaired a unit meanwhile, or
   * changed the size of the file, the batch is prepared again, so that nothing newer is written over.
   */
  async #recorded(prepared: Batch, window: readonly ByteRange[]): Promise<Batch> {
    const { file, unsafe, journal, assertOpen } = this.#context;
    let batch = prepared;
    for (let changes = 0; changes < CHANGES_MAX; changes++) {
      assertOpen();
      this.#request.signal?.throwIfAborted();
      if (batch.works.length === 0) return batch;
      const before = journal.content;
      await recordIntents(journal, unsafe, batch, this.#unstruck, assertOpen);
      this.#unstruck = undefined;
      let isChanged: boolean;
      try {
        isChanged = await this.#hasChanged(batch, window);
      } catch (error) {
        // The filesystem does not answer: nothing was touched.
        await takeBack(journal, unsafe, batch, before);
        throw error;
      }
      if (!isChanged) return batch;
      await takeBack(journal, unsafe, batch, before);
      await this.#listAgain(window);
      batch = await this.#prepare(window);
    }
    const details = { path: file.facts.path, ranges: unitsOf(batch.works) };
    throw new RepairError('other processes kept changing these units while they were being repaired; nothing was touched', [], details);
  }

  /** Another process may have cleared blocks of the window. */
  async #listAgain(window: readonly ByteRange[]): Promise<void> {
    const first = window[0];
    const last = window.at(-1);
    if (first === undefined || last === undefined) return;
    const span = rangeBetween(first.offset, rangeEnd(last));
    this.#listedAgain = true;
    const now = await queryBadBlocks(this.#context.file, span, true);
    if (!now.supported) return;
    const elsewhere = this.#blocks.filter((block) => rangeEnd(block) <= span.offset || block.offset >= rangeEnd(span));
    this.#blocks = [...elsewhere, ...now.blocks].sort((a, b) => a.offset - b.offset);
  }

  /** The file ends elsewhere now than for this batch, or others have stored into a unit, or it can be read by now. */
  async #hasChanged(batch: Batch, window: readonly ByteRange[]): Promise<boolean> {
    const { file, unsafe } = this.#context;
    const sizeBytes = await this.#sizeNow(window);
    const end = Math.max(...batch.works.map((work) => rangeEnd(work.data)));
    if (hasTail(batch) ? sizeBytes !== batch.fileSizeBytes : sizeBytes < end) return true;
    if (!(await isAsSalvaged(file, unsafe, batch.works))) return true;
    const unread = batch.works.filter((work) => work.readErrno !== 0 && unsafe.unfinishedAt(work.data.offset) === undefined);
    if (unread.length === 0) return false;
    const pieces = unread.map((work) => work.data);
    const reads = await file.readEach(pieces, this.#room.take(totalLength(pieces)));
    return reads.some(({ errno }) => errno === 0);
  }

  /** Begins with the driver's call, before it returns. */
  async #write(batch: Batch): Promise<void> {
    const { file, unsafe, assertOpen } = this.#context;
    await writeUnits(file, unsafe, batch.works, this.#request, batch.fileSizeBytes);
    assertOpen();
    this.#unstruck = settle(unsafe, batch);
  }

  /** What a batch leaves in the journal goes with the next replacement of it, or, after the last one, by itself. */
  async #strike(): Promise<void> {
    const { unsafe, journal } = this.#context;
    const written = this.#unstruck;
    this.#unstruck = undefined;
    if (written !== undefined) await strikeIntents(journal, unsafe, written);
  }

  /** The error to throw instead of `thrown`: that the batch before it could not be struck weighs more. */
  async #struckOr(thrown: unknown): Promise<unknown> {
    const { unsafe, journal, assertOpen } = this.#context;
    if (this.#unstruck === undefined) return thrown;
    try {
      assertOpen();
    } catch {
      // The next open() finishes it.
      return thrown;
    }
    try {
      await this.#strike();
      // What was read from the disk after a failure still had its units as half done.
      unsafe.syncFromJournal(journal.content);
      return thrown;
    } catch (error) {
      return error;
    }
  }

  /** Not the works themselves: their contents are needed no longer. */
  #note({ window, works, refused }: Batch): void {
    this.#surveyed.push(...window);
    for (const { data, strategy, attempts, lost, rebuilt, filled, tombstoned, holdsOthers } of [...works, ...refused]) {
      const isDone = strategy !== undefined;
      this.#worked.push({
        range: data,
        strategy,
        attempts,
        lost,
        rebuilt: isDone ? rebuilt : [],
        filled: isDone ? filled : [],
        tombstoned: isDone ? tombstoned : [],
        holdsOthers: holdsOthers === true,
      });
    }
  }

  #receipt(before: FileBadBlocks, after: FileBadBlocks): RepairReceipt {
    const healthy = subtract(this.#surveyed, this.#worked.map((unit) => unit.range)).map(healthyUnits);
    const worked = this.#worked.map((unit) => reportUnit(unit, before, after));
    return { units: [...healthy, ...worked].sort((a, b) => a.range.offset - b.range.offset) };
  }
}

/** Parts of the runs that have `bytesMax` together, in turn. */
function* windowsOf(runs: readonly ByteRange[], bytesMax: number): Generator<readonly ByteRange[], undefined> {
  let window: ByteRange[] = [];
  let left = bytesMax;
  for (const run of runs) {
    for (let start = run.offset; start < rangeEnd(run); ) {
      const piece = rangeBetween(start, Math.min(start + left, rangeEnd(run)));
      window.push(piece);
      start = rangeEnd(piece);
      left -= piece.length;
      if (left > 0) continue;
      yield window;
      window = [];
      left = bytesMax;
    }
  }
  if (window.length > 0) yield window;
  return undefined;
}

async function atMost(settling: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([settling, new Promise((resolve) => { timer = setTimeout(resolve, timeoutMs); })]);
  clearTimeout(timer);
}

/** The error was made where the receipt is not known. */
function attach(error: RepairError, receipt: RepairReceipt): void {
  Object.defineProperty(error, 'receipt', { value: receipt, enumerable: true });
}
