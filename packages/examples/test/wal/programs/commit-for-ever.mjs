/** Appends and commits records until it is killed, and says after each commit what is durable. */
import { writeSync } from 'node:fs';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { Wal } from '../../../dist/wal/index.js';

const [logPath, mirrorPath, size] = process.argv.slice(2);
const options = { driver: nativeDriver(), create: true, size: Number(size), preallocate: true };
const file = await PmemFile.open(logPath, options);
const mirror = await PmemFile.open(mirrorPath, options);
const wal = await Wal.open({ file, mirror, create: true });
for (;;) {
  for (let i = 0; i < 3; i++) {
    const sequence = wal.nextSequence;
    wal.append(new Uint8Array(sequence % 500).fill(sequence & 0xff));
  }
  const { lastSequence } = wal.commit();
  if (lastSequence - wal.firstSequence > 200) wal.truncate(lastSequence - 100);
  // A synchronous write: what is printed was durable before.
  writeSync(1, `${lastSequence}\n`);
}
