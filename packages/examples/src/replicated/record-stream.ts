/** The interface between a replicated log and the other place: a sequence of records that a server keeps. */
import { ReplicatedError } from './replicated-error.js';

/** Numbers of the records that a stream holds; `last` is `first - 1` if it holds none. */
export interface StreamBounds {
  readonly first: number;
  readonly last: number;
}

/**
 * Records by sequence number, without gaps at the end: record n is only stored after record n - 1. That makes a second
 * attempt to store the same record harmless, whether or not the first one succeeded, and lets one writer alone go on.
 *
 * Methods that ask the server reject if it does not answer; a publish() that does may have been stored all the same.
 * If the server answers that it will not, they reject with ERR_REPLICATED_REFUSED, and the server's words as the
 * cause.
 */
export interface RecordStream {
  /** The longest record that it takes. */
  readonly recordBytesMax: number;
  bounds(): Promise<StreamBounds>;
  /** Stores a record as number `sequence`; rejects with StreamConflict if that is not the next number. */
  publish(sequence: number, bytes: Uint8Array): Promise<void>;
  /** Those of the records `first` … `last` that it holds. */
  fetch(first: number, last: number): Promise<ReadonlyMap<number, Uint8Array>>;
  /** Resolves when the server answers. Rejects with the signal's reason, after close(), and if the stream is gone. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Resolves when records after `sequence` may have come, and sometimes without any. */
  changed(sequence: number, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The number that a record was published as is not the next one: it was stored before, or there is another writer. */
export class StreamConflict extends Error {
  constructor(sequence: number, cause?: unknown) {
    super(`record ${sequence} is not the next one of the stream`, { cause });
    this.name = 'StreamConflict';
  }
}

/**
 * The bounds, as numbers that can be counted with. Throws ERR_REPLICATED_FOREIGN for any others, which would be waited
 * for without end, or counted up to.
 */
export async function boundsOf(stream: RecordStream): Promise<StreamBounds> {
  const { first, last } = await stream.bounds();
  const arePossible = Number.isSafeInteger(first) && Number.isSafeInteger(last) && first >= 1 && last >= first - 1;
  if (arePossible) return { first, last };
  const what = `the stream says that it holds records ${first} to ${last}, which cannot be: choose another stream`;
  throw new ReplicatedError('ERR_REPLICATED_FOREIGN', undefined, what);
}
