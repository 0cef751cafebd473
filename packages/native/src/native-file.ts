/** An open file of the native driver: the addon's functions behind core's interface. */
import type {
  ByteRange,
  CaughtFault,
  CompleteFile,
  DeviceBadBlocks,
  ExtentsOutcome,
  FileFacts,
  FileSizeOutcome,
  FolderOutcome,
  IdentityOutcome,
  JournalFile,
  JournalOutcome,
  MarkOutcome,
  MemoryWindow,
  NamesOutcome,
  PersistProblem,
  Rewrite,
  Rewritten,
  SystemFailure,
  Transfer,
  ViewOutcome,
  WatchOutcome,
  ZeroRangeTrialOutcome,
} from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';
import type { Binding, BindingHandle, OpenedFile } from './binding.js';
import type { BlockDevice } from './block-device.js';
import { identityOf } from './file-facts.js';
import { identify, listFolder, listFolderSync, settleFolder, settleFolderSync } from './folder.js';
import { watchMemory } from './memory-watch.js';
import { NativeView } from './native-view.js';
import { extentsOf, numbersOf, pairsOf, rewrittenOf, transfersOf } from './packed-numbers.js';
import { WindowCache } from './window-cache.js';

/**
 * After close() this class answers EBADF for the calls that report failures, so that no call reaches the addon, which
 * would throw. Methods that return a promise are `async` so that wrong arguments, for which the addon throws, reject.
 */
export class NativeFile implements CompleteFile {
  readonly facts: FileFacts;
  readonly deviceIdentity: object;
  // The addon's own functions if it does all the work, without a frame of JavaScript around them.
  readonly write: BindingHandle['write'];
  readonly persist: BindingHandle['persist'];
  readonly writeAndPersist: BindingHandle['writeAndPersist'];
  readonly probe: BindingHandle['probe'];
  readonly #binding: Binding;
  readonly #number: number;
  readonly #handle: BindingHandle;
  readonly #device: BlockDevice;
  readonly #windows: WindowCache;
  #mappedBytes: number;
  #closed = false;

  constructor(binding: Binding, { handle, number }: OpenedFile, facts: FileFacts, device: BlockDevice) {
    this.facts = facts;
    this.deviceIdentity = identityOf(facts);
    this.#binding = binding;
    this.#number = number;
    this.write = handle.write;
    this.persist = handle.persist;
    this.writeAndPersist = handle.writeAndPersist;
    this.probe = handle.probe;
    this.#handle = handle;
    this.#device = device;
    this.#mappedBytes = handle.mappedBytes();
    this.#windows = new WindowCache(handle, this.#mappedBytes);
  }

  read(target: Uint8Array, position: number): CaughtFault | undefined {
    if (typeof position !== 'number') throw new TypeError('expected a number of bytes');
    const { call } = this.#binding;
    call[0] = position;
    call[1] = this.#number;
    return this.#binding.readByNumber(target);
  }

  memoryWindow(position: number, length: number): MemoryWindow | undefined {
    return this.#windows.at(position, length);
  }

  /**
   * Returns nothing if a resize() has just replaced the mapping that the fault was in: then the access is repeated.
   */
  takeFault(): CaughtFault | undefined {
    if (!this.#windows.faulted) return undefined;
    const fault = this.#handle.takeFault();
    this.#mappedBytes = this.#handle.mappedBytes();
    // Pages that could not be mapped back leave nothing that may be touched.
    if (fault === undefined || this.#mappedBytes === 0) this.#windows.replaced(this.#mappedBytes);
    return fault;
  }

  persistRanges(ranges: readonly ByteRange[]): PersistProblem {
    return this.#handle.persistRanges(pairsOf(ranges));
  }

  view(position: number, length: number): ViewOutcome {
    if (this.#closed) return { failure: closed('mmap') };
    const bound = this.#handle.view(position, length);
    if ('failure' in bound) return bound;
    const { buffer, counter } = bound;
    // So answers Electron, whose memory cage has no room for foreign memory.
    if (buffer === undefined || counter === undefined) return { failure: { errno: Errno.EOPNOTSUPP, syscall: 'mmap' } };
    return { view: new NativeView({ ...bound, buffer, counter }, position, length) };
  }

  get mappedBytes(): number {
    return this.#closed ? 0 : this.#mappedBytes;
  }

  remap(position: number, length: number): SystemFailure | undefined {
    if (this.#closed) return closed('mmap');
    const failure = this.#handle.remap(position, length);
    if (failure === undefined) return undefined;
    this.#mappedBytes = this.#handle.mappedBytes();
    // A remap that failed half way leaves nothing that may be touched.
    if (this.#mappedBytes === 0) this.#windows.replaced(0);
    return failure;
  }

  lock(position: number, length: number): SystemFailure | undefined {
    return this.#closed ? closed('fcntl') : this.#handle.lock(position, length);
  }

  unlock(position: number, length: number): SystemFailure | undefined {
    return this.#closed ? closed('fcntl') : this.#handle.unlock(position, length);
  }

  avoidHugePages(): SystemFailure | undefined {
    return this.#closed ? closed('madvise') : this.#handle.avoidHugePages();
  }

  watchMemory(lost: (range: ByteRange) => void): WatchOutcome {
    if (this.#closed) return { supported: false, reason: 'the file is closed' };
    return watchMemory(this.#binding, this.facts, lost);
  }

  async resize(sizeBytes: number, preallocate: boolean): Promise<SystemFailure | undefined> {
    if (this.#closed) return closed('ftruncate');
    const failure = await this.#handle.resize(sizeBytes, preallocate);
    // A failed resize leaves the mapping as it was; one that succeeded maps exactly this many bytes.
    if (failure === undefined) {
      this.#mappedBytes = sizeBytes;
      this.#windows.replaced(sizeBytes);
    }
    return failure;
  }

  async close(): Promise<SystemFailure | undefined> {
    if (this.#closed) return closed('close');
    this.#closed = true;
    this.#windows.close();
    return this.#handle.close();
  }

  async persistAsync(position: number, length: number): Promise<PersistProblem> {
    return this.#closed ? closed('msync') : this.#handle.persistAsync(position, length);
  }

  async pread(target: Uint8Array, position: number): Promise<Transfer> {
    return this.#closed ? { transferredBytes: 0, errno: Errno.EBADF } : this.#handle.pread(target, position);
  }

  async pwrite(source: Uint8Array, position: number): Promise<Transfer> {
    return this.#closed ? { transferredBytes: 0, errno: Errno.EBADF } : this.#handle.pwrite(source, position);
  }

  async scrub(position: number, length: number): Promise<Transfer> {
    return this.#closed ? { transferredBytes: 0, errno: Errno.EBADF } : this.#handle.scrub(position, length);
  }

  async rewrite(pieces: readonly Rewrite[], bytes: Uint8Array): Promise<readonly Rewritten[]> {
    if (this.#closed) return pieces.map(() => ({ transferredBytes: 0, errno: Errno.EBADF, syscall: 'pwrite' }));
    return rewrittenOf(await this.#handle.rewrite(numbersOf(pieces), bytes));
  }

  async sync(): Promise<SystemFailure | undefined> {
    return this.#closed ? closed('fdatasync') : this.#handle.sync();
  }

  async zeroRange(position: number, length: number): Promise<SystemFailure | undefined> {
    return this.#closed ? closed('fallocate') : this.#handle.zeroRange(position, length);
  }

  async tryZeroRange(): Promise<ZeroRangeTrialOutcome> {
    if (this.#closed) return { failure: closed('open') };
    const outcome = await this.#handle.tryZeroRange();
    if ('failure' in outcome) return outcome;
    const { before, after, dax, readsZeros } = outcome;
    return { dax, readsZeros, before: extentsOf(before), after: extentsOf(after) };
  }

  async truncate(sizeBytes: number): Promise<SystemFailure | undefined> {
    return this.#closed ? closed('ftruncate') : this.#handle.truncate(sizeBytes);
  }

  async fileSize(): Promise<FileSizeOutcome> {
    return this.#closed ? { failure: closed('fstat') } : this.#handle.fileSize();
  }

  fileSizeSync(): FileSizeOutcome {
    return this.#closed ? { failure: closed('fstat') } : this.#handle.fileSizeSync();
  }

  async extents(position: number, length: number): Promise<ExtentsOutcome> {
    if (this.#closed) return { failure: closed('ioctl') };
    const outcome = await this.#handle.extents(position, length);
    return 'failure' in outcome ? outcome : { extents: extentsOf(outcome.extents) };
  }

  async badBlocks(): Promise<DeviceBadBlocks> {
    return this.#closed ? { supported: false, reason: 'the file is closed' } : this.#device.badBlocks();
  }

  async readEach(pieces: readonly ByteRange[], bytes: Uint8Array): Promise<readonly Transfer[]> {
    if (this.#closed) return pieces.map(() => ({ transferredBytes: 0, errno: Errno.EBADF }));
    return transfersOf(await this.#handle.readEach(pairsOf(pieces), bytes));
  }

  async readJournal(place: string, limitBytes: number): Promise<JournalOutcome> {
    return this.#closed ? closedJournal : this.#handle.readJournal(place, limitBytes);
  }

  readJournalSync(place: string, limitBytes: number): JournalOutcome {
    return this.#closed ? closedJournal : this.#handle.readJournalSync(place, limitBytes);
  }

  async writeJournal(place: string, { bytes, mark, temporary, isNew }: JournalFile): Promise<SystemFailure | undefined> {
    return this.#closed ? closed('open') : this.#handle.writeJournal(place, bytes, mark, temporary, isNew);
  }

  writeJournalSync(place: string, { bytes, mark, temporary, isNew }: JournalFile): SystemFailure | undefined {
    return this.#closed ? closed('open') : this.#handle.writeJournalSync(place, bytes, mark, temporary, isNew);
  }

  async removeJournal(place: string): Promise<SystemFailure | undefined> {
    return this.#closed ? closed('unlink') : this.#handle.removeJournal(place);
  }

  removeJournalSync(place: string): SystemFailure | undefined {
    return this.#closed ? closed('unlink') : this.#handle.removeJournalSync(place);
  }

  async settleJournal(place: string): Promise<SystemFailure | undefined> {
    return this.#closed ? closed('fsync') : settleFolder(this.facts.path, place);
  }

  settleJournalSync(place: string): SystemFailure | undefined {
    return this.#closed ? closed('fsync') : settleFolderSync(this.facts.path, place);
  }

  readMark(): MarkOutcome {
    return this.#closed ? { status: 'failed', failure: closed('fgetxattr') } : this.#handle.readMark();
  }

  async writeMark(mark: Uint8Array): Promise<SystemFailure | undefined> {
    return this.#closed ? closed('fsetxattr') : this.#handle.writeMark(mark);
  }

  writeMarkSync(mark: Uint8Array): SystemFailure | undefined {
    return this.#closed ? closed('fsetxattr') : this.#handle.writeMarkSync(mark);
  }

  async listFolder(): Promise<FolderOutcome> {
    return this.#closed ? { failure: closed('readdir') } : listFolder(this.facts.path);
  }

  listFolderSync(): FolderOutcome {
    return this.#closed ? { failure: closed('readdir') } : listFolderSync(this.facts.path);
  }

  identify(name: string): IdentityOutcome {
    return this.#closed ? { failure: closed('lstat') } : identify(this.facts.path, name);
  }

  names(): NamesOutcome {
    return this.#closed ? { failure: closed('fstat') } : this.#handle.names();
  }
}

function closed(syscall: string): SystemFailure {
  return { errno: Errno.EBADF, syscall };
}

const closedJournal: JournalOutcome = { status: 'failed', failure: closed('open') };
