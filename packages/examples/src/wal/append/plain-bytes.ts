/** The bytes of a record, in whatever kind of Uint8Array the application has them. */
import { types } from 'node:util';

/**
 * Returns an array of the same bytes that has the methods and the length of a Uint8Array: a class derived from it may
 * have others, and its subarray() constructs one with arguments that only Uint8Array has. Arrays of another realm, such
 * as a test runner's, are as good as ours. Throws TypeError for anything else, and if the bytes have gone elsewhere.
 */
export function plainBytes(payload: unknown): Uint8Array {
  if (isPlain(payload) && payload.length > 0) return payload;
  if (!types.isUint8Array(payload)) throw new TypeError('payload must be a Uint8Array');
  try {
    // Throws for a detached buffer, and for one that was resized to less than the array needs: both have no length.
    Uint8Array.prototype.at.call(payload, 0);
  } catch (cause) {
    throw new TypeError('payload is backed by a buffer that is detached, or too short for it', { cause });
  }
  return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
}

function isPlain(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && (value.constructor === Uint8Array || value.constructor === Buffer);
}
