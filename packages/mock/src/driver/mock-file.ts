/** The DriverFile: announces each call to the observer, then hands it to the simulated kernel. */
import {
  type ByteRange,
  type DeviceBadBlocks,
  type CompleteFile,
  Errno,
  errnoName,
  type ExtentsOutcome,
  type CaughtFault,
  type FileFacts,
  type FileSizeOutcome,
  type JournalFile,
  type JournalOutcome,
  type MarkOutcome,
  type NamesOutcome,
  type PersistProblem,
  type ProbeOutcome,
  rangeEnd,
  type Rewrite,
  type Rewritten,
  type SystemFailure,
  type Transfer,
  type Truncation,
  type ViewOutcome,
  type WatchOutcome,
  type ZeroRangeTrialOutcome,
} from '@safe-pmem/core';
import { SimulatedCrash } from '../faults/simulated-crash.js';
import { ADDRESS_SPACE_BYTES, BLOCK_BYTES, blocksIn } from '../hardware/geometry.js';
import type { Inode } from '../filesystem/inode.js';
import { zeroRange } from '../kernel/fallocate.js';
import { fiemap } from '../kernel/fiemap.js';
import { readJournal, readMark, removeJournal, writeJournal, writeMark } from '../kernel/journal.js';
import { mappedAround } from '../kernel/huge-page.js';
import { isHole, load, store } from '../kernel/mapped-access.js';
import type { Mapping } from '../kernel/mapping.js';
import { flushLines, syncFile, syncRange } from '../kernel/persist.js';
import { pread } from '../kernel/pread.js';
import { pwrite } from '../kernel/pwrite.js';
import { growAllocated, truncate } from '../kernel/truncate.js';
import { tryZeroRange } from '../kernel/zero-range-trial.js';
import type { Machine } from '../machine.js';
import { MockView } from './mock-view.js';
import type { OperationEffect, OperationName } from './operation.js';
import { ABSENT, PageTable, POISON_MARKER } from '../kernel/page-table.js';
import type { OpenHandle, Process } from '../kernel/process.js';
import { atOnce } from './turns.js';

/** fcntl: this filesystem has no locks. */
const ENOLCK = 37;

export class MockFile implements CompleteFile, OpenHandle {
  readonly facts: FileFacts;
  readonly deviceIdentity: object;
  mappedBytes: number;
  readonly #machine: Machine;
  readonly #inode: Inode;
  readonly #mapping: Mapping;
  readonly #life: number;
  readonly #process: Process;
  /** Calls that have been made and have not happened yet: close() comes after them. */
  readonly #inFlight = new Set<Promise<unknown>>();
  #closed = false;

  constructor(machine: Machine, inode: Inode, facts: FileFacts, process: Process) {
    this.facts = facts;
    this.deviceIdentity = machine.identity;
    this.mappedBytes = inode.sizeBytes;
    this.#machine = machine;
    this.#inode = inode;
    const pages = blocksIn(inode.sizeBytes);
    this.#mapping = { inode, table: new PageTable(), pages, sync: facts.mapSync, avoidsHugePages: false };
    this.#life = machine.life;
    this.#process = process;
    process.handles.add(this);
    inode.openCount++;
    inode.mappings.add(this.#mapping.table);
  }

  read(target: Uint8Array, position: number): CaughtFault | undefined {
    checkAttached(target);
    this.#checkMapped(position, target.length);
    const effect = this.#begin('read', position, target.length);
    if (effect !== undefined && 'signalCode' in effect) return { granuleLog2: 0, ...effect, position };
    return load(this.#machine, this.#mapping, target, position);
  }

  write(source: Uint8Array, position: number): CaughtFault | undefined {
    if (this.facts.readOnly) throw new TypeError(`'${this.facts.path}' is mapped read-only`);
    checkAttached(source);
    this.#checkMapped(position, source.length);
    const effect = this.#begin('write', position, source.length);
    if (effect !== undefined && 'signalCode' in effect) return { granuleLog2: 0, ...effect, position };
    return store(this.#machine, this.#mapping, source, position);
  }

  persist(position: number, length: number): PersistProblem {
    return this.persistRanges([{ offset: position, length }]);
  }

  persistRanges(ranges: readonly ByteRange[]): PersistProblem {
    const [first] = ranges;
    if (first === undefined) return undefined;
    const { facts } = this;
    let fault: CaughtFault | undefined;
    const failure = this.#call('persist', facts.mapSync ? 'persist' : 'msync', first.offset, first.length, () => {
      for (const { offset, length } of ranges) {
        if (!facts.mapSync) {
          const errno = syncRange(this.#machine, this.#inode, offset, length);
          if (errno !== 0) return errno;
        } else fault ??= flushLines(this.#machine, this.#mapping, offset, length);
      }
      return 0;
    });
    return failure ?? fault ?? this.#truncation(ranges);
  }

  writeAndPersist(source: Uint8Array, position: number): PersistProblem {
    return this.write(source, position) ?? this.persist(position, source.length);
  }

  /** A number is loaded as any other bytes are. */
  memoryWindow(): undefined {
    return undefined;
  }

  takeFault(): undefined {
    return undefined;
  }

  view(position: number, length: number): ViewOutcome {
    this.#checkMapped(position, length);
    const effect = this.#begin('view', position, length);
    if (effect !== undefined && 'errno' in effect) return { failure: { errno: effect.errno, syscall: 'mmap' } };
    const signal = effect !== undefined && 'signalCode' in effect ? effect : undefined;
    return {
      view: new MockView((target, at) => {
        if (signal !== undefined) return { granuleLog2: 0, ...signal, position: at };
        // Mapped anew for each page, so that none is remembered from before the kernel learned of a bad block.
        return load(this.#machine, { ...this.#mapping, table: new PageTable(), sync: false }, target, at);
      }, position, length),
    };
  }

  persistAsync(position: number, length: number): Promise<PersistProblem> {
    return this.#later('persist', position, length, () => this.persist(position, length));
  }

  probe(position: number, length: number): ProbeOutcome {
    const effect = this.#begin('probe', position, length);
    const { filesystem } = this.#machine;
    const unanswered = this.#machine.step('fstat');
    if (unanswered !== undefined && 'errno' in unanswered) return { failure: { errno: unanswered.errno, syscall: 'fstat' } };
    // XFS refuses fstat; ext4 answers it, and refuses a pread of no bytes.
    const refused = this.facts.filesystem === 'xfs' ? 'fstat' : 'pread';
    if (filesystem.shutDown) return { failure: { errno: Errno.EIO, syscall: refused } };
    const unwritable = this.#machine.step('pwrite');
    const isPoisonedInMemory = this.#mapping.table.entry(Math.floor(position / BLOCK_BYTES)) === POISON_MARKER;
    const readErrno = isPoisonedInMemory
      ? Errno.EHWPOISON
      : pread(this.#machine, this.#inode, new Uint8Array(length), position).errno;
    return {
      fileSizeBytes: this.#inode.sizeBytes,
      readErrno: effect !== undefined && 'errno' in effect ? effect.errno : readErrno,
      writeErrno: this.facts.readOnly ? Errno.EBADF : unwritable !== undefined && 'errno' in unwritable ? unwritable.errno : 0,
      hole: isHole(this.#machine, this.#inode, position),
      freeBytes: filesystem.pool.freeBytes,
    };
  }

  avoidHugePages(): SystemFailure | undefined {
    if (this.#closed) return { errno: Errno.EBADF, syscall: 'madvise' };
    this.#mapping.avoidsHugePages = true;
    return undefined;
  }

  remap(position: number, length: number): SystemFailure | undefined {
    return this.#call('remap', 'mmap', position, length, () => {
      if (position % BLOCK_BYTES !== 0) return Errno.EINVAL;
      this.#mapping.table.invalidate(position / BLOCK_BYTES, Math.ceil(length / BLOCK_BYTES));
      return 0;
    });
  }

  pread(target: Uint8Array, position: number): Promise<Transfer> {
    return this.#later('pread', position, target.length, () => this.#pread(target, position));
  }

  pwrite(source: Uint8Array, position: number): Promise<Transfer> {
    return this.#later('pwrite', position, source.length, () => this.#pwrite(source, position));
  }

  rewrite(pieces: readonly Rewrite[], bytes: Uint8Array): Promise<readonly Rewritten[]> {
    const [first] = pieces;
    return this.#later('pwrite', first?.position ?? 0, first?.length ?? 0, () => pieces.map((piece) => {
      const { reset, position, sourceOffset, length } = piece;
      const refused = reset === undefined ? undefined : this.#zeroRange(reset.offset, reset.length);
      if (refused !== undefined) return { syscall: 'fallocate', errno: refused.errno, transferredBytes: 0 };
      return { syscall: 'pwrite', ...this.#pwrite(bytes.subarray(sourceOffset, sourceOffset + length), position) };
    }));
  }

  /** In one call: where a short one ends is where the next would fail. */
  scrub(position: number, length: number): Promise<Transfer> {
    return this.pread(new Uint8Array(length), position);
  }

  sync(): Promise<SystemFailure | undefined> {
    return this.#callAsync('sync', 'fdatasync', 0, 0, () => syncFile(this.#machine, this.#inode));
  }

  zeroRange(position: number, length: number): Promise<SystemFailure | undefined> {
    return this.#later('zeroRange', position, length, () => this.#zeroRange(position, length));
  }

  tryZeroRange(): Promise<ZeroRangeTrialOutcome> {
    return this.#later('tryZeroRange', 0, 0, () => {
      const errno = this.#errno('tryZeroRange', 0, 0);
      return errno === 0 ? tryZeroRange(this.#machine) : { failure: { errno, syscall: 'open' } };
    });
  }

  resize(sizeBytes: number, preallocated: boolean): Promise<SystemFailure | undefined> {
    return this.#later('resize', sizeBytes, 0, () => {
      if (sizeBytes > ADDRESS_SPACE_BYTES) return { errno: Errno.ENOMEM, syscall: 'mmap' };
      const allocates = preallocated && sizeBytes > this.#inode.sizeBytes && !this.facts.readOnly;
      // Whether the file grows or shrinks, fstat has to tell.
      const syscall = this.#machine.filesystem.shutDown ? 'fstat' : allocates ? 'fallocate' : 'ftruncate';
      // To grow from what is mapped never cuts off what others have added.
      const isThere = sizeBytes >= this.mappedBytes && sizeBytes <= this.#inode.sizeBytes && !this.facts.readOnly;
      const failure = this.#call('resize', syscall, sizeBytes, 0, () => {
        if (isThere) return this.#machine.filesystem.shutDown ? Errno.EIO : 0;
        return allocates ? growAllocated(this.#machine, this.#inode, sizeBytes) : this.#truncate(sizeBytes);
      });
      if (failure !== undefined) return failure;
      this.#mapping.table.invalidate(0, Infinity);
      this.mappedBytes = sizeBytes;
      this.#mapping.pages = blocksIn(sizeBytes);
      return undefined;
    });
  }

  truncate(sizeBytes: number): Promise<SystemFailure | undefined> {
    return this.#callAsync('truncate', 'ftruncate', sizeBytes, 0, () => this.#truncate(sizeBytes));
  }

  fileSize(): Promise<FileSizeOutcome> {
    return this.#later('fileSize', 0, 0, () => {
      const failure = this.#call('fileSize', 'fstat', 0, 0, () => (this.#statFails ? Errno.EIO : 0));
      return failure === undefined ? { sizeBytes: this.#inode.sizeBytes } : { failure };
    });
  }

  /** Announced to nobody: it loads nothing, changes nothing, and follows every load of zeros. */
  fileSizeSync(): FileSizeOutcome {
    this.#checkAlive();
    if (this.#closed) return { failure: { errno: Errno.EBADF, syscall: 'fstat' } };
    return this.#statFails ? { failure: { errno: Errno.EIO, syscall: 'fstat' } } : { sizeBytes: this.#inode.sizeBytes };
  }

  extents(position: number, length: number): Promise<ExtentsOutcome> {
    return this.#later('extents', position, length, () => {
      const errno = this.#errno('extents', position, length);
      if (errno !== 0) return { failure: { errno, syscall: 'ioctl' } };
      // FIEMAP_FLAG_SYNC writes the file back.
      this.#inode.protect();
      return fiemap(this.#machine, this.#inode, position, length);
    });
  }

  badBlocks(): Promise<DeviceBadBlocks> {
    return this.#later('badBlocks', 0, 0, () => {
      const errno = this.#errno('badBlocks', 0, 0);
      if (errno !== 0) return { supported: false, reason: `the list cannot be read: ${errnoName(errno)}` };
      if (this.#machine.rules.badBlockList) return { supported: true, ranges: this.#machine.device.known.ranges() };
      return { supported: false, reason: `${this.facts.filesystem} here is not on persistent memory` };
    });
  }

  lock(position: number, length: number): SystemFailure | undefined {
    return this.#call('lock', 'fcntl', position, length, () => {
      if (this.facts.readOnly) return Errno.EBADF;
      if (!this.#machine.locks) return ENOLCK;
      return this.#inode.locks.lock(this, { offset: position, length }) ? 0 : Errno.EAGAIN;
    });
  }

  unlock(position: number, length: number): SystemFailure | undefined {
    return this.#call('unlock', 'fcntl', position, length, () => {
      if (!this.#machine.locks) return ENOLCK;
      this.#inode.locks.unlock(this, { offset: position, length });
      return 0;
    });
  }

  readEach(pieces: readonly ByteRange[], bytes: Uint8Array): Promise<readonly Transfer[]> {
    return this.#later('pread', pieces[0]?.offset ?? 0, pieces[0]?.length ?? 0, () => {
      let at = 0;
      return pieces.map(({ offset, length }) => this.#pread(bytes.subarray(at, (at += length)), offset));
    });
  }

  readJournal(place: string, limitBytes: number): Promise<JournalOutcome> {
    return this.#later('readJournal', 0, 0, () => this.readJournalSync(place, limitBytes));
  }

  readJournalSync(place: string, limitBytes: number): JournalOutcome {
    const errno = this.#errno('readJournal', 0, 0);
    if (errno !== 0) return { status: 'failed', failure: { errno, syscall: 'read' } };
    return readJournal(this.#machine, this.facts, place, limitBytes);
  }

  writeJournal(place: string, journal: JournalFile): Promise<SystemFailure | undefined> {
    return this.#later('writeJournal', 0, 0, () => this.writeJournalSync(place, journal));
  }

  writeJournalSync(place: string, journal: JournalFile): SystemFailure | undefined {
    const errno = this.#errno('writeJournal', 0, 0);
    return errno === 0 ? writeJournal(this.#machine, this.facts, place, journal) : { errno, syscall: 'open' };
  }

  removeJournal(place: string): Promise<SystemFailure | undefined> {
    return this.#later('removeJournal', 0, 0, () => this.removeJournalSync(place));
  }

  removeJournalSync(place: string): SystemFailure | undefined {
    const errno = this.#errno('removeJournal', 0, 0);
    return errno === 0 ? removeJournal(this.#machine, this.facts, place) : { errno, syscall: 'unlink' };
  }

  readMark(): MarkOutcome {
    const errno = this.#errno('readMark', 0, 0);
    return errno === 0 ? readMark(this.#machine, this.#inode) : { status: 'failed', failure: { errno, syscall: 'getxattr' } };
  }

  writeMark(mark: Uint8Array): Promise<SystemFailure | undefined> {
    return this.#later('writeMark', 0, 0, () => this.writeMarkSync(mark));
  }

  writeMarkSync(mark: Uint8Array): SystemFailure | undefined {
    const errno = this.#errno('writeMark', 0, 0);
    return errno === 0 ? writeMark(this.#machine, this.#inode, mark) : { errno, syscall: 'setxattr' };
  }

  names(): NamesOutcome {
    const errno = this.#errno('names', 0, 0);
    if (errno !== 0) return { failure: { errno, syscall: 'fstat' } };
    const { filesystem } = this.#machine;
    return { linkCount: filesystem.linkCount(this.#inode), isAtPath: filesystem.find(this.facts.path) === this.#inode };
  }

  /** What close(2) fails with, the file is closed all the same. */
  close(): Promise<SystemFailure | undefined> {
    const close = (): Promise<SystemFailure | undefined> =>
      this.#later('close', 0, 0, () => {
        this.#checkAlive();
        if (this.#closed) return { errno: Errno.EBADF, syscall: 'close' };
        const errno = this.#errno('close', 0, 0);
        this.#release();
        this.#process.handles.delete(this);
        return errno === 0 ? undefined : { errno, syscall: 'close' };
      });
    return this.#inFlight.size === 0 ? close() : Promise.allSettled(this.#inFlight).then(close);
  }

  /** The process dies. */
  maps(inode: Inode, page: number): boolean {
    return inode === this.#inode && !this.#closed && this.#mapping.table.entry(page) !== ABSENT;
  }

  watchMemory(lost: (range: ByteRange) => void): WatchOutcome {
    if (this.#closed) return { supported: false, reason: 'the file is closed' };
    if (!this.#machine.rules.persistentMedium) return { supported: false, reason: 'tmpfs has no medium' };
    const around = (page: number): ByteRange => mappedAround(this.#mapping, page);
    const watch = { process: this.#process, inode: this.#inode, around, lost };
    return { supported: true, watch: { close: this.#machine.memoryWatches.add(watch) } };
  }

  abandon(): void {
    if (!this.#closed && this.#machine.life === this.#life) this.#release();
  }

  #release(): void {
    this.#closed = true;
    this.#inode.mappings.delete(this.#mapping.table);
    this.#inode.locks.unlockAll(this);
    this.#inode.openCount--;
    this.#machine.filesystem.freeIfUnused(this.#inode);
  }

  /** Once it has shut down, XFS refuses fstat; ext4 answers it. */
  get #statFails(): boolean {
    return this.#machine.filesystem.shutDown && this.facts.filesystem === 'xfs';
  }

  /** What msync does not notice, and a look at the size does. */
  #truncation(ranges: readonly ByteRange[]): Truncation | undefined {
    const fileSizeBytes = this.#inode.sizeBytes;
    const isCut = !this.facts.mapSync && ranges.some((range) => rangeEnd(range) > fileSizeBytes);
    return isCut ? { fileSizeBytes } : undefined;
  }

  #pread(target: Uint8Array, position: number): Transfer {
    this.#checkAlive();
    if (this.#closed) return { transferredBytes: 0, errno: Errno.EBADF };
    const effect = this.#begin('pread', position, target.length);
    if (effect !== undefined && 'errno' in effect) return { transferredBytes: 0, errno: effect.errno };
    return pread(this.#machine, this.#inode, shortened(target, effect), position);
  }

  #pwrite(source: Uint8Array, position: number): Transfer {
    this.#checkAlive();
    if (this.#closed) return { transferredBytes: 0, errno: Errno.EBADF };
    const effect = this.#begin('pwrite', position, source.length);
    if (effect !== undefined && 'errno' in effect) return { transferredBytes: 0, errno: effect.errno };
    if (this.facts.readOnly) return { transferredBytes: 0, errno: Errno.EBADF };
    return pwrite(this.#machine, this.#inode, shortened(source, effect), position);
  }

  #zeroRange(position: number, length: number): SystemFailure | undefined {
    return this.#call('zeroRange', 'fallocate', position, length, () =>
      this.facts.readOnly ? Errno.EBADF : zeroRange(this.#machine, this.#inode, position, length),
    );
  }

  #truncate(sizeBytes: number): number {
    return this.facts.readOnly ? Errno.EINVAL : truncate(this.#machine, this.#inode, sizeBytes);
  }

  #begin(name: OperationName, position: number, length: number): OperationEffect | undefined {
    this.#checkAlive();
    if (this.#closed) throw new Error(`${name} of '${this.facts.path}' after close`);
    const machine = this.#machine;
    if (machine.observed) return machine.begin(name, this.facts.path, position, length, this.#process);
    machine.operations++;
    return undefined;
  }

  #checkAlive(): void {
    if (this.#machine.life !== this.#life) throw new SimulatedCrash(`'${this.facts.path}' was open when power failed`);
    if (!this.#process.alive) throw new SimulatedCrash(`'${this.facts.path}' was open when process '${this.#process.name ?? ''}' was killed`);
  }

  /** Runs a system call whose outcome is an errno, unless #errno has one for it. */
  #call(
    name: OperationName,
    syscall: string,
    position: number,
    length: number,
    body: () => number,
  ): SystemFailure | undefined {
    const errno = this.#errno(name, position, length) || body();
    return errno === 0 ? undefined : { errno, syscall };
  }

  /** Announces an operation; EBADF after close, or the errno that the observer wants, or 0. */
  #errno(name: OperationName, position: number, length: number): number {
    this.#checkAlive();
    if (this.#closed) return Errno.EBADF;
    const effect = this.#begin(name, position, length);
    return effect !== undefined && 'errno' in effect ? effect.errno : 0;
  }

  #checkMapped(position: number, length: number): void {
    if (Number.isSafeInteger(position) && position >= 0 && position + length <= this.mappedBytes) return;
    throw new RangeError(`${length} bytes at ${position} do not lie in the ${this.mappedBytes} bytes mapped`);
  }

  #callAsync(
    name: OperationName,
    syscall: string,
    position: number,
    length: number,
    body: () => number,
  ): Promise<SystemFailure | undefined> {
    return this.#later(name, position, length, () => this.#call(name, syscall, position, length, body));
  }

  /** Runs `body` when the machine says that the call happens. */
  #later<T>(name: OperationName, position: number, length: number, body: () => T): Promise<T> {
    const { turns } = this.#machine;
    const call = { process: this.#process, name, path: this.facts.path, position, length };
    const outcome = turns.wait(call, body);
    if (turns === atOnce) return outcome;
    this.#inFlight.add(outcome);
    const ended = (): void => {
      this.#inFlight.delete(outcome);
    };
    outcome.then(ended, ended);
    return outcome;
  }
}

function shortened(bytes: Uint8Array, effect: OperationEffect | undefined): Uint8Array {
  return effect !== undefined && 'shortBytes' in effect ? bytes.subarray(0, effect.shortBytes) : bytes;
}

/** `byteLength` tells a detached array; its `length` may not, in compiled code of Node 20 and 22. */
function checkAttached(bytes: Uint8Array): void {
  if (bytes.byteLength === 0) throw new TypeError('the array is empty, or its buffer is detached');
}
