/** A range of a file as a Uint8Array, and the question whether what was read from it is what the medium gave. */
import { constants } from 'node:buffer';
import type { ByteRange } from '../ranges/byte-range.js';
import { alignOut } from '../ranges/byte-range.js';
import type { DriverView, SystemFailure } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';
import { PmemError } from '../errors/errors.js';
import { SystemCallError, systemError } from '../errors/system-error.js';

/** The file, as its view needs it. */
export interface ViewFile {
  /** Throws if a load of the view met a fault, or the range holds bytes that must not be read. */
  verifyView(view: DriverView, range: ByteRange): void;
  /** The view releases itself. */
  forgetView(): void;
}

/** Throws RangeError if the pages of the range do not fit into one ArrayBuffer. */
export function requireViewable(range: ByteRange, pageBytes: number): void {
  if (alignOut(range, pageBytes).length <= constants.MAX_LENGTH) return;
  throw new RangeError(
    `a view of ${range.length} bytes is longer than an array can be here (${constants.MAX_LENGTH} bytes): ` +
      'take several views',
  );
}

export function viewError(failure: SystemFailure, path: string, range: ByteRange): PmemError {
  const details = { path, ranges: [range] };
  if (failure.errno !== Errno.ENOMEM) return systemError('cannot map a view', failure, details);
  return new PmemError(
    'ERR_PMEM_TOO_MANY_VIEWS',
    'this process maps as many views as it may: release() those that are done with, or use withView()',
    { ...details, cause: new SystemCallError(failure) },
  );
}

/**
 * The bytes of `range` without a copy. Elements are loaded from the medium when they are read, at the speed of any
 * Uint8Array. What cannot be loaded reads as zeros, and is marked: believe nothing before verify() has returned.
 *
 * It is not a snapshot: stores by write() show up in it. Stores into the view never reach the file. It stays valid
 * through resize() and until release() or the file's close(), when its length becomes 0. subarray() and the like give
 * plain Uint8Arrays over the same memory, to which the same applies.
 */
export class PmemView extends Uint8Array {
  readonly #file: ViewFile;
  readonly #view: DriverView;
  readonly #range: ByteRange;

  /** Made by PmemFile.view(). @internal */
  constructor(file: ViewFile, view: DriverView, range: ByteRange) {
    // Of either kind; the constructor that extends binds takes the one.
    super(view.bytes.buffer as ArrayBuffer, view.bytes.byteOffset, view.bytes.length);
    this.#file = file;
    this.#view = view;
    this.#range = range;
  }

  /**
   * The class of what subarray(), slice() and map() make: they know nothing of the file.
   *
   * @example
   * const copy = view.slice(0, 16); // a plain Uint8Array
   */
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }

  /**
   * The bytes of the file that the view shows.
   *
   * @example
   * const end = view.range.offset + view.range.length;
   */
  get range(): ByteRange {
    return this.#range;
  }

  /**
   * Throws if anything read from the view so far may not be what the medium gave: MediaError for the pages that a
   * load met, and for those known to be bad by now; ERR_PMEM_TRUNCATED, ERR_PMEM_LOST, ERR_PMEM_IO, ERR_PMEM_CLOSED.
   * Discard what was derived from it then. A view that met a fault stays marked: after repair() ask for a new one. The
   * file is not changed.
   *
   * @example
   * const sum = crc32(view);
   * view.verify();
   */
  verify(): void {
    this.#file.verifyView(this.#view, this.#range);
  }

  /**
   * Unmaps the range at once. The view and every array over its memory have length 0 then. Await asynchronous calls
   * that read from it first (`zlib.deflate(view, …)`): a thread that still reads from it ends the process. A second
   * call does nothing.
   *
   * @example
   * view.release();
   */
  release(): void {
    this.#file.forgetView();
    this.#view.release();
  }
}
