import { helpFor } from '../engine-error.js';
import type { LostKeysError } from '../pages/index.js';

/**
 * Keys that no file of the database has any more: those from `from` up to, but without, `to` (undefined: no end). The
 * `cause` is the MediaError, or what else the medium did. Every other key can be read and written, and these can be
 * written.
 */
export class LossError extends Error {
  /** The code that Level has for data that was damaged. */
  readonly code = 'LEVEL_CORRUPTION';
  /** Path of the data file. */
  readonly path: string;
  /** Address of the page that says what is left, and what to do. */
  readonly help = helpFor(this.code);
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;

  constructor(error: LostKeysError) {
    super(error.message, { cause: error.cause });
    this.name = 'LossError';
    this.path = error.path;
    this.from = error.from;
    this.to = error.to;
  }
}
