/**
 * repair(): survey → salvage → rebuild → durable intent → reset → write → persist and verify → strike the intent,
 * batch by batch, under the repair lock. A crash at any instant leaves either the old state or an intent that the next
 * open() finishes. A unit that cannot be repaired does not keep the others from it.
 */
import { takeOverListed } from '../faults/ask-again.js';
import { appendedTail } from './appended-tail.js';
import type { FileBadBlocks } from '../rescue/bad-blocks.js';
import { writtenBlocks } from '../rescue/refresh-known.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { rangeBetween, rangeEnd, subtract, totalLength } from '../ranges/byte-range.js';
import { wholeUnits } from '../ranges/whole-units.js';
import { PmemError, RepairError } from '../errors/errors.js';
import { repairUnitBytes } from '../opening/file-info.js';
import type { Batch, Unstruck } from './batch.js';
import { bytesOf, recordIntents, settle, strikeIntents, takeBack } from './batch.js';
import type { RepairContext } from './context.js';
import { failureOf } from './failure.js';
import { journalError } from './journal/journal-errors.js';
import { ListedBlocks } from './listed-blocks.js';
import { sizeOf, truncated } from './file-size.js';
import { hasChanged, prepareBatch } from './prepare-batch.js';
import { ReadRoom } from './read-room.js';
import type { RepairReceipt } from './receipt.js';
import { healthyUnits, reportUnit } from './receipt.js';
import type { RepairUnit } from './repair-unit.js';
import { strikeStoredOver } from './stored-over.js';
import { SPARSE_BYTES_MIN } from './survey.js';
import type { RepairRequest } from './types.js';
import { spanOf, windowsOf } from './windows.js';
import { writeUnits } from './write-units.js';
import { zeroRangeOf } from './zero-range.js';

/** Of units per journal: bounds the memory a repair takes, and how much a crash leaves to be finished. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** How often a batch is prepared again because other processes have changed it meanwhile. */
const CHANGES_MAX = 16;

/** How long what was written may wait in the journal for the next batch to be recorded. */
const STRIKE_WITHIN_MS = 100;

/** Repairs all units that `ranges` touch. Throws RepairError, with the receipt, if any of them could not be. */
export async function repairRanges(
  context: RepairContext,
  ranges: readonly ByteRange[],
  request: RepairRequest,
): Promise<RepairReceipt> {
  const { file, unsafe, journal } = context;
  await journal.acquire('cannot repair');
  const unitBytes = repairUnitBytes(file.facts);
  const runs = wholeUnits(ranges, unitBytes);
  unsafe.markBusy(runs);
  try {
    if (journal.isCopied) throw journalError(journal, { errno: 0, syscall: 'rename' });
    const within = await withinFile(context, runs);
    await strikeStoredOver(context, runs);
    const listed = await ListedBlocks.of(file, within);
    return await new Repair(context, request, listed, within).run(runs);
  } finally {
    unsafe.releaseBusy(runs);
    journal.release();
  }
}

/** The part of the file that the runs span. Throws ERR_PMEM_TRUNCATED if the file no longer has all of it. */
async function withinFile({ file }: RepairContext, runs: readonly ByteRange[]): Promise<ByteRange> {
  const span = spanOf(runs);
  if (span === undefined) throw new PmemError('ERR_PMEM_IO', 'no unit to repair');
  const sizeBytes = await sizeOf(file, 'cannot repair', runs);
  if (rangeEnd(span) > sizeBytes) {
    const beyond = subtract(runs, [{ offset: 0, length: sizeBytes }]).filter((range) => range.offset >= sizeBytes);
    const gone = beyond.filter((range) => range.offset % repairUnitBytes(file.facts) === 0);
    if (gone.length > 0) throw truncated(file, gone);
  }
  return rangeBetween(span.offset, Math.min(rangeEnd(span), sizeBytes));
}

function unrecalled(path: string, { units }: Batch): RepairError {
  const message = 'others have changed these units, and their intents could not be taken back; nothing was touched';
  return new RepairError(message, [], { path, ranges: bytesOf(units) });
}

/** One call of repair(), under the lock. */
class Repair {
  readonly #context: RepairContext;
  readonly #request: RepairRequest;
  readonly #listed: ListedBlocks;
  readonly #within: ByteRange;
  readonly #worked: RepairUnit[] = [];
  readonly #surveyed: ByteRange[] = [];
  readonly #room = new ReadRoom();
  /** Written and verified, and still to be struck from the journal. */
  #unstruck: Unstruck | undefined;

  constructor(context: RepairContext, request: RepairRequest, listed: ListedBlocks, within: ByteRange) {
    this.#context = context;
    this.#request = request;
    this.#listed = listed;
    this.#within = within;
  }

  async run(runs: readonly ByteRange[]): Promise<RepairReceipt> {
    const { file, assertOpen } = this.#context;
    const { signal, onProgress } = this.#request;
    const unitBytes = repairUnitBytes(file.facts);
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
        const writing = batch.units.length > 0 ? this.#write(batch) : undefined;
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
      if (error instanceof RepairError) attach(error, this.#receipt(this.#listed.before));
      throw error;
    } finally {
      await prepared?.catch(() => undefined);
    }
    return this.#result();
  }

  /** Takes over the kernel's list as it is now. Throws RepairError if a unit could not be repaired. */
  async #result(): Promise<RepairReceipt> {
    const { file, unsafe } = this.#context;
    const after = await this.#listed.after(this.#worked.length > 0);
    if (after.supported) takeOverListed(file, unsafe, this.#within, writtenBlocks(after), []);
    const receipt = this.#receipt(after);
    const failed = this.#worked.filter(({ state }) => state !== 'repaired');
    if (failed.length === 0) return receipt;
    const { blocks } = this.#listed;
    const listed = { before: blocks, after: after.supported ? after.blocks : blocks };
    throw failureOf({ facts: file.facts, zeroRange: zeroRangeOf(file) }, failed, this.#request, receipt, listed);
  }

  #prepare(window: readonly ByteRange[]): Promise<Batch> {
    const isSparse = this.#within.length >= SPARSE_BYTES_MIN;
    const scene = { ...this.#context, blocks: this.#listed.blocks, isSparse, room: this.#room };
    return prepareBatch(scene, window, this.#request);
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
      if (batch.units.length === 0) return batch;
      const before = journal.content;
      await recordIntents(journal, unsafe, batch, this.#unstruck, assertOpen);
      this.#unstruck = undefined;
      let isChanged: boolean;
      try {
        isChanged = await hasChanged(this.#context, batch, window, this.#room);
      } catch (error) {
        // The filesystem does not answer: nothing was touched.
        await takeBack(journal, unsafe, batch, before);
        throw error;
      }
      if (!isChanged) return batch;
      // Prepared again, its own intent would count as a repair that was cut off, and be finished over what has changed.
      if (!(await takeBack(journal, unsafe, batch, before))) throw unrecalled(file.facts.path, batch);
      await strikeStoredOver(this.#context, window);
      const span = spanOf(window);
      if (span !== undefined) await this.#listed.askAgain(span);
      batch = await this.#prepare(window);
    }
    const details = { path: file.facts.path, ranges: bytesOf(batch.units) };
    const message = 'other processes kept changing these units while they were being repaired; nothing was touched';
    throw new RepairError(message, [], details);
  }

  /** Begins with the driver's call, before it returns. */
  async #write(batch: Batch): Promise<void> {
    const { file, unsafe, assertOpen } = this.#context;
    await writeUnits(file, unsafe, batch.units, this.#request, batch.fileSizeBytes);
    assertOpen();
    const appended = await appendedTail(file, batch.units, batch.fileSizeBytes);
    assertOpen();
    this.#unstruck = settle(unsafe, batch, appended);
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

  #note({ window, units, refused }: Batch): void {
    this.#surveyed.push(...window);
    for (const unit of [...units, ...refused]) this.#worked.push(unit);
  }

  /** `after`: what the kernel's list says now. */
  #receipt(after: FileBadBlocks): RepairReceipt {
    const healthy = subtract(this.#surveyed, bytesOf(this.#worked)).map(healthyUnits);
    const worked = this.#worked.map((unit) => reportUnit(unit, this.#listed.before, after));
    return { units: [...healthy, ...worked].sort((a, b) => a.range.offset - b.range.offset) };
  }
}

async function atMost(settling: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([settling, new Promise((resolve) => { timer = setTimeout(resolve, timeoutMs); })]);
  clearTimeout(timer);
}

/** The error was made before the receipt was known. */
function attach(error: RepairError, receipt: RepairReceipt): void {
  Object.defineProperty(error, 'receipt', { value: receipt, enumerable: true });
}
