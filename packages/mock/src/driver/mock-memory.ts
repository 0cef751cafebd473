/** The mapping of one open file: loads, stores and persists, as the simulated kernel carries them out. */
import {
  type ByteRange,
  Errno,
  type CaughtFault,
  type FileFacts,
  type PersistProblem,
  type ProbeOutcome,
  rangeEnd,
  type SystemFailure,
  type Truncation,
  type ViewOutcome,
} from '@safe-pmem/core';
import type { Inode } from '../filesystem/inode.js';
import { blocksIn } from '../hardware/geometry.js';
import { ViewBytes } from '../kernel/live-views.js';
import { isHole, load, store } from '../kernel/mapped-access.js';
import type { Mapping } from '../kernel/mapping.js';
import { PageTable, POISON_MARKER } from '../kernel/page-table.js';
import { dropWriteback, flushLines, syncRange } from '../kernel/persist.js';
import { pread } from '../kernel/pread.js';
import type { Machine } from '../machine.js';
import type { AnnouncedCalls } from './announced-calls.js';
import { MockView } from './mock-view.js';
import type { OperationEffect } from './operation.js';

export class MockMemory {
  mappedBytes: number;
  readonly mapping: Mapping;
  readonly #machine: Machine;
  readonly #inode: Inode;
  readonly #facts: FileFacts;
  readonly #calls: AnnouncedCalls;

  constructor(machine: Machine, inode: Inode, facts: FileFacts, calls: AnnouncedCalls) {
    this.mappedBytes = inode.sizeBytes;
    this.#machine = machine;
    this.#inode = inode;
    this.#facts = facts;
    this.#calls = calls;
    const pages = blocksIn(machine.blockBytes, inode.sizeBytes);
    const table = new PageTable(machine.blockBytes);
    this.mapping = { inode, table, pages, sync: facts.mapSync, avoidsHugePages: false };
  }

  read(target: Uint8Array, position: number): CaughtFault | undefined {
    checkAttached(target);
    this.#checkMapped(position, target.length);
    const effect = this.#calls.begin('read', position, target.length);
    return faultOf(effect, position) ?? load(this.#machine, this.mapping, target, position);
  }

  write(source: Uint8Array, position: number): CaughtFault | undefined {
    if (this.#facts.readOnly) throw new TypeError(`'${this.#facts.path}' is mapped read-only`);
    checkAttached(source);
    this.#checkMapped(position, source.length);
    const effect = this.#calls.begin('write', position, source.length);
    return faultOf(effect, position) ?? store(this.#machine, this.mapping, source, position);
  }

  persist(ranges: readonly ByteRange[]): PersistProblem {
    const [first] = ranges;
    if (first === undefined) return undefined;
    const { mapSync } = this.#facts;
    const syscall = mapSync ? 'persist' : 'msync';
    const call = { name: 'persist', syscall, position: first.offset, length: first.length } as const;
    let fault: CaughtFault | undefined;
    const failure = this.#calls.call(call, () => {
      for (const { offset, length } of ranges) {
        if (!mapSync) {
          const errno = syncRange(this.#machine, this.#inode, offset, length);
          if (errno !== 0) return errno;
        } else fault ??= flushLines(this.#machine, this.mapping, offset, length);
      }
      return 0;
    });
    if (failure !== undefined && !mapSync) dropWriteback(this.#machine, this.#inode, failure, ranges);
    return failure ?? fault ?? this.#truncation(ranges);
  }

  view(position: number, length: number): ViewOutcome {
    this.#checkMapped(position, length);
    const effect = this.#calls.begin('view', position, length);
    const refused = errnoOf(effect);
    if (refused !== undefined) return { failure: { errno: refused, syscall: 'mmap' } };
    const machine = this.#machine;
    const bytes = new Uint8Array(length);
    const shown = new ViewBytes(this.#inode, machine.device.medium, position, bytes.buffer);
    const view = new MockView((target, at) => {
      // Each page is mapped again, so that none is remembered from before the kernel learned of a bad block.
      const fresh = { ...this.mapping, table: new PageTable(machine.blockBytes), sync: false };
      return faultOf(effect, at) ?? load(machine, fresh, target, at);
    }, machine.blockBytes, bytes, shown);
    machine.views.add(shown);
    return { view };
  }

  /** Asks what a fault at `position` may mean, as the native driver does: by fstat, pread, pwrite, FIEMAP, statfs. */
  probe(position: number, length: number): ProbeOutcome {
    const effect = this.#calls.begin('probe', position, length);
    const { filesystem } = this.#machine;
    const unanswered = errnoOf(this.#machine.step('fstat'));
    if (unanswered !== undefined) return { failure: { errno: unanswered, syscall: 'fstat' } };
    // XFS refuses fstat; ext4 answers it, and refuses a pread of no bytes.
    const refused = this.#facts.filesystem === 'xfs' ? 'fstat' : 'pread';
    if (filesystem.shutDown) return { failure: { errno: Errno.EIO, syscall: refused } };
    const unwritable = errnoOf(this.#machine.step('pwrite'));
    const page = Math.floor(position / this.#machine.blockBytes);
    const isPoisonedInMemory = this.mapping.table.entry(page) === POISON_MARKER;
    const readErrno = isPoisonedInMemory
      ? Errno.EHWPOISON
      : pread(this.#machine, this.#inode, new Uint8Array(length), position).errno;
    return {
      fileSizeBytes: this.#inode.sizeBytes,
      readErrno: errnoOf(effect) ?? readErrno,
      writeErrno: this.#facts.readOnly ? Errno.EBADF : (unwritable ?? 0),
      hole: isHole(this.#machine, this.#inode, position),
      freeBytes: filesystem.pool.freeBytes,
    };
  }

  avoidHugePages(): SystemFailure | undefined {
    if (this.#calls.closed) return { errno: Errno.EBADF, syscall: 'madvise' };
    this.mapping.avoidsHugePages = true;
    return undefined;
  }

  /** Maps the pages of a range again. */
  remap(position: number, length: number): SystemFailure | undefined {
    return this.#calls.call({ name: 'remap', syscall: 'mmap', position, length }, () => {
      const { blockBytes } = this.#machine;
      if (position % blockBytes !== 0) return Errno.EINVAL;
      this.mapping.table.invalidate(position / blockBytes, Math.ceil(length / blockBytes));
      return 0;
    });
  }

  /** Replaces the mapping by one of `sizeBytes`. */
  resized(sizeBytes: number): void {
    this.mapping.table.invalidate(0, Infinity);
    this.mappedBytes = sizeBytes;
    this.mapping.pages = blocksIn(this.#machine.blockBytes, sizeBytes);
  }

  /** Returns a truncation of the file, which msync does not notice. */
  #truncation(ranges: readonly ByteRange[]): Truncation | undefined {
    const fileSizeBytes = this.#inode.sizeBytes;
    const isCut = !this.#facts.mapSync && ranges.some((range) => rangeEnd(range) > fileSizeBytes);
    return isCut ? { fileSizeBytes } : undefined;
  }

  #checkMapped(position: number, length: number): void {
    if (Number.isSafeInteger(position) && position >= 0 && position + length <= this.mappedBytes) return;
    throw new RangeError(`${length} bytes at ${position} do not lie in the ${this.mappedBytes} bytes mapped`);
  }
}

/** The errno that the observer wants, if it wants one. */
function errnoOf(effect: OperationEffect | undefined): number | undefined {
  return effect !== undefined && 'errno' in effect ? effect.errno : undefined;
}

/** The SIGBUS that the observer wants at `position`, if it wants one. */
function faultOf(effect: OperationEffect | undefined, position: number): CaughtFault | undefined {
  return effect !== undefined && 'signalCode' in effect ? { granuleLog2: 0, ...effect, position } : undefined;
}

/** `byteLength` tells a detached array; its `length` may not, in compiled code of Node 20 and 22. */
function checkAttached(bytes: Uint8Array): void {
  if (bytes.byteLength === 0) throw new TypeError('the array is empty, or its buffer is detached');
}
