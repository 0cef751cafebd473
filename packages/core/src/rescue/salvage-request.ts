/** Checks what a salvage is asked for, and asks once more for what is known to be lost. */
import { ownOption, requireFunction } from '../arguments.js';
import { PmemError } from '../errors/errors.js';
import type { OpenState } from '../opening/open-state.js';
import type { ByteRange } from '../ranges/byte-range.js';
import type { SalvageControl, SalvageRequest } from './salvage.js';

/** Throws TypeError, RangeError, ERR_PMEM_CLOSED. */
export function salvageRequest(
  state: OpenState, range: ByteRange | undefined, control: SalvageControl,
): SalvageRequest {
  state.assertOpen();
  const onProgress = ownOption(control, 'onProgress');
  requireFunction('onProgress', onProgress);
  const asked = state.rangeOrWhole(range);
  try {
    state.faultPath.refreshLosses(asked);
  } catch (error) {
    // A journal that cannot be read now: what is known to be lost is a gap.
    if (!(error instanceof PmemError)) throw error;
  }
  const assertOpen = (): void => { state.assertOpen(); };
  return { range: asked, signal: ownOption(control, 'signal'), onProgress, assertOpen };
}
