/** The part of PmemFile that runs at memory speed: loads and stores, persist, and what hands on to views. */
import type { OpenWindow } from './open-window.js';
import { requireFunction, requireInside, requireInteger, requireRange, requireRanges } from '../arguments.js';
import type { ByteRange } from '../ranges/byte-range.js';
import type { CaughtFault } from '../driver/driver.js';
import { WINDOW_ACCESS_BYTES_MAX } from '../driver/driver.js';
import { NumberReads } from './number-reads.js';
import type { OpenState } from '../opening/open-state.js';
import { dropPersistedLosses } from '../repair/journal/overwritten.js';
import { persistTogether } from './persist-ranges.js';
import type { PmemView } from './view.js';
import { Views } from './views.js';

/**
 * Buffer.copy out of part of an array allocates nothing from Node 22 on; before, it makes an array of that part in
 * each call, and a call into the driver is faster.
 */
const COPY_IS_LEAN = Number(process.versions.node.split('.', 1)[0]) >= 22;

/** How far behind a zero is looked for another byte before the file is asked, which takes a system call. */
const NEAR_BYTES = 16;

function hasByte(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return true;
  return false;
}

export class MemoryAccess extends NumberReads {
  readonly #state: OpenState;
  /** The state's own: one load less for each access. */
  readonly #window: OpenWindow;
  readonly #pageBytes: number;
  /** 0 in a file that is open read-only: a store into its window would be a SIGSEGV. */
  readonly #shortStoreBytesMax: number;
  readonly #number = new Uint8Array(8);
  readonly #numberView = new DataView(this.#number.buffer);
  readonly #views: Views;

  /** @internal */
  protected constructor(state: OpenState) {
    super();
    this.#state = state;
    this.#window = state.window;
    this.#views = new Views(state);
    this.#pageBytes = state.file.facts.pageBytes;
    this.#shortStoreBytesMax = state.file.facts.readOnly ? 0 : WINDOW_ACCESS_BYTES_MAX;
  }

  /** The path with symbolic links resolved. */
  get path(): string {
    return this.#state.path;
  }

  /** Bytes of the file as mapped; changes only by resize(). */
  get size(): number {
    return this.#state.sizeBytes;
  }

  get closed(): boolean {
    return this.#state.closed;
  }

  /**
   * Fills `target` with the bytes at `position`, or throws; never returns bytes that the medium did not give.
   *
   * Throws MediaError (`ranges`: the pages that cannot be read; all other bytes of `target` are as in the file),
   * ERR_PMEM_LOST (a repair could not bring these bytes back), ERR_PMEM_TRUNCATED, ERR_PMEM_NO_SPACE (a hole on a full
   * tmpfs), ERR_PMEM_IO (the filesystem has shut down), ERR_PMEM_CLOSED. The file is never changed. A
   * truncation by another process is noticed to the byte: if the last byte read is 0, and the bytes after it in its
   * page do not show that the file still has it, the file is asked for its size, which is a system call.
   */
  read(target: Uint8Array, position: number): void {
    if (COPY_IS_LEAN) {
      const { bytes, faults, limit, start } = this.#window;
      const at = position - start;
      // Whatever is wrong with an argument, one of these is false then, and #readElsewhere() finds the words for it.
      const length = target instanceof Uint8Array ? target.length : 0;
      if (length <= WINDOW_ACCESS_BYTES_MAX && length > 0 && typeof position === 'number' && at >>> 0 === at && at <= limit - length) {
        if (bytes.copy(target, 0, at, at + length) === length && faults[0] === 0) {
          if (target[length - 1] === 0) this.#requireUncut(position, length);
          return;
        }
      }
    }
    this.#readElsewhere(target, position);
  }

  /**
   * Stores `source` at `position`. Durable only after persist().
   *
   * Throws MediaError (the content of its `ranges` is unknown, every other byte was stored), ERR_PMEM_TRUNCATED,
   * ERR_PMEM_NO_SPACE or ERR_PMEM_IO (likewise), ERR_PMEM_LOCKED (a repair holds the range) or ERR_PMEM_READ_ONLY
   * (nothing stored).
   */
  write(source: Uint8Array, position: number): void {
    const { bytes, faults, limit, start } = this.#window;
    const at = position - start;
    const length = source instanceof Uint8Array ? source.length : 0;
    if (length <= this.#shortStoreBytesMax && length > 0 && typeof position === 'number' && at >>> 0 === at && at <= limit - length) {
      bytes.set(source, at);
      if (faults[0] === 0) return;
    }
    this.#store(source, position);
  }

  /**
   * write() and persist() of the same bytes in one call, durable when it returns. With MAP_SYNC, long ones go past the
   * CPU's caches, so that nothing has to be flushed from them.
   *
   * Throws what write() throws, with the same meaning, but that nothing of the range may be assumed durable; and what
   * persist() throws.
   */
  writeAndPersist(source: Uint8Array, position: number): void {
    const state = this.#state;
    state.checkBytes('source', source, position);
    state.assertWritable();
    if (!state.unsafe.isEmpty) {
      state.faultPath.write(source, position);
      this.persist(position, source.byteLength);
      return;
    }
    const problem = state.file.writeAndPersist(source, position);
    if (problem === undefined) return;
    const range: ByteRange = { offset: position, length: source.byteLength };
    if (!('signalCode' in problem)) throw state.faultPath.persistError([range], problem);
    // Throws, unless the fault has passed.
    state.faultPath.write(source, position, problem);
    this.persist(position, range.length);
  }

  /**
   * Makes every store to the range survive power loss; it is durable when persist() returns. Default: the whole file.
   *
   * With MAP_SYNC this is a cache-line flush and takes no system call. Otherwise it is msync(2) on this thread, like
   * fs.fdatasyncSync: use persistAsync() to keep it off the event loop. `info().persistMethod` says which.
   *
   * Throws MediaError where the range holds bad pages: stores to its `ranges` are lost, known bad pages are not touched,
   * and where `source` is `known` everything else in the range is durable. After ERR_PMEM_TRUNCATED, ERR_PMEM_IO or
   * another source nothing in the range may be assumed durable. Where stores
   * covered bytes that a repair had lost, the repair journal is updated too: ERR_PMEM_LOCKED or ERR_PMEM_JOURNAL mean
   * the bytes are durable, but the next open() still reports them lost; call persist() again.
   */
  persist(position = 0, length: number = this.size - position): void {
    const { file, unsafe, faultPath, journal } = this.#state;
    if (this.#checkPersist(position, length)) return;
    const asked: ByteRange = { offset: position, length };
    for (const range of faultPath.persistable(asked)) {
      faultPath.requirePersisted(range, file.persist(range.offset, range.length));
    }
    dropPersistedLosses(journal, unsafe, asked);
    faultPath.requireAllDurable(asked);
  }

  /** persist() off the main thread; the same errors, as rejections. */
  async persistAsync(position = 0, length: number = this.size - position): Promise<void> {
    const { file, unsafe, faultPath, journal } = this.#state;
    if (this.#checkPersist(position, length)) return;
    const asked: ByteRange = { offset: position, length };
    for (const range of faultPath.persistable(asked)) {
      faultPath.requirePersisted(range, await file.persistAsync(range.offset, range.length));
      this.#state.assertOpen();
    }
    dropPersistedLosses(journal, unsafe, asked);
    faultPath.requireAllDurable(asked);
  }

  /**
   * persist() of many ranges together: one fence, or one msync from the first byte to the last. They are durable when it
   * returns, in no order among themselves. Throws as persist() does; the `ranges` of a MediaError are all that were met.
   */
  persistRanges(ranges: readonly ByteRange[]): void {
    const state = this.#state;
    state.assertOpen();
    const asked = requireRanges('ranges', ranges, state.sizeBytes);
    if (asked.length === 0) return;
    persistTogether(state, asked, (range) => { this.persist(range.offset, range.length); });
  }

  /**
   * The bytes of `range` as a Uint8Array over a private mapping of the file: nothing is copied, and no store into it
   * reaches the file. Elements are loaded when they are read. Where one cannot be loaded it reads as 0 and the view is
   * marked: call verify() before you believe anything that was read. See withView(). A view costs the process one mapping
   * until it is released or collected.
   *
   * Throws MediaError, ERR_PMEM_LOST where the range holds bytes that are known not to be readable; ERR_PMEM_CLOSED;
   * ERR_PMEM_TOO_MANY_VIEWS; ERR_PMEM_NOT_SUPPORTED where the runtime has no arrays over foreign memory (Electron);
   * ERR_PMEM_IO; RangeError for a range that is longer than the runtime's arrays (4 GiB on Node 20).
   */
  view(range: ByteRange): PmemView {
    const state = this.#state;
    state.assertOpen();
    return this.#views.map(requireRange('range', range, state.sizeBytes));
  }

  /**
   * Calls `read` with a view of `range`, verifies the view, releases it, and returns the result of `read`. Where a load
   * met a media error, the result is discarded, or what `read` threw over zeros that nobody stored, and that error is
   * thrown. `read` has to be done when it returns: keep no part of the view, and return no promise.
   */
  withView<Result>(range: ByteRange, read: (view: PmemView) => Result): Result {
    requireFunction('read', read);
    const view = this.view(range);
    let result: Result;
    try {
      try {
        result = read(view);
      } finally {
        // Throws in the place of anything that `read` has thrown.
        view.verify();
      }
    } finally {
      view.release();
    }
    if (result instanceof Promise) throw new TypeError('read returned a promise, but the view ends with the call');
    return result;
  }

  /** @internal */
  protected override locate(position: number, length: number): DataView {
    const { data, limit, start } = this.#window;
    const at = position - start;
    if (typeof position === 'number' && at >>> 0 === at && at <= limit - length) {
      this.at = at;
      return data;
    }
    return this.#locateElsewhere(position, length);
  }

  /** @internal */
  protected override reread(position: number, length: number): DataView | undefined {
    const { data, faults, limit, start } = this.#window;
    if (faults[0] === 0) {
      // The bytes that the number was made of, unless read() got them, which has looked by itself.
      const last = position - start + length - 1;
      if (last >>> 0 === last && last < limit && data.getUint8(last) === 0) this.#requireUncut(position, length);
      return undefined;
    }
    this.#state.faultPath.read(this.#number.subarray(0, length), position, this.#takeFault());
    return this.#numberView;
  }

  /** For the half that closes the file. */
  protected releaseViews(): void {
    this.#views.releaseAll();
  }

  #readElsewhere(target: Uint8Array, position: number): void {
    const state = this.#state;
    const { file, faultPath } = state;
    state.checkBytes('target', target, position);
    if (!state.unsafe.isEmptyAt(position, target.length)) {
      faultPath.read(target, position);
      return;
    }
    const fault = (COPY_IS_LEAN ? this.#takeFault() : undefined) ?? file.read(target, position);
    if (fault !== undefined) {
      faultPath.read(target, position, fault);
      return;
    }
    if (target[target.length - 1] === 0) this.#requireUncut(position, target.length);
    if (COPY_IS_LEAN && target.length <= WINDOW_ACCESS_BYTES_MAX) state.openWindow(position, target.length);
  }

  /**
   * After a load that ended with a zero: what another process cuts off inside a page is zeros from there to the end of
   * the page, and loads without a fault. A byte after it in its page that is not zero shows that there was no cut; if
   * there is none the file is asked for its size.
   */
  #requireUncut(position: number, length: number): void {
    const window = this.#window;
    // On Node 20 reads have no need of a window, and this has.
    const isOpen = position >= window.start && position + length <= window.start + window.limit;
    if (!isOpen) this.#state.openWindow(position, length);
    const { bytes, faults, limit, start } = window;
    const end = position - start + length;
    if (end > 0 && end < limit) {
      const pageEnd = Math.min(limit, Math.ceil(end / this.#pageBytes) * this.#pageBytes);
      if (bytes[pageEnd - 1] !== 0 || hasByte(bytes, end, Math.min(pageEnd, end + NEAR_BYTES))) {
        if (faults[0] === 0) return;
      }
    }
    this.#state.faultPath.requireInFile('read', { offset: position, length });
  }

  /** The fault that an access through the window met. Getting it may have taken the window's memory away. */
  #takeFault(): CaughtFault | undefined {
    if (this.#window.faults[0] === 0) return undefined;
    this.#window.shut();
    return this.#state.file.takeFault();
  }

  #store(source: Uint8Array, position: number): void {
    const state = this.#state;
    state.checkBytes('source', source, position);
    state.assertWritable();
    if (!state.unsafe.isEmptyAt(position, source.length)) {
      state.faultPath.write(source, position);
      return;
    }
    const fault = this.#takeFault() ?? state.file.write(source, position);
    if (fault !== undefined) state.faultPath.write(source, position, fault);
    else if (source.length <= this.#shortStoreBytesMax) state.openWindow(position, source.length);
  }

  #locateElsewhere(position: number, length: number): DataView {
    const state = this.#state;
    state.checkInside(position, length);
    if (state.openWindow(position, length)) {
      this.at = position - this.#window.start;
      return this.#window.data;
    }
    this.at = 0;
    this.read(this.#number.subarray(0, length), position);
    return this.#numberView;
  }

  /** True where there is nothing to do: an empty file. */
  #checkPersist(position: number, length: number): boolean {
    this.#state.assertOpen();
    requireInteger('position', position);
    if (this.size === 0 && position === 0 && length === 0) return true;
    requireInside(position, length, this.size);
    return false;
  }
}

