// The content of every record follows from its sequence number, so that whoever reads a log knows what it must hold.

export const PAGE = 4096;
/** Two header pages and a ring that fills up, and is truncated, every few dozen commits. */
export const LOG_BYTES = 18 * PAGE;

/** A stream of random numbers that a seed repeats: xorshift over 32 bits. */
export function randomFrom(seed) {
  let state = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** From no bytes at all to more than a page, so that records lie within pages, across them, and fill them. */
export function payloadOf(sequence) {
  const random = randomFrom(sequence);
  const length = random() < 0.1 ? Math.floor(random() * 6000) : Math.floor(random() * 600);
  const payload = new Uint8Array(length);
  for (let i = 0; i < length; i++) payload[i] = Math.floor(random() * 256);
  return payload;
}
