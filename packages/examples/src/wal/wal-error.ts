/** Errors of the log itself. Media errors keep their own class, MediaError, and pass through unchanged. */
import { EngineError } from '../engine-error.js';

/** Every code that a WalError can carry. */
export type WalErrorCode =
  | 'ERR_WAL_NOT_FORMATTED'
  | 'ERR_WAL_FOREIGN'
  | 'ERR_WAL_UNREADABLE'
  | 'ERR_WAL_VERSION'
  | 'ERR_WAL_SIZE'
  | 'ERR_WAL_MIRROR_MISSING'
  | 'ERR_WAL_MIRROR_STALE'
  | 'ERR_WAL_COMMIT_POINT_LOST'
  | 'ERR_WAL_FULL'
  | 'ERR_WAL_TOO_LARGE'
  | 'ERR_WAL_READ_ONLY'
  | 'ERR_WAL_BUSY'
  | 'ERR_WAL_FAILED'
  | 'ERR_WAL_CLOSED';

/** A state of the log that stops the operation; docs/reference/errors.md says what the files look like after it. */
export class WalError extends EngineError<WalErrorCode> {}
