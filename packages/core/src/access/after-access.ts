/** Two questions after an access through the window: did it meet a fault, and may its zeros be those of a cut? */
import type { CaughtFault } from '../driver/driver.js';
import type { OpenState } from '../opening/open-state.js';

/** So many bytes after a zero are looked at before the file is asked for its size, which takes a system call. */
const NEAR_BYTES = 16;

/** The fault that an access through the window met. Getting it may have taken the window's memory away. */
export function takeFault({ file, window }: OpenState): CaughtFault | undefined {
  if (window.faults[0] === 0) return undefined;
  window.shut();
  return file.takeFault();
}

/**
 * After a load that ended with a zero: what another process cuts off inside a page is zeros from there to the end of
 * the page, and loads without a fault. A byte after it in its page that is not zero shows that there was no cut; if
 * there is none the file is asked for its size. Throws ERR_PMEM_TRUNCATED.
 */
export function requireUncut(state: OpenState, position: number, length: number): void {
  const { window } = state;
  // On Node 20 reads have no need of a window, and this has.
  const isOpen = position >= window.start && position + length <= window.start + window.limit;
  if (!isOpen) state.openWindow(position, length);
  const { bytes, faults, limit, start } = window;
  const end = position - start + length;
  if (end > 0 && end < limit) {
    const { pageBytes } = state.file.facts;
    const pageEnd = Math.min(limit, Math.ceil(end / pageBytes) * pageBytes);
    if (bytes[pageEnd - 1] !== 0 || hasByte(bytes, end, Math.min(pageEnd, end + NEAR_BYTES))) {
      if (faults[0] === 0) return;
    }
  }
  state.faultPath.requireInFile('read', { offset: position, length });
}

function hasByte(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return true;
  return false;
}
