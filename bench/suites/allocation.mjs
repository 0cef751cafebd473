/** Bytes of heap for each operation on the hot path. Needs --expose-gc. */
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { directory } from '../place.mjs';

const OPERATIONS = 100_000;
const file = await PmemFile.open(path.join(directory, 'file'), { driver: nativeDriver(), create: true, size: 2 ** 20, preallocate: true });
// Not zeros: for those the file is asked for its size, which takes a system call and allocates its answer.
file.write(Buffer.alloc(2 ** 20, 7), 0);
const bytes = Buffer.alloc(256, 7);
// What it counts is small: a sum of such numbers would be one more on the heap each time.
let met = 0;
const operations = {
  'read 256 B': (at) => { file.read(bytes, at); },
  'write 256 B': (at) => { file.write(bytes, at); },
  'readUInt32LE': (at) => { if (file.readUInt32LE(at) === 7) met++; },
  'readDoubleLE': (at) => { if (file.readDoubleLE(at) === 7) met++; },
};

function heapBytes(operation) {
  for (let i = 0; i < OPERATIONS; i++) operation((i * 4160) % 2 ** 19);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < OPERATIONS; i++) operation((i * 4160) % 2 ** 19);
  return (process.memoryUsage().heapUsed - before) / OPERATIONS;
}

const rows = Object.entries(operations).map(([name, operation]) => {
  // The least of three: what the engine does beside (compiling, sampling) allocates too.
  const least = Math.min(heapBytes(operation), heapBytes(operation), heapBytes(operation));
  return { title: `heap of one ${name}`, unit: 'B', times: { allocated: { medianNs: Math.max(0, least), fastestNs: Math.max(0, least) } } };
});
await file.close();
process.send({ rows, absent: met > 0 ? ['numbers'] : [] });
