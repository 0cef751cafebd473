/** Stores that end on the medium: flushed from the caches, or past them. What kStreamingBytes is set by. */
import { nativeProgram } from '../native-program.mjs';

const program = nativeProgram('streaming', ['persist.cc', 'streaming_copy.cc']);
const rows = [];
for (const [where, bytes] of [['in 128 KiB, which caches hold', 2 ** 17], ['in 64 MiB', 2 ** 26]]) {
  for (const length of [64, 128, 256, 512, 1024, 2048, 4096, 16_384]) {
    const { instruction, flushed, streamed } = program(length, bytes);
    rows.push({ title: `${length} B ${where}`, unit: 'ns', baseline: `stored, then ${instruction}`, times: {
      [`stored, then ${instruction}`]: { medianNs: flushed[0], fastestNs: flushed[1] },
      'stored past the caches': { medianNs: streamed[0], fastestNs: streamed[1] },
    } });
  }
}
process.send({ rows, absent: [] });
