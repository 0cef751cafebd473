/** Errors of the replicated log itself. Errors of its local log, and of its stream, pass through unchanged. */
import { EngineError } from '../engine-error.js';

/** Every code that a ReplicatedError can carry. */
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

/** `path` is that of the local log; undefined if the error concerns the stream or its server alone. */
export class ReplicatedError extends EngineError<ReplicatedErrorCode, string | undefined> {}
