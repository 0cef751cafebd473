/** The slow half of read, write and persist: what happens once a fault was caught, or once there is anything to avoid. */
import type { ByteRange } from '../ranges/byte-range.js';
import { wholeUnits } from '../ranges/whole-units.js';
import { alignOut, coalesce, intersect, rangeBetween, rangeEnd, subtract } from '../ranges/byte-range.js';
import { forgetHealthy, stillLost } from './ask-again.js';
import type { Classification } from './classify.js';
import { classifyFault } from './classify.js';
import type { Gap } from './copy-around.js';
import { copyAround } from './copy-around.js';
import { noteFailedFlush } from './failed-flush.js';
import type { CompleteFile, CaughtFault, PersistProblem, ViewFault } from '../driver/driver.js';
import type { MediaErrorSource, Operation } from '../errors/errors.js';
import { MediaError, PmemError } from '../errors/errors.js';
import { publishFailure, publishMediaError, publishPersistFailure } from '../errors/events.js';
import type { UnsafeRanges } from './unsafe-ranges.js';
import type { Journal } from '../repair/journal/journal.js';
import { systemError, unexplainedFault } from '../errors/system-error.js';

/** The verdict on a hole that a view met and that can be loaded by now. */
const LOADABLE: Pick<Classification, 'kind' | 'failure' | 'facts'> = {
  kind: 'io',
  facts: 'it loads now: the file was cut off under the view and made longer since, or space was missing for a moment',
};

export class FaultPath {
  readonly #file: CompleteFile;
  readonly #unsafe: UnsafeRanges;
  readonly #journal: Journal;
  readonly #endOfFile: () => number;

  /** `endOfFile`: where this PmemFile has the file end, or is making it end. */
  constructor(file: CompleteFile, unsafe: UnsafeRanges, journal: Journal, endOfFile: () => number) {
    this.#file = file;
    this.#unsafe = unsafe;
    this.#journal = journal;
    this.#endOfFile = endOfFile;
  }

  /** `fault` is one that a read of the whole range has already met. Throws unless every byte was read. */
  read(target: Uint8Array, position: number, fault?: CaughtFault): void {
    const range: ByteRange = { offset: position, length: target.byteLength };
    // Before the bytes are loaded: what was loaded before another process repaired the loss is the repair's fill.
    this.refreshLosses(range);
    const known = this.#knownBad(range);
    const gaps = this.#around('read', range, known, fault, (piece) =>
      this.#file.read(target.subarray(piece.offset - position, rangeEnd(piece) - position), piece.offset),
    );
    this.#throwFor('read', gaps, known);
    if (target[target.byteLength - 1] === 0) this.requireInFile('read', range);
    this.#requireNothingLost(stillLost(this.#file, this.#unsafe, range, target));
  }

  /**
   * After a load that ended with a zero: throws if the file has been cut off before the end of the range. Inside the
   * last page such bytes load as zeros without a fault. A filesystem that does not answer hides nothing that was
   * loaded. Pages after that one fault by themselves, and what a view has of them it loaded before the cut.
   */
  requireInFile(operation: Operation, range: ByteRange): void {
    const size = this.#file.fileSizeSync();
    if ('failure' in size || size.sizeBytes >= rangeEnd(range)) return;
    const lastPage = alignOut({ offset: size.sizeBytes, length: 0 }, this.#file.facts.pageBytes);
    const cut = intersect(range, rangeBetween(size.sizeBytes, rangeEnd(lastPage)));
    if (cut !== undefined) this.#throwFor(operation, [{ ...cut, reason: 'truncated' }], []);
  }

  /** Stores everything that can be stored. Throws unless that was all of it. */
  write(source: Uint8Array, position: number, fault?: CaughtFault): void {
    const range: ByteRange = { offset: position, length: source.byteLength };
    if (this.#unsafe.isBusy(range)) {
      throw new PmemError('ERR_PMEM_LOCKED', 'a repair holds these bytes', { path: this.#path, ranges: [range] });
    }
    const known = this.#knownBad(range);
    const gaps = this.#around('write', range, known, fault, (piece) =>
      this.#file.write(source.subarray(piece.offset - position, rangeEnd(piece) - position), piece.offset),
    );
    for (const stored of subtract([range], [...gaps, ...known])) this.#unsafe.noteWritten(stored);
    this.#throwFor('write', gaps, known);
  }

  /** The parts of the range that a persist may touch: flushing a bad page faults like a load of it. */
  persistable(range: ByteRange): ByteRange[] {
    return this.#unsafe.isEmpty ? [range] : subtract([range], this.#unsafe.knownBadWithin(range));
  }

  /**
   * Throws for the parts that persistable() left out: what was stored there before they went bad is lost. And for bytes that
   * the kernel may have dropped: a flush of the file has failed, and they have not been written again since. `dropped`: of
   * those, the ones that had not been written again when the persist began.
   */
  requireAllDurable(range: ByteRange, dropped: readonly ByteRange[] = []): void {
    if (this.#unsafe.isEmpty && dropped.length === 0) return;
    this.#throwFor('persist', [], this.#unsafe.knownBadWithin(range));
    const ranges = coalesce([...dropped, ...this.#unsafe.unpersistedWithin(range)]);
    if (ranges.length === 0) return;
    const message = 'an earlier flush of this file failed, and these bytes have not been written again since';
    throw publishPersistFailure(this.#path, new PmemError('ERR_PMEM_IO', message, { path: this.#path, ranges }));
  }

  /** Throws for what loads of a view met, by what the file says of those pages now, and for what is known to be bad. */
  requireViewed(range: ByteRange, faults: readonly ViewFault[]): void {
    const gaps = faults.flatMap((fault): Gap | [] => {
      // The load cannot be repeated: zeros have taken the page's place in the view. So this never calls a fault passed.
      const verdict = classifyFault(this.#file, 'read', { ...fault, granuleLog2: 0 });
      if (verdict === undefined) return [];
      const { kind: reason, failure, facts } = this.#isLoadable(fault, verdict) ? LOADABLE : verdict;
      const shared = intersect(range, { offset: fault.position, length: fault.length }) ?? range;
      return { offset: shared.offset, length: shared.length, reason, failure, facts };
    });
    // What was lost or half repaired when it was loaded, whatever #knownBad() learns of it now.
    const lost = stillLost(this.#file, this.#unsafe, range);
    const unfinished = this.#unsafe.unfinishedWithin(range);
    const known = this.#unsafe.isEmpty ? [] : this.#knownBad(range);
    this.#throwFor('view', gaps, coalesce([...known, ...unfinished]));
    this.#requireNothingLost(lost);
  }

  /** No space is missing for a hole that loads: the file was cut off under the view, and made longer since. */
  #isLoadable({ position }: ViewFault, { kind }: Classification): boolean {
    return kind === 'no-space' && this.#file.read(new Uint8Array(1), position) === undefined;
  }

  /** Before anything is loaded: throws for what is known to be bad or lost. */
  requireNothingKnown(range: ByteRange): void {
    if (this.#unsafe.isEmpty) return;
    this.refreshLosses(range);
    this.#throwFor('view', [], this.#knownBad(range));
    this.#requireNothingLost(stillLost(this.#file, this.#unsafe, range));
  }

  /** Throws what `problem`, which a persist of the range reported, means. Returns if it has passed and the range is durable. */
  requirePersisted(range: ByteRange, problem: PersistProblem, leastEnd?: number): void {
    if (problem === undefined) return;
    if (!('signalCode' in problem)) {
      this.requireFlushed([range], problem, leastEnd);
      return;
    }
    this.#explainFlush(range, problem);
    // Every page can be read by now, and the flush stopped at one: it is repeated, once.
    const again = this.#file.persist(range.offset, range.length);
    if (again === undefined) return;
    if (!('signalCode' in again)) {
      this.requireFlushed([range], again);
      return;
    }
    this.#explainFlush(range, again);
    const facts = `SIGBUS with code ${again.signalCode}, though every page can be read`;
    this.#throwFor('persist', [{ ...range, reason: 'io', facts }], []);
  }

  /**
   * Throws for a persist of the ranges that failed, or found the file shorter. Bytes that a resize() of this file has
   * cut off, or is cutting off, were not truncated: the rest is durable. `leastEnd`: where one had it end meanwhile.
   */
  requireFlushed(
    ranges: readonly ByteRange[], problem: Exclude<PersistProblem, CaughtFault | undefined>, leastEnd = Infinity,
  ): void {
    if ('fileSizeBytes' in problem && problem.fileSizeBytes >= Math.min(leastEnd, this.#endOfFile())) return;
    throw publishPersistFailure(this.#path, publishFailure(this.#path, this.#persistErrorOf(ranges, problem)));
  }

  #persistErrorOf(ranges: readonly ByteRange[], problem: Exclude<PersistProblem, CaughtFault | undefined>): PmemError {
    const path = this.#path;
    if ('fileSizeBytes' in problem) {
      const size = problem.fileSizeBytes;
      const gone: ByteRange = { offset: size, length: Number.MAX_SAFE_INTEGER - size };
      const cut = coalesce(ranges.flatMap((range) => intersect(range, gone) ?? []));
      return new PmemError('ERR_PMEM_TRUNCATED', 'persist met the end of a file that was truncated', { path, ranges: cut });
    }
    noteFailedFlush(this.#file, this.#unsafe, problem);
    return systemError('cannot persist', problem, { path, ranges });
  }

  /** A MediaError over whole pages clipped to the file; what was not known before becomes known and is published. */
  mediaError(
    operation: Operation,
    source: MediaErrorSource,
    ranges: readonly ByteRange[],
    cause?: unknown,
  ): MediaError {
    const { pageBytes } = this.#file.facts;
    const file: ByteRange = { offset: 0, length: this.#file.mappedBytes };
    const pages = wholeUnits(ranges, pageBytes);
    const clipped = pages.flatMap((range) => intersect(range, file) ?? []);
    const error = new MediaError(operation, source, { path: this.#path, ranges: clipped, cause });
    if (source === 'sigbus' || source === 'errno') {
      this.#unsafe.addMet(clipped);
      publishMediaError({ path: this.#path, error });
    }
    return error;
  }

  get #path(): string {
    return this.#file.facts.path;
  }

  /** The flush stopped at one page. Which bad ones there are, reading tells, each touched once; throws for them. */
  #explainFlush(range: ByteRange, fault: CaughtFault): void {
    const page = new Uint8Array(this.#file.facts.pageBytes);
    const load = (piece: ByteRange): CaughtFault | undefined => {
      for (let at = piece.offset; at < rangeEnd(piece); at += page.byteLength) {
        const met = this.#file.read(page.subarray(0, Math.min(page.byteLength, rangeEnd(piece) - at)), at);
        if (met !== undefined) return met;
      }
      return undefined;
    };
    this.#throwFor('persist', copyAround(this.#file, 'read', range, load, fault), []);
  }

  /** Asks the journal again for bytes that are about to be loaded and are known to be lost. */
  refreshLosses(range: ByteRange): void {
    if (this.#unsafe.isEmpty || this.#unsafe.lostWithin(range).length === 0) return;
    this.#journal.refresh();
  }

  #requireNothingLost(lost: readonly ByteRange[]): void {
    if (lost.length === 0) return;
    throw new PmemError('ERR_PMEM_LOST', 'a repair could not bring these bytes back', { path: this.#path, ranges: lost });
  }

  #knownBad(range: ByteRange): ByteRange[] {
    const known = this.#unsafe.knownBadWithin(range);
    if (known.length === 0 || this.#unsafe.isBusy(range)) return known;
    this.#journal.refresh();
    forgetHealthy(this.#file, this.#unsafe, range);
    return this.#unsafe.knownBadWithin(range);
  }

  /** Bytes that only an unfinished repair closes may read well: what is said of them must not be that they do not. */
  #sourceOf(known: readonly ByteRange[]): MediaErrorSource {
    return subtract(known, this.#unsafe.unfinished).length === 0 ? 'unfinished' : 'known';
  }

  #around(
    operation: 'read' | 'write',
    range: ByteRange,
    known: readonly ByteRange[],
    fault: CaughtFault | undefined,
    copy: (piece: ByteRange) => CaughtFault | undefined,
  ): Gap[] {
    if (known.length === 0) return copyAround(this.#file, operation, range, copy, fault);
    return subtract([range], known).flatMap((piece) => copyAround(this.#file, operation, piece, copy));
  }

  /** Throws for what was met now and what was known before: a media error first, anything else as its cause. */
  #throwFor(operation: Operation, gaps: readonly Gap[], known: readonly ByteRange[]): void {
    if (gaps.length === 0 && known.length === 0) return;
    const path = this.#path;
    const ofKind = (reason: Gap['reason']): ByteRange[] => coalesce(gaps.filter((gap) => gap.reason === reason));
    const unstored = ofKind('no-space');
    const truncated = ofKind('truncated');
    const met = ofKind('media');
    const unexplained = ofKind('io');
    let error: PmemError | undefined;
    if (unexplained.length > 0) error = unexplainedFault(operation, gaps.find(({ reason }) => reason === 'io') ?? {}, { path, ranges: unexplained });
    if (unstored.length > 0) {
      const facts = gaps.find(({ reason }) => reason === 'no-space')?.facts;
      const message = `${operation} found no space left${facts === undefined ? '' : ` (${facts})`}`;
      error = publishFailure(path, new PmemError('ERR_PMEM_NO_SPACE', message, { path, ranges: unstored, cause: error }));
    }
    if (truncated.length > 0) {
      const message = `${operation} met the end of a file that was truncated`;
      error = publishFailure(path, new PmemError('ERR_PMEM_TRUNCATED', message, { path, ranges: truncated, cause: error }));
    }
    if (met.length > 0 || known.length > 0) {
      error = this.mediaError(operation, met.length > 0 ? 'sigbus' : this.#sourceOf(known), [...met, ...known], error);
    }
    if (error === undefined) return;
    throw operation === 'persist' ? publishPersistFailure(path, error) : error;
  }
}
