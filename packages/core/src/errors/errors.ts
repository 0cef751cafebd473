/** Errors with stable codes. docs/reference/errors.md has one heading per code. */
import type { ByteRange } from '../ranges/byte-range.js';
import { formatRanges } from '../ranges/byte-range.js';
import { isBranded, setBrand } from './brand.js';
import { printable } from './printable.js';
import type { RepairReceipt } from '../repair/receipt.js';
import type { RepairAttempt } from '../repair/types.js';

/** Every code that a PmemError can carry. Codes are never renamed; new ones may be added in a minor version. */
export type PmemErrorCode =
  | 'ERR_PMEM_MEDIA'
  | 'ERR_PMEM_TRUNCATED'
  | 'ERR_PMEM_NO_SPACE'
  | 'ERR_PMEM_REPAIR_FAILED'
  | 'ERR_PMEM_HELD_BACK'
  | 'ERR_PMEM_LOST'
  | 'ERR_PMEM_JOURNAL'
  | 'ERR_PMEM_NOT_SUPPORTED'
  | 'ERR_PMEM_TOO_MANY_VIEWS'
  | 'ERR_PMEM_CLOSED'
  | 'ERR_PMEM_LOCKED'
  | 'ERR_PMEM_READ_ONLY'
  | 'ERR_PMEM_NOT_FOUND'
  | 'ERR_PMEM_EXISTS'
  | 'ERR_PMEM_ACCESS'
  | 'ERR_PMEM_NOT_A_FILE'
  | 'ERR_PMEM_TOO_SMALL'
  | 'ERR_PMEM_TOO_MANY_FILES'
  | 'ERR_PMEM_IO'
  | 'ERR_PMEM_BINDING_MISSING';

const PMEM_ERROR = Symbol.for('@safe-pmem/core PmemError');
const MEDIA_ERROR = Symbol.for('@safe-pmem/core MediaError');
const REPAIR_ERROR = Symbol.for('@safe-pmem/core RepairError');

/** Tells whether `value` is a PmemError, of this copy of the package or another. */
export function isPmemError(value: unknown): value is PmemError {
  return isBranded(value, PMEM_ERROR);
}

/** Tells whether `value` is a MediaError, of this copy of the package or another. */
export function isMediaError(value: unknown): value is MediaError {
  return isBranded(value, MEDIA_ERROR);
}

/** Tells whether `value` is a RepairError, of this copy of the package or another. */
export function isRepairError(value: unknown): value is RepairError {
  return isBranded(value, REPAIR_ERROR);
}

/**
 * Tells whether `constructor` is the class of the brand, and no subclass. A class that mentions itself would do, but the
 * bundler renames it, and that name is what a runtime prints above a stack.
 */
function isNamed(constructor: { readonly prototype: Error }, brand: symbol): boolean {
  return Object.hasOwn(constructor.prototype, brand);
}

/** Answers as `instanceof` does by default: subclasses that an application makes of these errors have no symbol. */
function isInherited(constructor: { readonly prototype: Error }, value: unknown): boolean {
  return Function.prototype[Symbol.hasInstance].call(constructor as never, value);
}

/** One heading a code. */
const REFERENCE = 'https://github.com/safe-pmem/safe-pmem/blob/main/docs/reference/errors.md';

export interface PmemErrorDetails {
  readonly path?: string;
  readonly ranges?: readonly ByteRange[];
  readonly cause?: unknown;
}

/** Something the machine did, as opposed to a programmer's mistake (those are TypeError and RangeError). */
export class PmemError extends Error {
  readonly code: PmemErrorCode;
  /** The file concerned; undefined if the error concerns none. */
  readonly path: string | undefined;
  /** The file bytes concerned, sorted; empty if the error concerns the whole file. */
  readonly ranges: readonly ByteRange[];
  /** Address of the page that says what the file looks like now, and what to do. Node prints it with the error. */
  readonly help: string;

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isNamed(this, PMEM_ERROR) ? isPmemError(value) : isInherited(this, value);
  }

  constructor(code: PmemErrorCode, message: string, details: PmemErrorDetails = {}) {
    const where = [
      details.path === undefined ? '' : ` '${printable(details.path)}'`,
      details.ranges === undefined || details.ranges.length === 0 ? '' : ` bytes ${formatRanges(details.ranges)}`,
    ].join('');
    super(`${message}${where === '' ? '' : `:${where}`}`, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.path = details.path;
    this.ranges = details.ranges ?? [];
    this.help = `${REFERENCE}#${code.toLowerCase()}`;
  }
}

/**
 * The way in which a media error came to light: a signal, an errno, or a bad block that was known before any access.
 * `unfinished`: a repair of these bytes, which were shown to be bad, was begun here or by another process and has not
 * ended. They may read well by now, but part of them may be the old bytes and part the new ones.
 */
export type MediaErrorSource = 'sigbus' | 'errno' | 'known' | 'unfinished';

/** The operation that met the error, by its public name. */
export type Operation = 'read' | 'write' | 'view' | 'persist' | 'scrub' | 'resize';

/**
 * Bytes that the medium cannot give back. `ranges` are whole pages, clipped to the file: hand them to `repair()`. After
 * a failed read the bytes of the target that lie in `ranges` are unspecified and all others are as in the file; after a
 * failed write the content of `ranges` is unknown and every other byte was stored. If the same access also met
 * something else, such as a truncation, `cause` is a PmemError with the ranges of that.
 */
export class MediaError extends PmemError {
  readonly operation: Operation;
  readonly source: MediaErrorSource;

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isNamed(this, MEDIA_ERROR) ? isMediaError(value) : isInherited(this, value);
  }

  constructor(
    operation: Operation,
    source: MediaErrorSource,
    details: PmemErrorDetails & { readonly ranges: readonly ByteRange[] },
  ) {
    const met = source === 'unfinished' ? 'bytes whose repair has not ended' : `a media error (${source})`;
    super('ERR_PMEM_MEDIA', `${operation} met ${met}`, details);
    this.operation = operation;
    this.source = source;
  }
}

/**
 * A repair that could not make all its units usable. Those that failed stay with their file and stay known to be bad;
 * `receipt` says what became of every unit that was reached. The code is ERR_PMEM_HELD_BACK if the kernel holds pages
 * back after a machine check that its list does not know, else ERR_PMEM_REPAIR_FAILED.
 */
export class RepairError extends PmemError {
  readonly attempts: readonly RepairAttempt[];
  readonly receipt: RepairReceipt;

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isNamed(this, REPAIR_ERROR) ? isRepairError(value) : isInherited(this, value);
  }

  constructor(
    message: string,
    attempts: readonly RepairAttempt[],
    details: PmemErrorDetails,
    receipt: RepairReceipt = { units: [] },
    code: 'ERR_PMEM_REPAIR_FAILED' | 'ERR_PMEM_HELD_BACK' = 'ERR_PMEM_REPAIR_FAILED',
  ) {
    super(code, message, details);
    this.attempts = attempts;
    this.receipt = receipt;
  }
}

/** Not the name of the class, which a minifier may change; and before the stack is written, which begins with it. */
function setIdentity(prototype: Error, name: string, brand: symbol): void {
  Object.defineProperty(prototype, 'name', { value: name, writable: true, configurable: true });
  setBrand(prototype, brand);
}

setIdentity(PmemError.prototype, 'PmemError', PMEM_ERROR);
setIdentity(MediaError.prototype, 'MediaError', MEDIA_ERROR);
setIdentity(RepairError.prototype, 'RepairError', REPAIR_ERROR);
