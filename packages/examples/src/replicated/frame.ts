/**
 * What a record of a replicated log is, in the local log and in the stream alike:
 *
 *     offset size field   meaning
 *     0      1    kind    1: a record of the application; 2: a record that its writer lost before the stream had it
 *     1      …    payload of the application; nothing for kind 2
 */

const KIND_RECORD = 1;
const KIND_LOST = 2;

export const FRAME_BYTES = 1;

export function encodeFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES + payload.length);
  frame[0] = KIND_RECORD;
  frame.set(payload, FRAME_BYTES);
  return frame;
}

/** Stands in the stream for a record that is lost for good, so that those behind it can follow. */
export function encodeLost(): Uint8Array {
  return Uint8Array.of(KIND_LOST);
}

export function isLostFrame(frame: Uint8Array): boolean {
  return frame[0] === KIND_LOST && frame.length === FRAME_BYTES;
}

/** Equal; or one of them was given up for lost, which it may have been before a page could be read again. */
export function mayBeOneRecord(frame: Uint8Array, other: Uint8Array): boolean {
  return isLostFrame(frame) || isLostFrame(other) || Buffer.compare(frame, other) === 0;
}

/** True for what a replicated log writes: anything else would make every later replay of the log fail. */
export function isFrame(frame: Uint8Array): boolean {
  return frame[0] === KIND_RECORD || isLostFrame(frame);
}

/** Those of the records that are ones of a replicated log. */
export function framesOf(records: ReadonlyMap<number, Uint8Array>): Map<number, Uint8Array> {
  return new Map([...records].filter(([, bytes]) => isFrame(bytes)));
}

/** The application's bytes, a view of `frame`; undefined for a record that was lost. Throws for anything else. */
export function decodeFrame(frame: Uint8Array): Uint8Array | undefined {
  if (frame[0] === KIND_RECORD) return frame.subarray(FRAME_BYTES);
  if (isLostFrame(frame)) return undefined;
  throw new TypeError('not a record of a replicated log');
}
