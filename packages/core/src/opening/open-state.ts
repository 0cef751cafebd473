import { OpenWindow } from '../access/open-window.js';
import { isInside, requireBytes, requireInside, requireRange } from '../arguments.js';
import type { ByteRange } from '../ranges/byte-range.js';
import type { DeviceDriver } from '../driver/devices.js';
import type { CompleteFile } from '../driver/driver.js';
import { PmemError } from '../errors/errors.js';
import { FaultPath } from '../faults/fault-path.js';
import { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { Journal } from '../repair/journal/journal.js';
import { Announcements } from '../rescue/announcements.js';

/** Of a file whose size may change meanwhile. */
export interface LeastEnd {
  bytes: number;
}

/** The state that the parts of a PmemFile share: the open file, its unsafe ranges, and whether it is open at all. */
export class OpenState {
  readonly file: CompleteFile;
  /** Of the driver that opened the file. */
  readonly devices: DeviceDriver | undefined;
  readonly window = new OpenWindow();
  readonly unsafe = new UnsafeRanges(() => { this.window.shut(); });
  readonly journal: Journal;
  readonly faultPath: FaultPath;
  readonly announcements: Announcements;
  sizeBytes: number;
  closed = false;
  readonly #closing = new AbortController();
  /** The end of each that runs, with the size that it gives the file. */
  readonly #resizes = new Map<Promise<void>, number>();
  readonly #ends = new Set<LeastEnd>();

  constructor(file: CompleteFile, devices?: DeviceDriver) {
    this.file = file;
    this.devices = devices;
    this.journal = new Journal(file, this.unsafe);
    this.faultPath = new FaultPath(file, this.unsafe, this.journal, () => this.#endOfFile);
    this.announcements = new Announcements(file, this.unsafe);
    this.sizeBytes = file.mappedBytes;
  }

  /** Opens the window for later accesses near `position`. True if they may use it. */
  openWindow(position: number, length: number): boolean {
    if (!this.unsafe.isEmpty || this.#resizes.size > 0 || this.closed) return false;
    const window = this.file.memoryWindow(position, length);
    if (window === undefined) return false;
    this.window.open(window, this.sizeBytes);
    return true;
  }

  /** What shortened or replaced the mapping is done when the promise is settled; meanwhile accesses go through the driver. */
  async whileResizing<Outcome>(sizeBytes: number, resize: () => Promise<Outcome>): Promise<Outcome> {
    this.window.shut();
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => { end = resolve; });
    this.#resizes.set(ended, sizeBytes);
    for (const end of this.#ends) end.bytes = Math.min(end.bytes, sizeBytes);
    try {
      return await resize();
    } finally {
      this.#resizes.delete(ended);
      this.sizeBytes = this.file.mappedBytes;
      end();
    }
  }

  /** Resolves when no resize() runs any more: the size of the file and its mapping agree again. */
  async resized(): Promise<void> {
    while (this.#resizes.size > 0) await Promise.all(this.#resizes.keys());
  }

  /** Runs `body`, which is told the least size that a resize() has given the file since then. */
  async whileNotingEnd<Outcome>(body: (end: LeastEnd) => Promise<Outcome>): Promise<Outcome> {
    const end: LeastEnd = { bytes: this.#endOfFile };
    this.#ends.add(end);
    try {
      return await body(end);
    } finally {
      this.#ends.delete(end);
    }
  }

  get #endOfFile(): number {
    return Math.min(this.file.mappedBytes, ...this.#resizes.values());
  }

  close(): void {
    this.closed = true;
    this.window.shut();
    this.#closing.abort(this.#closedError());
  }

  /** Aborted by close(), with the error that whoever waits then is to throw. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  get path(): string {
    return this.file.facts.path;
  }

  assertOpen(): void {
    if (this.closed) throw this.#closedError();
  }

  #closedError(): PmemError {
    return new PmemError('ERR_PMEM_CLOSED', 'the file is closed', { path: this.path });
  }

  assertWritable(ranges: readonly ByteRange[] = []): void {
    if (!this.file.facts.readOnly) return;
    throw new PmemError('ERR_PMEM_READ_ONLY', 'the file was opened read-only', { path: this.path, ranges });
  }

  wholeFile(): ByteRange {
    return { offset: 0, length: this.sizeBytes };
  }

  /** Checks a range that was asked for, which may not be empty. Undefined: the whole file, which may. */
  rangeOrWhole(range: ByteRange | undefined): ByteRange {
    return range === undefined ? this.wholeFile() : requireRange('range', range, this.sizeBytes);
  }

  /**
   * One comparison chain on the hot path; the words for what is wrong are found after something is. `length`, not
   * `byteLength`: on Node 20 the latter is a call of 8 ns. But compiled code of Node 20 and 22 that has met resizable buffers
   * believes the `length` that an array had before it was detached: drivers have to refuse a detached array themselves.
   */
  checkBytes(name: string, bytes: Uint8Array, position: number): void {
    if (!this.closed && bytes instanceof Uint8Array && isInside(position, bytes.length, this.sizeBytes)) return;
    this.assertOpen();
    requireBytes(name, bytes);
    requireInside(position, bytes.byteLength, this.sizeBytes);
  }

  checkInside(position: number, length: number): void {
    if (!this.closed && isInside(position, length, this.sizeBytes)) return;
    this.assertOpen();
    requireInside(position, length, this.sizeBytes);
  }
}
