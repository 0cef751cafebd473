/**
 * One open file of the driver over node:fs. A load is a pread and a store a pwrite. A bad block makes them fail with
 * EIO: that is reported as the fault which a mapping would have raised, and core finds out what it means.
 */
import fs from 'node:fs';
import type {
  CaughtFault, DriverFile, FileFacts, FileSizeOutcome, FolderOutcome, IdentityOutcome, JournalFile, JournalOutcome,
  NamesOutcome, PersistProblem, ProbeOutcome, SystemFailure, Transfer,
} from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';
import { attempt, errnoOf, failureOf } from './errno-of.js';
import { identify, listFolder, readJournal, removeJournal, settleJournal, writeJournal } from './journal-beside.js';
import { ProcessLocks } from './process-locks.js';

/** With `preallocate`, zeros are written: node:fs has no fallocate. */
export function extend(fd: number, from: number, to: number, preallocate: boolean): void {
  fs.ftruncateSync(fd, to);
  if (!preallocate) return;
  const zeros = new Uint8Array(1 << 20);
  for (let at = from; at < to;) at += fs.writeSync(fd, zeros, 0, Math.min(zeros.length, to - at), at);
}

/** Without a mapping `mappedBytes` is the part of the file that may be accessed. */
export class NodeFsFile implements DriverFile {
  readonly facts: FileFacts;
  mappedBytes: number;
  readonly lock?: (position: number, length: number) => SystemFailure | undefined;
  readonly unlock?: (position: number, length: number) => SystemFailure | undefined;
  readonly #locks: ProcessLocks;
  readonly #inFlight = new Set<Promise<unknown>>();
  /** -1 after close(): the kernel gives the number to the next file. */
  #fd: number;
  /** Of the last store that failed: node:fs has no call that asks whether a store could succeed. */
  #storeErrno = 0;

  constructor(fd: number, facts: FileFacts, mappedBytes: number, soleProcess: boolean) {
    this.#fd = fd;
    this.facts = facts;
    this.mappedBytes = mappedBytes;
    this.#locks = new ProcessLocks(facts);
    if (!soleProcess) return;
    this.lock = (offset, length) => (this.#fd < 0 ? closedFailure('fcntl') : this.#locks.take({ offset, length }));
    this.unlock = (offset, length) => this.#failureOf('fcntl', () => { this.#locks.drop({ offset, length }); });
  }

  read(target: Uint8Array, position: number): CaughtFault | undefined {
    this.#requireInside(position, target.byteLength);
    for (let done = 0; done < target.byteLength;) {
      const at = position + done;
      const read = attempt('pread', () => fs.readSync(this.#fd, target, done, target.byteLength - done, at));
      // Nothing is read after the end of the file, which was cut off.
      if ('failure' in read || read.value === 0) return faultAt(at);
      done += read.value;
    }
    return undefined;
  }

  write(source: Uint8Array, position: number): CaughtFault | undefined {
    this.#requireInside(position, source.byteLength);
    // A pwrite after the end of a file that was cut off would make it longer; a store faults.
    const inFileBytes = Math.max(0, Math.min(source.byteLength, fs.fstatSync(this.#fd).size - position));
    this.#storeErrno = 0;
    for (let done = 0; done < inFileBytes;) {
      const at = position + done;
      try {
        done += fs.writeSync(this.#fd, source, done, inFileBytes - done, at);
      } catch (error) {
        this.#storeErrno = errnoOf(error);
        return faultAt(at);
      }
    }
    return inFileBytes < source.byteLength ? faultAt(position + inFileBytes) : undefined;
  }

  persist(position: number, length: number): PersistProblem {
    const failure = this.#failureOf('fdatasync', () => { fs.fdatasyncSync(this.#fd); });
    if (failure !== undefined) return failure;
    const size = this.fileSizeSync();
    if ('failure' in size) return size.failure;
    return size.sizeBytes < position + length ? { fileSizeBytes: size.sizeBytes } : undefined;
  }

  probe(position: number, length: number): ProbeOutcome {
    const asked = attempt('fstatfs', () => {
      const { size } = fs.fstatSync(this.#fd);
      const { bavail, bsize } = fs.statfsSync(this.facts.path);
      return { fileSizeBytes: size, freeBytes: bavail * bsize };
    });
    if ('failure' in asked) return asked;
    // A filesystem that has shut down answers EIO to everything, also to an open. That is no media error.
    const reopened = attempt('open', () => fs.openSync(this.facts.path, 'r'));
    if ('value' in reopened) fs.closeSync(reopened.value);
    else if (reopened.failure.errno === Errno.EIO) return reopened;
    const failure = failureOf('pread', () => fs.readSync(this.#fd, new Uint8Array(length), 0, length, position));
    const writeErrno = this.facts.readOnly ? Errno.EBADF : this.#storeErrno;
    return { ...asked.value, readErrno: failure?.errno ?? 0, writeErrno, hole: false };
  }

  pread(target: Uint8Array, position: number): Promise<Transfer> {
    return this.#transfer((done) => { fs.read(this.#fd, target, 0, target.byteLength, position, done); });
  }

  pwrite(source: Uint8Array, position: number): Promise<Transfer> {
    return this.#transfer((done) => { fs.write(this.#fd, source, 0, source.byteLength, position, done); });
  }

  async sync(): Promise<SystemFailure | undefined> {
    const { errno } = await this.#transfer((done) => { fs.fdatasync(this.#fd, (error) => { done(error, 0); }); });
    return errno === 0 ? undefined : { errno, syscall: 'fdatasync' };
  }

  resize(sizeBytes: number, preallocate: boolean): Promise<SystemFailure | undefined> {
    const failure = this.#failureOf('ftruncate', () => {
      const { size } = fs.fstatSync(this.#fd);
      if (sizeBytes > size) extend(this.#fd, size, sizeBytes, preallocate);
      // Bytes that another process has added after the end of ours stay, unless the file is to be shorter than ours.
      else if (sizeBytes < this.mappedBytes) fs.ftruncateSync(this.#fd, sizeBytes);
    });
    if (failure === undefined) this.mappedBytes = sizeBytes;
    return Promise.resolve(failure);
  }

  truncate(sizeBytes: number): Promise<SystemFailure | undefined> {
    return Promise.resolve(this.#failureOf('ftruncate', () => { fs.ftruncateSync(this.#fd, sizeBytes); }));
  }

  fileSizeSync(): FileSizeOutcome {
    if (this.#fd < 0) return { failure: closedFailure('fstat') };
    const outcome = attempt('fstat', () => fs.fstatSync(this.#fd).size);
    return 'failure' in outcome ? outcome : { sizeBytes: outcome.value };
  }

  readJournalSync(place: string, limitBytes: number): JournalOutcome {
    return readJournal(this.facts, place, limitBytes);
  }

  writeJournalSync(place: string, journal: JournalFile): SystemFailure | undefined {
    return writeJournal(this.facts, place, journal);
  }

  removeJournalSync(place: string): SystemFailure | undefined {
    return removeJournal(this.facts, place);
  }

  settleJournalSync(place: string): SystemFailure | undefined {
    const size = this.fileSizeSync();
    return 'failure' in size ? size.failure : settleJournal(this.facts, place);
  }

  listFolderSync(): FolderOutcome {
    return listFolder(this.facts);
  }

  identify(name: string): IdentityOutcome {
    return identify(this.facts, name);
  }

  names(): NamesOutcome {
    const outcome = attempt('stat', () => {
      const { dev, ino, nlink } = fs.fstatSync(this.#fd, { bigint: true });
      const named = fs.statSync(this.facts.path, { bigint: true, throwIfNoEntry: false });
      return { linkCount: Number(nlink), isAtPath: named?.dev === dev && named.ino === ino };
    });
    return 'failure' in outcome ? outcome : outcome.value;
  }

  async close(): Promise<SystemFailure | undefined> {
    if (this.#fd < 0) return closedFailure('close');
    const fd = this.#fd;
    this.#fd = -1;
    this.#locks.drop();
    await Promise.allSettled(this.#inFlight);
    return failureOf('close', () => { fs.closeSync(fd); });
  }

  async #transfer(call: (done: (error: Error | null, bytes: number) => void) => void): Promise<Transfer> {
    if (this.#fd < 0) return { transferredBytes: 0, errno: Errno.EBADF };
    const calling = new Promise<Transfer>((resolve) => {
      call((error, bytes) => {
        if (error === null) resolve({ transferredBytes: bytes, errno: 0 });
        else resolve({ transferredBytes: 0, errno: errnoOf(error) });
      });
    });
    this.#inFlight.add(calling);
    try {
      return await calling;
    } finally {
      this.#inFlight.delete(calling);
    }
  }

  #failureOf(syscall: string, action: () => void): SystemFailure | undefined {
    return this.#fd < 0 ? closedFailure(syscall) : failureOf(syscall, action);
  }

  #requireInside(position: number, length: number): void {
    if (Number.isSafeInteger(position) && position >= 0 && position + length <= this.mappedBytes) return;
    throw new RangeError(`${length} bytes at ${position} are not inside ${this.mappedBytes} bytes`);
  }
}

function closedFailure(syscall: string): SystemFailure {
  return { errno: Errno.EBADF, syscall };
}

/** As of a mapping: a bus error at that byte, by which neither truncation nor a media error is claimed. */
function faultAt(position: number): CaughtFault {
  return { position, signalCode: 2, granuleLog2: 0 };
}
