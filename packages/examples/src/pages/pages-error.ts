/** Errors of the store itself. What the files throw passes through, or is the `cause` of one of these. */
import { EngineError } from '../engine-error.js';
import type { Bytes } from './bytes.js';

/** Every code that a PagesError can carry. */
export type PagesErrorCode =
  | 'ERR_PAGES_LOST'
  | 'ERR_PAGES_NOT_FORMATTED'
  | 'ERR_PAGES_FOREIGN'
  | 'ERR_PAGES_VERSION'
  | 'ERR_PAGES_MIRROR_MISSING'
  | 'ERR_PAGES_MIRROR_STALE'
  | 'ERR_PAGES_LOG_LOST'
  | 'ERR_PAGES_LOG_STALE'
  | 'ERR_PAGES_BATCHES_LOST'
  | 'ERR_PAGES_TOO_LARGE'
  | 'ERR_PAGES_FAILED'
  | 'ERR_PAGES_CLOSED';

/** A state of the store that stops the operation; docs/reference/errors.md says what the files look like after it. */
export class PagesError extends EngineError<PagesErrorCode> {}

/**
 * Keys that no file has any more: those from `from` up to, but without, `to` (undefined: no end). The `cause` says
 * what the medium did. Every other key can be read and written, and these can be written.
 */
export class LostKeysError extends PagesError {
  readonly from: Bytes;
  readonly to: Bytes | undefined;

  constructor(path: string, from: Bytes, to: Bytes | undefined, cause: unknown) {
    super('ERR_PAGES_LOST', path, `the keys ${printable(from)} … ${to === undefined ? 'end' : printable(to)} are lost`, cause);
    this.from = from;
    this.to = to;
  }
}

function printable(key: Bytes): string {
  const text = Buffer.from(key.subarray(0, 24)).toString('latin1').replaceAll(/[^ -~]/g, '.');
  return `'${text}${key.length > 24 ? '…' : ''}'`;
}
