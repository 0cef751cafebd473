/**
 * Contents as runs of equal bytes: `4096 of 6, 100 of 0`. Equal runs of ascending bytes are drawn together:
 * `4096 each of 1 to 5`.
 */
interface Run {
  readonly byte: number;
  readonly length: number;
}

const stride = 512;
const patterns: Buffer[] = [];

/** `stride` bytes of one value. */
function patternOf(byte: number): Buffer {
  return (patterns[byte] ??= Buffer.alloc(stride, byte));
}

function runsOf(bytes: Uint8Array): Run[] {
  const runs: Run[] = [];
  for (let start = 0; start < bytes.length; ) {
    const byte = bytes[start] ?? 0;
    let end = start + 1;
    // A loop over bytes is slow where the processor is emulated.
    while (end + stride <= bytes.length && patternOf(byte).equals(bytes.subarray(end, end + stride))) end += stride;
    while (end < bytes.length && bytes[end] === byte) end++;
    runs.push({ byte, length: end - start });
    start = end;
  }
  return runs;
}

export function describeContent(bytes: Uint8Array): string {
  const runs = runsOf(bytes);
  const parts: string[] = [];
  for (let first = 0; first < runs.length; ) {
    const { byte, length } = runs[first] as Run;
    let last = first;
    while (runs[last + 1]?.length === length && runs[last + 1]?.byte === byte + last + 1 - first) last++;
    parts.push(last === first ? `${length} of ${byte}` : `${length} each of ${byte} to ${byte + last - first}`);
    first = last + 1;
  }
  return parts.join(', ');
}
