// What a writer tells its parent: five bytes at a time, written by one write(2), which no signal can tear.
import { writeSync } from 'node:fs';

const FRAME_BYTES = 5;

/** Each with a sequence number. What begins with `try` is said before the call, the others after it has returned. */
export const WORDS = ['opening', 'opened', 'tryCommit', 'committed', 'tryTruncate', 'truncated'];

export function say(word, sequence) {
  const frame = Buffer.alloc(FRAME_BYTES);
  frame.writeUInt8(WORDS.indexOf(word), 0);
  frame.writeUInt32LE(sequence, 1);
  writeSync(1, frame);
}

/** Takes apart what has come so far; `onWord(word, sequence)` for each frame. Returns what is left over. */
export function hear(bytes, onWord) {
  let at = 0;
  for (; at + FRAME_BYTES <= bytes.length; at += FRAME_BYTES)
    onWord(WORDS[bytes.readUInt8(at)], bytes.readUInt32LE(at + 1));
  return bytes.subarray(at);
}
