/** A `rebuild` that reads the lost bytes from another file. */
import { requireInteger } from '../arguments.js';
import { rangeEnd } from '../ranges/byte-range.js';
import { isPmemError } from '../errors/errors.js';
import type { PmemFile } from '../pmem-file.js';
import type { Rebuild } from './types.js';

export interface MirrorOptions {
  /** Position in the mirror of byte 0 of the file that is repaired. Default 0. */
  readonly offset?: number;
}

/**
 * Makes a `rebuild` for repair() of `mirror`, a file that holds the same bytes: those of lost bytes [a, b) at
 * [`offset` + a, `offset` + b) of it. If the mirror ends before them, or has itself a media error or lost bytes there,
 * the bytes are not supplied: they stay lost, and can be repaired again. Any other error of the mirror fails the repair.
 * The mirror must be open, and as new as the file: what has changed in the file since would go back to its older state.
 *
 * Throws TypeError or RangeError for wrong arguments.
 *
 * @example
 * const mirror = await PmemFile.open('/mnt/other/app.db', { driver, readOnly: true });
 * await file.repair(error.ranges, { rebuild: mirrorOf(mirror) });
 */
export function mirrorOf(mirror: PmemFile, options: MirrorOptions = {}): Rebuild {
  if (typeof (mirror as Partial<PmemFile> | null)?.read !== 'function') throw new TypeError('mirror must be a PmemFile');
  const offset = (Object.hasOwn(options, 'offset') ? options.offset : undefined) ?? 0;
  requireInteger('options.offset', offset);
  return (range) => {
    if (rangeEnd(range) > mirror.size - offset) return undefined;
    const bytes = new Uint8Array(range.length);
    try {
      mirror.read(bytes, offset + range.offset);
    } catch (error) {
      if (isPmemError(error) && (error.code === 'ERR_PMEM_MEDIA' || error.code === 'ERR_PMEM_LOST')) return undefined;
      throw error;
    }
    return bytes;
  };
}
