/** Errors with stable codes. docs/reference/errors.md has one heading per code. */
import type { ByteRange } from './byte-range.js';
import { formatRanges } from './byte-range.js';

/** Every code that a PmemError can carry. Codes are never renamed; new ones may be added in a minor version. */
export type PmemErrorCode =
  | 'ERR_PMEM_MEDIA'
  | 'ERR_PMEM_TRUNCATED'
  | 'ERR_PMEM_NO_SPACE'
  | 'ERR_PMEM_REPAIR_FAILED'
  | 'ERR_PMEM_LOST'
  | 'ERR_PMEM_JOURNAL'
  | 'ERR_PMEM_NOT_SUPPORTED'
  | 'ERR_PMEM_CLOSED'
  | 'ERR_PMEM_LOCKED'
  | 'ERR_PMEM_READ_ONLY'
  | 'ERR_PMEM_NOT_FOUND'
  | 'ERR_PMEM_ACCESS'
  | 'ERR_PMEM_NOT_A_FILE'
  | 'ERR_PMEM_TOO_SMALL'
  | 'ERR_PMEM_TOO_MANY_FILES'
  | 'ERR_PMEM_IO'
  | 'ERR_PMEM_BINDING_MISSING';

export interface PmemErrorDetails {
  readonly path?: string;
  readonly ranges?: readonly ByteRange[];
  readonly cause?: unknown;
}

/** Something the machine did, as opposed to a programmer's mistake (those are TypeError and RangeError). */
export class PmemError extends Error {
  readonly code: PmemErrorCode;
  /** The file concerned; undefined where the error concerns none. */
  readonly path: string | undefined;
  /** The file bytes concerned, sorted; empty where the error concerns the whole file. */
  readonly ranges: readonly ByteRange[];

  constructor(code: PmemErrorCode, message: string, details: PmemErrorDetails = {}) {
    const where = [
      details.path === undefined ? '' : ` '${details.path}'`,
      details.ranges === undefined || details.ranges.length === 0 ? '' : ` bytes ${formatRanges(details.ranges)}`,
    ].join('');
    super(`${message}${where === '' ? '' : `:${where}`}`, details.cause === undefined ? {} : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.path = details.path;
    this.ranges = details.ranges ?? [];
  }
}

/** How a media error came to light: a signal, an errno, or a bad block that was known before any access. */
export type MediaErrorSource = 'sigbus' | 'errno' | 'known';

/** The operation that met the error, by its public name. */
export type Operation = 'read' | 'write' | 'view' | 'persist' | 'salvage' | 'scrub' | 'resize' | 'repair' | 'open';

/**
 * Bytes that the medium cannot give back. `ranges` are whole repair units, clipped to the file: exactly what to hand
 * to `repair()`. After a failed read the bytes of the target that lie in `ranges` are unspecified and all others are
 * as in the file; after a failed write the content of `ranges` is unknown and every other byte was stored. Where the
 * same access also met something else, a truncation say, `cause` is a PmemError with the ranges of that.
 */
export class MediaError extends PmemError {
  readonly operation: Operation;
  readonly source: MediaErrorSource;

  constructor(
    operation: Operation,
    source: MediaErrorSource,
    details: PmemErrorDetails & { readonly ranges: readonly ByteRange[] },
  ) {
    super('ERR_PMEM_MEDIA', `${operation} met a media error (${source})`, details);
    this.operation = operation;
    this.source = source;
  }
}

/** One step that a repair tried on one unit. `errno` 0: the call succeeded and verification did not. */
export interface RepairAttempt {
  readonly range: ByteRange;
  readonly strategy: 'zero-range' | 'recovery-write';
  /** `fallocate`, `pwrite`, `fdatasync`, `verify`, … */
  readonly step: string;
  readonly errno: number;
}

/** A repair that could not make its units usable. They stay with their file and stay known to be bad. */
export class RepairError extends PmemError {
  readonly attempts: readonly RepairAttempt[];

  constructor(message: string, attempts: readonly RepairAttempt[], details: PmemErrorDetails) {
    super('ERR_PMEM_REPAIR_FAILED', message, details);
    this.attempts = attempts;
  }
}
