import { ownOptions, requireBoolean, requireInteger, requireOneOf } from '../arguments.js';
import type { Driver } from '../driver/driver.js';
import type { HugePages } from './huge-pages.js';

export interface OpenOptions {
  /** The driver: `nativeDriver()` in production, `mockDriver()` in tests. */
  readonly driver: Driver;
  /**
   * Create the file (mode 0600) if there is none, of `size` bytes. Without `size` the new file is empty, as one of
   * open(2) is: nothing can be read or written before resize(). Default false.
   */
  readonly create?: boolean;
  /** Bytes of a new file, and the least that an existing one must have. */
  readonly size?: number;
  /** Map for reading only. Default false. */
  readonly readOnly?: boolean;
  /** Allocate every block of a new file now, so that no later store can find the filesystem full. Default false. */
  readonly preallocate?: boolean;
  /**
   * Refuse to share the file with another writer, in this process or another, as long as it is open: ERR_PMEM_LOCKED.
   * Read-only openers are not refused. Default false.
   */
  readonly exclusive?: boolean;
  /**
   * Says whether the kernel may map 2 MiB of the file by one entry. Default `avoid` on DAX and `allow` elsewhere: an
   * error that is met through 2 MiB leaves a page that stock kernels cannot repair. `allow` makes first accesses and
   * random reads of large files cheaper (1.5 times, docs/internals/performance.md). It concerns this open file alone;
   * other programs map as they like.
   */
  readonly hugePages?: HugePages;
  /**
   * Decides about a repair journal that cannot be taken at its word.
   *
   * - `require` (default): one that is damaged, too large, not readable, or not owned by the file's owner or root, and
   *   a marked file whose journal is gone, are refused; so is one whose repair the machine's death cut off, if a page
   *   may be torn or may have been stored to since, and nothing tells which. One that came with a copy of its file (a
   *   backup, a container layer) keeps what it names unreadable; all other bytes can be read and written.
   * - `adopt`: a copied journal becomes this file's own: its repairs are finished, its losses can be repaired. A repair
   *   that was cut off is finished also over what may have been stored since.
   * - `discard`: forgets the journal, whether it can be taken at its word or not, and accepts that bytes which an
   *   earlier repair had lost now read as whatever the medium holds. That is right after the file was restored in place
   *   by other means, which no journal can know of. Repairs that were cut off are finished first, but not over what may
   *   have been stored since. Only journals are deleted.
   */
  readonly journal?: 'require' | 'adopt' | 'discard';
}

const NAMES = ['driver', 'create', 'size', 'readOnly', 'preallocate', 'exclusive', 'hugePages', 'journal'] as const;

/** Throws TypeError unless it can be the path of a file. */
export function checkedPath(path: unknown): asserts path is string {
  if (typeof path !== 'string' || path.length === 0) throw new TypeError('path must be a string that is not empty');
  if (path.includes('\0')) throw new TypeError('path must not contain a null byte');
}

/** The options, each read once. Throws TypeError or RangeError; nothing has been opened yet. */
export function checkedOpenOptions(path: unknown, options: unknown): OpenOptions {
  checkedPath(path);
  if (options === null || typeof options !== 'object') throw new TypeError('options must be an object with a driver');
  const own = ownOptions(options as OpenOptions, NAMES);
  const { driver, create, size, readOnly, preallocate, exclusive, hugePages, journal = 'require' } = own;
  if (driver === undefined || typeof (driver as { open?: unknown } | null)?.open !== 'function') {
    throw new TypeError('options.driver must be a driver, such as nativeDriver() or mockDriver()');
  }
  requireBoolean('options.create', create);
  requireBoolean('options.readOnly', readOnly);
  requireBoolean('options.preallocate', preallocate);
  requireBoolean('options.exclusive', exclusive);
  if (hugePages !== undefined) requireOneOf('options.hugePages', hugePages, ['avoid', 'allow']);
  requireOneOf('options.journal', journal, ['require', 'adopt', 'discard']);
  if (size !== undefined) {
    requireInteger('options.size', size);
    if (size === 0) throw new RangeError('options.size must not be 0');
  }
  for (const [name, value] of [['create', create], ['exclusive', exclusive]] as const) {
    if (value === true && readOnly === true) throw new TypeError(`options.${name} and options.readOnly exclude each other`);
  }
  return { ...own, driver };
}
