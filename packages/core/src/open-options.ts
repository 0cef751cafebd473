import { requireBoolean, requireInteger, requireOneOf } from './arguments.js';
import type { Driver } from './driver.js';

export interface OpenOptions {
  /** The driver: `nativeDriver()` in production, `mockDriver()` in tests. */
  readonly driver: Driver;
  /** Create the file (mode 0600) where there is none; `size` says how long. Default false. */
  readonly create?: boolean;
  /** Bytes of a new file, and the least that an existing one must have. */
  readonly size?: number;
  /** Map for reading only. Default false. */
  readonly readOnly?: boolean;
  /** Allocate every block of a new file now, so that no later store can find the filesystem full. Default false. */
  readonly preallocate?: boolean;
  /**
   * What to do with a repair journal that is damaged or belongs to another file: `require` (default) refuses to open,
   * `discard` deletes it and accepts that bytes an earlier repair had lost now read as whatever the medium holds.
   */
  readonly journal?: 'require' | 'discard';
}

/** Throws TypeError or RangeError; nothing has been opened yet. */
export function checkOpenArguments(path: unknown, options: unknown): asserts options is OpenOptions {
  if (typeof path !== 'string' || path.length === 0) throw new TypeError('path must be a string that is not empty');
  if (path.includes('\0')) throw new TypeError('path must not contain a null byte');
  if (options === null || typeof options !== 'object') throw new TypeError('options must be an object with a driver');
  const { driver, create, size, readOnly, preallocate, journal = 'require' } = options as Partial<OpenOptions>;
  if (typeof (driver as { open?: unknown } | null | undefined)?.open !== 'function') {
    throw new TypeError('options.driver must be a driver, such as nativeDriver() or mockDriver()');
  }
  requireBoolean('options.create', create);
  requireBoolean('options.readOnly', readOnly);
  requireBoolean('options.preallocate', preallocate);
  requireOneOf('options.journal', journal, ['require', 'discard']);
  if (size !== undefined) {
    requireInteger('options.size', size);
    if (size === 0) throw new RangeError('options.size must not be 0');
  }
  if (create === true && readOnly === true) throw new TypeError('options.create and options.readOnly exclude each other');
}
