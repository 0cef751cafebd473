/** The driver for real files: the addon's functions behind core's interface, and the facts that sysfs adds. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type {
  ByteRange,
  CompleteFile,
  DeviceBadBlocks,
  Driver,
  Extent,
  ExtentsOutcome,
  CaughtFault,
  FileFacts,
  FileSizeOutcome,
  JournalFile,
  JournalOutcome,
  MarkOutcome,
  MemoryWindow,
  NamesOutcome,
  OpenOutcome,
  OpenRequest,
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
import { BlockDevice } from './block-device.js';
import type { TableOf } from './device-mapper.js';
import { NativeDevices } from './devices.js';
import { filesystemName } from './filesystem-name.js';
import { keepGuard } from './keep-guard.js';
import { loadBinding } from './load-binding.js';
import { WindowCache } from './window-cache.js';
import { watchMemory } from './memory-watch.js';
import { NativeView } from './native-view.js';
import { requirePermission } from './permission.js';
import { refuseHugePages } from './refuse-huge-pages.js';
import { whatDevice } from './what-device.js';

let loaded: Binding | undefined;

export interface NativeDriverOptions {
  /**
   * The addon's file, for a program that does not keep it where the package has it: a single executable that has
   * unpacked its own copy, or a bundle. It ends in `.node` and belongs to this version of the package.
   */
  readonly binary?: string;
}

/**
 * A driver over mmap(2), a SIGBUS guard and the system calls of the running kernel. The addon is loaded by the first
 * call, not by the import, so that a program which only may need it can be started anywhere; the calls after it share
 * what the first has loaded, and do not look at `binary`.
 *
 * Throws PmemError `ERR_PMEM_NOT_SUPPORTED` (not Linux) or `ERR_PMEM_BINDING_MISSING` (no binary, one that does not
 * load, or one that was built from other sources; `path` is where it was looked for); TypeError if `binary` is not a
 * path that ends in `.node`.
 */
export function nativeDriver(options: NativeDriverOptions = {}): Driver<CompleteFile> {
  const { binary } = options;
  if (binary !== undefined && !(typeof binary === 'string' && binary.endsWith('.node'))) {
    throw new TypeError("'binary' must be a path that ends in '.node'");
  }
  if (loaded === undefined) {
    loaded = loadBinding({ binary });
    keepGuard(loaded);
  }
  return new NativeDriver(loaded);
}

/**
 * How many times the kernel has told this process that memory of a mapped file is lost that nothing was accessing: before
 * any access (BUS_MCEERR_AO, which only processes that ask for early kills receive), or because the bytes were accessed through
 * another mapping of the file. Such a signal would kill a process without the guard; with it the loss shows when the bytes are accessed, or by `badBlocks()` and `scrub()`, which are worth a
 * call when this number grows. 0 where no driver has been asked for.
 */
export function advisoryMemoryErrors(): number {
  return loaded?.advisoryMemoryErrors() ?? 0;
}

class NativeDriver implements Driver<CompleteFile> {
  readonly name = 'native';
  readonly devices: NativeDevices;
  readonly #binding: Binding;
  readonly #tableOf: TableOf;

  constructor(binding: Binding) {
    this.#binding = binding;
    this.#tableOf = (major, minor) => binding.deviceTable(major, minor);
    this.devices = new NativeDevices({ tableOf: this.#tableOf, spaceOf: binding.spaceOf });
  }

  async open(path: string, request: OpenRequest): Promise<OpenOutcome<CompleteFile>> {
    const { readOnly, create, sizeBytes, preallocate } = request;
    requirePermission(path, readOnly);
    refuseHugePages(path);
    const opened = await this.#binding.open(path, readOnly, create, sizeBytes, preallocate);
    if ('failure' in opened) return { failure: await explained(opened.failure, path) };
    const device = new BlockDevice(opened.device, { pageBytes: opened.pageBytes, tableOf: this.#tableOf });
    const facts = factsOf(opened, readOnly, await device.bus());
    return { file: new NativeFile(this.#binding, opened, facts, device) };
  }
}

async function explained(failure: SystemFailure, path: string): Promise<SystemFailure> {
  return failure.errno === Errno.ENXIO ? { ...failure, device: await whatDevice(path) } : failure;
}

function factsOf(opened: OpenedFile, readOnly: boolean, bus: FileFacts['bus']): FileFacts {
  return {
    path: opened.path,
    readOnly,
    created: opened.created,
    inode: opened.inode,
    birthTimeNs: opened.birthTimeNs,
    ownerId: opened.ownerId,
    groupId: opened.groupId,
    mode: opened.mode,
    modifiedMs: opened.modifiedMs,
    changedMs: opened.changedMs,
    bootedMs: Date.now() - os.uptime() * 1000,
    userId: opened.userId,
    bootId: bootId(),
    device: opened.device,
    filesystem: filesystemName(opened.filesystemMagic),
    dax: opened.dax,
    mapSync: opened.mapSync,
    persistMethod: opened.persistInstruction === 'msync' ? 'msync' : 'cpu-flush',
    persistInstruction: opened.persistInstruction,
    pageBytes: opened.pageBytes,
    blockBytes: opened.blockBytes,
    kernelRelease: os.release(),
    bus,
  };
}

const identities = new Map<string, object>();

/** One object for each filesystem of each device. Kept for the life of the process: there are few of them. */
function identityOf({ device, filesystem, dax }: FileFacts): object {
  const key = `${device} ${filesystem} ${dax ? 'dax' : ''}`;
  const identity = identities.get(key) ?? {};
  identities.set(key, identity);
  return identity;
}

let boot: string | undefined;

/** The kernel's own name for this boot; empty if /proc does not say. */
function bootId(): string {
  try {
    boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    boot = '';
  }
  return boot;
}

/**
 * After close() this class answers EBADF for the calls that report failures, so that no call reaches the addon, which
 * would throw. Methods that return a promise are `async` so that wrong arguments, for which the addon throws, reject.
 */
class NativeFile implements CompleteFile {
  readonly facts: FileFacts;
  readonly deviceIdentity: object;
  // Where the addon does the work, its own functions, without a frame of JavaScript around them.
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

  /** Nothing to take where a resize() has just replaced the mapping that the fault was in: then the access is repeated. */
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
    // What Electron answers, whose memory cage has no room for foreign memory.
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
    const numbers = await this.#handle.readEach(pairsOf(pieces), bytes);
    return pieces.map((_, i) => ({ transferredBytes: numbers[2 * i] as number, errno: numbers[2 * i + 1] as number }));
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

  readMark(): MarkOutcome {
    return this.#closed ? { status: 'failed', failure: closed('fgetxattr') } : this.#handle.readMark();
  }

  async writeMark(mark: Uint8Array): Promise<SystemFailure | undefined> {
    return this.#closed ? closed('fsetxattr') : this.#handle.writeMark(mark);
  }

  writeMarkSync(mark: Uint8Array): SystemFailure | undefined {
    return this.#closed ? closed('fsetxattr') : this.#handle.writeMarkSync(mark);
  }

  names(): NamesOutcome {
    return this.#closed ? { failure: closed('fstat') } : this.#handle.names();
  }
}

function pairsOf(ranges: readonly ByteRange[]): Float64Array {
  const pairs = new Float64Array(2 * ranges.length);
  let i = 0;
  for (const { offset, length } of ranges) {
    pairs[i++] = offset;
    pairs[i++] = length;
  }
  return pairs;
}

function extentsOf(numbers: Float64Array): Extent[] {
  const extents: Extent[] = [];
  for (let i = 0; i < numbers.length; i += 4) {
    const [offset, length, physicalOffset, flags] = [numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3]] as [number, number, number, number];
    extents.push({ offset, length, physicalOffset, unwritten: (flags & 1) !== 0, shared: (flags & 2) !== 0, unmapped: (flags & 4) !== 0 });
  }
  return extents;
}

function numbersOf(pieces: readonly Rewrite[]): Float64Array {
  const numbers = new Float64Array(5 * pieces.length);
  let i = 0;
  for (const { reset, position, sourceOffset, length } of pieces) {
    numbers[i++] = reset?.offset ?? 0;
    numbers[i++] = reset?.length ?? 0;
    numbers[i++] = position;
    numbers[i++] = sourceOffset;
    numbers[i++] = length;
  }
  return numbers;
}

function rewrittenOf(numbers: Float64Array): Rewritten[] {
  const outcomes: Rewritten[] = [];
  for (let i = 0; i < numbers.length; i += 3) {
    const [transferredBytes, errno, resetFailed] = [numbers[i], numbers[i + 1], numbers[i + 2]] as [number, number, number];
    outcomes.push({ transferredBytes, errno, syscall: resetFailed === 1 ? 'fallocate' : 'pwrite' });
  }
  return outcomes;
}

function closed(syscall: string): SystemFailure {
  return { errno: Errno.EBADF, syscall };
}

const closedJournal: JournalOutcome = { status: 'failed', failure: closed('open') };
