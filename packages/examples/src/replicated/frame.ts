/**
 * The format of a record of a replicated log, the same in the local log and in the stream. All numbers little-endian:
 *
 *     offset size field     meaning
 *     0      1    kind      3: a record of the application; 2: a record that its writer lost before the stream had it;
 *                           1: a record of the application, as version 1 wrote it: the payload follows at once
 *     1      8    writer id kind 3 alone: random, not 0, of the ReplicatedWal that appended the record
 *     9      …    payload of the application; nothing for kind 2
 *
 * The kind says the version: 1 and 2 are read as ever, 1 is not written any more. With the id, equal payloads of two
 * writers are different records, so that none of them takes the other's for its own.
 */

const KIND_UNSIGNED = 1;
const KIND_LOST = 2;
const KIND_RECORD = 3;
const KIND_BYTES = 1;

/** Bytes that are added to a record of the application. */
export const FRAME_BYTES = 9;

/** @param writer the id of the writer that appends the record: see randomId() */
export function encodeFrame(payload: Uint8Array, writer: bigint): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES + payload.length);
  frame[0] = KIND_RECORD;
  new DataView(frame.buffer).setBigUint64(KIND_BYTES, writer, true);
  frame.set(payload, FRAME_BYTES);
  return frame;
}

/** Stands in the stream for a record that is lost for good, so that those after it can follow. */
export function encodeLost(): Uint8Array {
  return Uint8Array.of(KIND_LOST);
}

export function isLostFrame(frame: Uint8Array): boolean {
  return frame[0] === KIND_LOST && frame.length === KIND_BYTES;
}

/** Equal; or one of them was given up for lost, which it may have been before a page could be read again. */
export function mayBeOneRecord(frame: Uint8Array, other: Uint8Array): boolean {
  return isLostFrame(frame) || isLostFrame(other) || Buffer.compare(frame, other) === 0;
}

/** True for what a replicated log writes: anything else would make every later replay of the log fail. */
export function isFrame(frame: Uint8Array): boolean {
  return payloadOffset(frame) !== undefined || isLostFrame(frame);
}

/** Those of the records that are ones of a replicated log. */
export function framesOf(records: ReadonlyMap<number, Uint8Array>): Map<number, Uint8Array> {
  return new Map([...records].filter(([, bytes]) => isFrame(bytes)));
}

/** The application's bytes, a view of `frame`; undefined for a record that was lost. Throws for anything else. */
export function decodeFrame(frame: Uint8Array): Uint8Array | undefined {
  const offset = payloadOffset(frame);
  if (offset !== undefined) return frame.subarray(offset);
  if (isLostFrame(frame)) return undefined;
  throw new TypeError('not a record of a replicated log');
}

/** Returns the offset of the payload in a record of the application. */
function payloadOffset(frame: Uint8Array): number | undefined {
  if (frame[0] === KIND_RECORD && frame.length >= FRAME_BYTES) return FRAME_BYTES;
  return frame[0] === KIND_UNSIGNED ? KIND_BYTES : undefined;
}
