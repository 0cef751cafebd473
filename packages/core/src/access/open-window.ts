/** Memory that short accesses touch: one of the driver's windows as far as the file reaches, or nothing. */
import { Buffer } from 'node:buffer';
import type { MemoryWindow } from '../driver/driver.js';

const NOTHING = Buffer.alloc(0);
const NO_WINDOW: MemoryWindow = {
  start: 0, bytes: NOTHING, data: new DataView(NOTHING.buffer, 0, 0), faults: new Int32Array(1),
};

/**
 * Open only while an access needs no more than a look at it: the file is open and not being resized, and no range of it
 * is unsafe. All of that is decided when it is opened, so that no access has to.
 */
export class OpenWindow implements MemoryWindow {
  start = NO_WINDOW.start;
  /** Bytes of `bytes` that belong to the file; 0 if the window is shut. */
  limit = 0;
  bytes = NO_WINDOW.bytes;
  data = NO_WINDOW.data;
  faults = NO_WINDOW.faults;

  open({ start, bytes, data, faults }: MemoryWindow, sizeBytes: number): void {
    this.start = start;
    this.limit = Math.min(bytes.length, sizeBytes - start);
    this.bytes = bytes;
    this.data = data;
    this.faults = faults;
  }

  shut(): void {
    this.open(NO_WINDOW, 0);
  }
}
