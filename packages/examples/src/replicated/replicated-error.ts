/** Errors of the replicated log itself. Errors of its local log, and of its stream, pass through unchanged. */

export type ReplicatedErrorCode =
  | 'ERR_REPLICATED_DIVERGED'
  | 'ERR_REPLICATED_GAP'
  | 'ERR_REPLICATED_LOST'
  | 'ERR_REPLICATED_BEHIND'
  | 'ERR_REPLICATED_CLOSED'
  | 'ERR_REPLICATED_LOCKED'
  | 'ERR_REPLICATED_SERVER'
  | 'ERR_REPLICATED_REFUSED'
  | 'ERR_REPLICATED_FOREIGN';

/** The codes are explained in README.md. */
export class ReplicatedError extends Error {
  readonly code: ReplicatedErrorCode;

  constructor(code: ReplicatedErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'ReplicatedError';
    this.code = code;
  }
}
