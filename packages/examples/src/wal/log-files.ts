/** The one or two files that hold the log, and what became of an access to one of their pages. */
import type { ByteRange, PmemFile } from '@safe-pmem/core';
import { PmemError, isPmemError } from '@safe-pmem/core';
import type { DamageReason } from '../page-files/damage-reason.js';
import { reasonIn } from '../page-files/damage-reason.js';
import { readRun } from '../page-files/read-run.js';
import { PAGE_BYTES } from './format/format.js';

/** `log` is the file given as `file`, `mirror` the one given as `mirror`. */
export type Role = 'log' | 'mirror';

export interface LogFile {
  readonly role: Role;
  readonly file: PmemFile;
  /** persist() flushes cache lines; otherwise it is a system call that may wait for a device. */
  readonly flushesLines: boolean;
}

export function logFileOf(role: Role, file: PmemFile): LogFile {
  return { role, file, flushesLines: file.info().persistMethod === 'cpu-flush' };
}

/**
 * Bytes of a file that could not be read or stored, and why. `damaged`: readable, but not what was written. `busy`: not
 * stored, because a repair holds them.
 */
export interface Damage {
  readonly role: Role;
  readonly range: ByteRange;
  readonly reason: DamageReason | 'busy';
  readonly cause?: unknown;
}

/** Returns the reason if `error` says that bytes could not be read or stored; undefined for anything else. */
export function damageReason(error: unknown): Damage['reason'] | undefined {
  return isPmemError(error) && error.code === 'ERR_PMEM_LOCKED' ? 'busy' : reasonIn(error);
}

/** Bytes of a page, counted from its start, that were read. */
export interface PageRead {
  readonly readableBytes: number;
  readonly damage: Damage | undefined;
}

/**
 * Reads a page, or its beginning if `target` is shorter. Throws what is not damage, such as a closed file. Bytes after
 * the end of a file that was cut off count as damage, and are zeros in `target`.
 */
export function readPage(logFile: LogFile, position: number, target: Uint8Array): PageRead {
  const cutOff = cutOffAt(logFile, position, target.length);
  if (cutOff !== undefined) {
    const left = target.subarray(0, Math.max(0, logFile.file.size - position));
    target.fill(0, left.length);
    const read = left.length === 0 ? { readableBytes: 0 } : readPage(logFile, position, left);
    return { readableBytes: read.readableBytes, damage: cutOff };
  }
  try {
    logFile.file.read(target, position);
    return { readableBytes: target.length, damage: undefined };
  } catch (error) {
    return damagedRead(logFile, position, target.length, error);
  }
}

/**
 * Reads the pages from `position` on that fill `target`, with one call if none of them is damaged. Says of each what
 * readPage() says; the cause of a page's damage may name others too.
 */
export function readPages(logFile: LogFile, position: number, target: Uint8Array): PageRead[] {
  const wholeBytes = Math.max(0, Math.floor((logFile.file.size - position) / PAGE_BYTES) * PAGE_BYTES);
  const inFile = target.subarray(0, wholeBytes);
  const errors = inFile.length === 0 ? undefined : readRun(logFile.file, position, inFile);
  return Array.from({ length: target.length / PAGE_BYTES }, (_, page) => {
    const at = page * PAGE_BYTES;
    if (at >= inFile.length) return readPage(logFile, position + at, target.subarray(at, at + PAGE_BYTES));
    const error = errors?.get(page);
    if (error === undefined) return { readableBytes: PAGE_BYTES, damage: undefined };
    return damagedRead(logFile, position + at, PAGE_BYTES, error);
  });
}

function damagedRead(logFile: LogFile, position: number, length: number, error: unknown): PageRead {
  const reason = damageReason(error);
  if (reason === undefined) throw error;
  let readableBytes = length;
  for (const range of (error as PmemError).ranges) {
    if (range.offset + range.length > position) readableBytes = Math.min(readableBytes, range.offset - position);
  }
  return { readableBytes: Math.max(0, readableBytes), damage: damageOf(logFile, position, reason, error) };
}

/** Reads a page as far as the file goes, and zeros after that. False if any of what the file has cannot be read. */
export function readExisting(logFile: LogFile, position: number, target: Uint8Array): boolean {
  const existing = Math.min(target.length, Math.max(0, logFile.file.size - position));
  return readPage(logFile, position, target).readableBytes === existing;
}

/** Stores and persists. Returns the damage if the file refuses, or ends before; throws anything else. */
export function storeDurably(logFile: LogFile, position: number, bytes: Uint8Array): Damage | undefined {
  const cutOff = cutOffAt(logFile, position, bytes.length);
  if (cutOff !== undefined) return cutOff;
  try {
    logFile.file.write(bytes, position);
    logFile.file.persist(position, bytes.length);
    return undefined;
  } catch (error) {
    const reason = damageReason(error);
    if (reason === undefined) throw error;
    return damageOf(logFile, position - (position % PAGE_BYTES), reason, error);
  }
}

/** Describes the damage of bytes that the file does not have. */
function cutOffAt(logFile: LogFile, position: number, length: number): Damage | undefined {
  const { path, size } = logFile.file;
  if (position + length <= size) return undefined;
  const ranges = [{ offset: position, length }];
  const cause = new PmemError('ERR_PMEM_TRUNCATED', `the file ends after ${size} bytes`, { path, ranges });
  return damageOf(logFile, position - (position % PAGE_BYTES), 'truncated', cause);
}

/** Damage to the whole page at `position`. */
export function damageOf(logFile: LogFile, position: number, reason: Damage['reason'], cause?: unknown): Damage {
  return { role: logFile.role, range: { offset: position, length: PAGE_BYTES }, reason, cause };
}
