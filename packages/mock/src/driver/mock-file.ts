/** One open file of the simulated machine: a DriverFile whose calls are announced to the observer and then carried out. */
import {
  type ByteRange,
  type CaughtFault,
  type CompleteFile,
  type DeviceBadBlocks,
  Errno,
  errnoName,
  type ExtentsOutcome,
  type FileFacts,
  type FileSizeOutcome,
  type FolderOutcome,
  type IdentityOutcome,
  type JournalFile,
  type JournalOutcome,
  type MarkOutcome,
  type NamesOutcome,
  type PersistProblem,
  type ProbeOutcome,
  type Rewrite,
  type Rewritten,
  type SystemFailure,
  type Transfer,
  type ViewOutcome,
  type WatchOutcome,
  type ZeroRangeTrialOutcome,
} from '@safe-pmem/core';
import type { Inode } from '../filesystem/inode.js';
import { ADDRESS_SPACE_BYTES } from '../hardware/geometry.js';
import { zeroRange } from '../kernel/fallocate.js';
import { fiemap } from '../kernel/fiemap.js';
import { mappedAround } from '../kernel/huge-page.js';
import { ABSENT } from '../kernel/page-table.js';
import { dropWriteback, syncFile } from '../kernel/persist.js';
import { pread } from '../kernel/pread.js';
import type { OpenHandle, Process } from '../kernel/process.js';
import { pwrite } from '../kernel/pwrite.js';
import { growAllocated, truncate } from '../kernel/truncate.js';
import { tryZeroRange } from '../kernel/zero-range-trial.js';
import type { Machine } from '../machine.js';
import { AnnouncedCalls } from './announced-calls.js';
import { MockJournal } from './mock-journal.js';
import { MockMemory } from './mock-memory.js';
import type { OperationEffect } from './operation.js';

/** System calls that Linux tells once that a page could not be written. */
const FLUSHES: readonly string[] = ['msync', 'fdatasync'];
/** fcntl: this filesystem has no locks. */
const ENOLCK = 37;

export class MockFile implements CompleteFile, OpenHandle {
  readonly facts: FileFacts;
  readonly deviceIdentity: object;
  readonly #machine: Machine;
  readonly #inode: Inode;
  readonly #process: Process;
  readonly #calls: AnnouncedCalls;
  readonly #memory: MockMemory;
  readonly #journal: MockJournal;
  /** A failure of a flush in flight that its caller has not heard of: until it has, every other flush fails alike. */
  #untold: SystemFailure | undefined;

  constructor(machine: Machine, inode: Inode, facts: FileFacts, process: Process) {
    this.facts = facts;
    this.deviceIdentity = machine.identity;
    this.#machine = machine;
    this.#inode = inode;
    this.#process = process;
    this.#calls = new AnnouncedCalls(machine, process, facts.path);
    this.#memory = new MockMemory(machine, inode, facts, this.#calls);
    this.#journal = new MockJournal(machine, inode, facts, this.#calls);
    process.handles.add(this);
    inode.openCount++;
    inode.mappings.add(this.#memory.mapping.table);
  }

  // The mapping

  get mappedBytes(): number {
    return this.#memory.mappedBytes;
  }

  read(target: Uint8Array, position: number): CaughtFault | undefined {
    return this.#memory.read(target, position);
  }

  write(source: Uint8Array, position: number): CaughtFault | undefined {
    return this.#memory.write(source, position);
  }

  persist(position: number, length: number): PersistProblem {
    return this.persistRanges([{ offset: position, length }]);
  }

  persistRanges(ranges: readonly ByteRange[]): PersistProblem {
    return this.#untold ?? this.#memory.persist(ranges);
  }

  writeAndPersist(source: Uint8Array, position: number): PersistProblem {
    return this.write(source, position) ?? this.persist(position, source.length);
  }

  persistAsync(position: number, length: number): Promise<PersistProblem> {
    return this.#calls.later('persist', position, length, () => this.#toldLater(this.persist(position, length)));
  }

  /** Offers no window: a number is loaded as any other bytes are. */
  memoryWindow(): undefined {
    return undefined;
  }

  takeFault(): undefined {
    return undefined;
  }

  view(position: number, length: number): ViewOutcome {
    return this.#memory.view(position, length);
  }

  probe(position: number, length: number): ProbeOutcome {
    return this.#memory.probe(position, length);
  }

  avoidHugePages(): SystemFailure | undefined {
    return this.#memory.avoidHugePages();
  }

  remap(position: number, length: number): SystemFailure | undefined {
    return this.#memory.remap(position, length);
  }

  // The bytes of the file, by system calls

  pread(target: Uint8Array, position: number): Promise<Transfer> {
    return this.#calls.later('pread', position, target.length, () => this.#pread(target, position));
  }

  pwrite(source: Uint8Array, position: number): Promise<Transfer> {
    return this.#calls.later('pwrite', position, source.length, () => this.#pwrite(source, position));
  }

  readEach(pieces: readonly ByteRange[], bytes: Uint8Array): Promise<readonly Transfer[]> {
    return this.#calls.later('pread', pieces[0]?.offset ?? 0, pieces[0]?.length ?? 0, () => {
      let at = 0;
      return pieces.map(({ offset, length }) => this.#pread(bytes.subarray(at, (at += length)), offset));
    });
  }

  rewrite(pieces: readonly Rewrite[], bytes: Uint8Array): Promise<readonly Rewritten[]> {
    return this.#calls.later('pwrite', pieces[0]?.position ?? 0, pieces[0]?.length ?? 0, () =>
      pieces.map(({ reset, position, sourceOffset, length }) => {
        const refused = reset === undefined ? undefined : this.#zeroRange(reset.offset, reset.length);
        if (refused !== undefined) return { syscall: 'fallocate', errno: refused.errno, transferredBytes: 0 };
        return { syscall: 'pwrite', ...this.#pwrite(bytes.subarray(sourceOffset, sourceOffset + length), position) };
      }),
    );
  }

  /** Reads in one call. If it is short, the next would fail where it ends. */
  scrub(position: number, length: number): Promise<Transfer> {
    return this.pread(new Uint8Array(length), position);
  }

  sync(): Promise<SystemFailure | undefined> {
    return this.#calls.later('sync', 0, 0, () => this.#toldLater(this.#untold ?? this.#sync()));
  }

  zeroRange(position: number, length: number): Promise<SystemFailure | undefined> {
    return this.#calls.later('zeroRange', position, length, () => this.#zeroRange(position, length));
  }

  tryZeroRange(): Promise<ZeroRangeTrialOutcome> {
    return this.#calls.later('tryZeroRange', 0, 0, () => {
      const errno = this.#calls.errno('tryZeroRange');
      return errno === 0 ? tryZeroRange(this.#machine) : { failure: { errno, syscall: 'open' } };
    });
  }

  // Its size and its blocks

  resize(sizeBytes: number, preallocated: boolean): Promise<SystemFailure | undefined> {
    return this.#calls.later('resize', sizeBytes, 0, () => {
      if (sizeBytes > ADDRESS_SPACE_BYTES) return { errno: Errno.ENOMEM, syscall: 'mmap' };
      const allocates = preallocated && sizeBytes > this.#inode.sizeBytes && !this.facts.readOnly;
      // Whether the file grows or shrinks, fstat has to tell.
      const syscall = this.#machine.filesystem.shutDown ? 'fstat' : allocates ? 'fallocate' : 'ftruncate';
      // To grow from what is mapped never cuts off what others have added.
      const isThere = sizeBytes >= this.mappedBytes && sizeBytes <= this.#inode.sizeBytes && !this.facts.readOnly;
      const failure = this.#calls.call({ name: 'resize', syscall, position: sizeBytes, length: 0 }, () => {
        if (isThere) return this.#machine.filesystem.shutDown ? Errno.EIO : 0;
        return allocates ? growAllocated(this.#machine, this.#inode, sizeBytes) : this.#truncate(sizeBytes);
      });
      if (failure === undefined) this.#memory.resized(sizeBytes);
      return failure;
    });
  }

  truncate(sizeBytes: number): Promise<SystemFailure | undefined> {
    const call = { name: 'truncate', syscall: 'ftruncate', position: sizeBytes, length: 0 } as const;
    return this.#calls.callAsync(call, () => this.#truncate(sizeBytes));
  }

  fileSize(): Promise<FileSizeOutcome> {
    return this.#calls.later('fileSize', 0, 0, () => {
      const call = { name: 'fileSize', syscall: 'fstat', position: 0, length: 0 } as const;
      const failure = this.#calls.call(call, () => (this.#statFails ? Errno.EIO : 0));
      return failure === undefined ? { sizeBytes: this.#inode.sizeBytes } : { failure };
    });
  }

  /** Returns the size without announcing it: the call loads nothing, changes nothing, and follows every load of zeros. */
  fileSizeSync(): FileSizeOutcome {
    this.#calls.requireAlive();
    if (this.#calls.closed) return { failure: { errno: Errno.EBADF, syscall: 'fstat' } };
    return this.#statFails ? { failure: { errno: Errno.EIO, syscall: 'fstat' } } : { sizeBytes: this.#inode.sizeBytes };
  }

  extents(position: number, length: number): Promise<ExtentsOutcome> {
    return this.#calls.later('extents', position, length, () => {
      const errno = this.#calls.errno('extents', position, length);
      if (errno !== 0) return { failure: { errno, syscall: 'ioctl' } };
      // FIEMAP_FLAG_SYNC writes the file back.
      this.#inode.protect();
      return fiemap(this.#machine, this.#inode, position, length);
    });
  }

  badBlocks(): Promise<DeviceBadBlocks> {
    return this.#calls.later('badBlocks', 0, 0, () => {
      const errno = this.#calls.errno('badBlocks');
      if (errno !== 0) return { supported: false, reason: `the list cannot be read: ${errnoName(errno)}` };
      if (this.#machine.rules.badBlockList) return { supported: true, ranges: this.#machine.device.known.ranges() };
      return { supported: false, reason: `${this.facts.filesystem} here is not on persistent memory` };
    });
  }

  // Its locks

  lock(position: number, length: number): SystemFailure | undefined {
    return this.#calls.call({ name: 'lock', syscall: 'fcntl', position, length }, () => {
      if (this.facts.readOnly) return Errno.EBADF;
      if (!this.#machine.locks) return ENOLCK;
      return this.#inode.locks.lock(this, { offset: position, length }) ? 0 : Errno.EAGAIN;
    });
  }

  unlock(position: number, length: number): SystemFailure | undefined {
    return this.#calls.call({ name: 'unlock', syscall: 'fcntl', position, length }, () => {
      if (!this.#machine.locks) return ENOLCK;
      this.#inode.locks.unlock(this, { offset: position, length });
      return 0;
    });
  }

  // Its journal

  readJournal(place: string, limitBytes: number): Promise<JournalOutcome> {
    return this.#calls.later('readJournal', 0, 0, () => this.readJournalSync(place, limitBytes));
  }

  readJournalSync(place: string, limitBytes: number): JournalOutcome {
    return this.#journal.readJournalSync(place, limitBytes);
  }

  writeJournal(place: string, journal: JournalFile): Promise<SystemFailure | undefined> {
    const turn = this.#journal.takeTurn();
    return this.#calls.later('writeJournal', 0, 0, () => this.#journal.writeJournalSync(place, journal, turn));
  }

  writeJournalSync(place: string, journal: JournalFile): SystemFailure | undefined {
    return this.#journal.writeJournalSync(place, journal);
  }

  removeJournal(place: string): Promise<SystemFailure | undefined> {
    const turn = this.#journal.takeTurn();
    return this.#calls.later('removeJournal', 0, 0, () => this.#journal.removeJournalSync(place, turn));
  }

  removeJournalSync(place: string): SystemFailure | undefined {
    return this.#journal.removeJournalSync(place);
  }

  settleJournal(): Promise<SystemFailure | undefined> {
    return this.#calls.later('settleJournal', 0, 0, () => this.settleJournalSync());
  }

  settleJournalSync(): SystemFailure | undefined {
    return this.#journal.settleJournalSync();
  }

  readMark(): MarkOutcome {
    return this.#journal.readMark();
  }

  writeMark(mark: Uint8Array): Promise<SystemFailure | undefined> {
    return this.#calls.later('writeMark', 0, 0, () => this.writeMarkSync(mark));
  }

  writeMarkSync(mark: Uint8Array): SystemFailure | undefined {
    return this.#untold ?? this.#journal.writeMarkSync(mark);
  }

  listFolder(): Promise<FolderOutcome> {
    return this.#calls.later('listFolder', 0, 0, () => this.listFolderSync());
  }

  listFolderSync(): FolderOutcome {
    return this.#journal.listFolderSync();
  }

  identify(name: string): IdentityOutcome {
    return this.#journal.identify(name);
  }

  names(): NamesOutcome {
    return this.#journal.names();
  }

  // Its end

  /** Closes the file, also if close(2) fails. */
  close(): Promise<SystemFailure | undefined> {
    return this.#calls.afterAll(() =>
      this.#calls.later('close', 0, 0, () => {
        this.#calls.requireAlive();
        if (this.#calls.closed) return { errno: Errno.EBADF, syscall: 'close' };
        const errno = this.#calls.errno('close');
        this.#release();
        this.#process.handles.delete(this);
        return errno === 0 ? undefined : { errno, syscall: 'close' };
      }),
    );
  }

  watchMemory(lost: (range: ByteRange) => void): WatchOutcome {
    if (this.#calls.closed) return { supported: false, reason: 'the file is closed' };
    if (!this.#machine.rules.persistentMedium) return { supported: false, reason: 'tmpfs has no medium' };
    const around = (page: number): ByteRange => mappedAround(this.#memory.mapping, page);
    const watch = { process: this.#process, inode: this.#inode, around, lost };
    return { supported: true, watch: { close: this.#machine.memoryWatches.add(watch) } };
  }

  maps(inode: Inode, page: number): boolean {
    return inode === this.#inode && !this.#calls.closed && this.#memory.mapping.table.entry(page) !== ABSENT;
  }

  /** Releases what the file holds when its process dies. */
  abandon(): void {
    if (!this.#calls.closed && this.#calls.hasPower) this.#release();
  }

  #release(): void {
    this.#calls.closed = true;
    this.#inode.mappings.delete(this.#memory.mapping.table);
    this.#inode.locks.unlockAll(this);
    this.#inode.openCount--;
    this.#machine.filesystem.freeIfUnused(this.#inode);
  }

  /** Once it has shut down, XFS refuses fstat; ext4 answers it. */
  get #statFails(): boolean {
    return this.#machine.filesystem.shutDown && this.facts.filesystem === 'xfs';
  }

  #pread(target: Uint8Array, position: number): Transfer {
    this.#calls.requireAlive();
    if (this.#calls.closed) return { transferredBytes: 0, errno: Errno.EBADF };
    const effect = this.#calls.begin('pread', position, target.length);
    if (effect !== undefined && 'errno' in effect) return { transferredBytes: 0, errno: effect.errno };
    return pread(this.#machine, this.#inode, shortened(target, effect), position);
  }

  #pwrite(source: Uint8Array, position: number): Transfer {
    this.#calls.requireAlive();
    if (this.#calls.closed) return { transferredBytes: 0, errno: Errno.EBADF };
    const effect = this.#calls.begin('pwrite', position, source.length);
    if (effect !== undefined && 'errno' in effect) return { transferredBytes: 0, errno: effect.errno };
    if (this.facts.readOnly) return { transferredBytes: 0, errno: Errno.EBADF };
    return pwrite(this.#machine, this.#inode, shortened(source, effect), position);
  }

  #sync(): SystemFailure | undefined {
    const call = { name: 'sync', syscall: 'fdatasync', position: 0, length: 0 } as const;
    const failure = this.#calls.call(call, () => syncFile(this.#machine, this.#inode));
    if (failure !== undefined && !this.facts.mapSync) dropWriteback(this.#machine, this.#inode, failure, undefined);
    return failure;
  }

  #zeroRange(position: number, length: number): SystemFailure | undefined {
    return this.#calls.call({ name: 'zeroRange', syscall: 'fallocate', position, length }, () =>
      this.facts.readOnly ? Errno.EBADF : zeroRange(this.#machine, this.#inode, position, length),
    );
  }

  #truncate(sizeBytes: number): number {
    return this.facts.readOnly ? Errno.EINVAL : truncate(this.#machine, this.#inode, sizeBytes);
  }

  /** Keeps a failure of msync or fdatasync until the promise that tells it is settled. */
  #toldLater<Problem extends PersistProblem>(problem: Problem): Problem {
    if (problem === undefined || !('errno' in problem) || !FLUSHES.includes(problem.syscall)) return problem;
    this.#untold = problem;
    queueMicrotask(() => {
      this.#untold = undefined;
    });
    return problem;
  }
}

/** The part of `bytes` that the observer lets a transfer reach. */
function shortened(bytes: Uint8Array, effect: OperationEffect | undefined): Uint8Array {
  return effect !== undefined && 'shortBytes' in effect ? bytes.subarray(0, effect.shortBytes) : bytes;
}
