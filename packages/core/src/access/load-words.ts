/** Loads of a few bytes, a word at a time. */

export const LOADED_BYTES_MAX = 128;

type LoadWords = (bytes: Uint8Array, data: DataView, at: number, length: number) => Uint8Array;

/**
 * Loads `length` bytes (1 to 128) at `at` and returns them; the next call overwrites them. `bytes` and `data` show the
 * same memory. Touches no byte outside: that might be in a page that is bad. The last word ends with the last byte, may
 * overlap the one before, and is loaded last.
 *
 * Words of eight: eight bytes that another process stores at once, on a multiple of eight, are seen at once, as by the
 * memmove of Buffer.copy. They are BigInts, which costs an allocation each until this is compiled.
 *
 * Not into the caller's array, byte by byte: that is as fast until a process has read into arrays of more than four
 * classes or shapes, and takes more than ten times as long from then on.
 */
export const loadWords = wordLoader();

/** Keeps its arrays as constants: a bundler makes variables of those of a module, which are read each time. */
function wordLoader(): LoadWords {
  // In memory of just that length the longest took a fifth longer on Node 24, for a reason not found.
  const memory = new ArrayBuffer(2 * LOADED_BYTES_MAX);
  const words = new DataView(memory);
  const single = new Uint8Array(memory);
  /** The first 0, 1, 2 … bytes of `memory`. */
  const firstBytes = Array.from({ length: LOADED_BYTES_MAX + 1 }, (_, length) => new Uint8Array(memory, 0, length));
  const load: LoadWords = (bytes, data, at, length) => {
    if (length >= 8) {
      const last = length - 8;
      for (let i = 0; i < last; i += 8) words.setBigInt64(i, data.getBigInt64(at + i, true), true);
      words.setBigInt64(last, data.getBigInt64(at + last, true), true);
    } else if (length >= 4) {
      words.setInt32(0, data.getInt32(at, true), true);
      words.setInt32(length - 4, data.getInt32(at + length - 4, true), true);
    } else {
      for (let i = 0; i < length; i++) single[i] = bytes[at + i] as number;
    }
    return firstBytes[length] as Uint8Array;
  };
  return load;
}
