/** What it takes until bytes are durable on this filesystem, one by one and together. */
import { closeSync, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { directory } from '../place.mjs';
import { race } from '../race.mjs';

const SIZE = 2 ** 20;
const file = await PmemFile.open(path.join(directory, 'pmem'), { driver: nativeDriver(), create: true, size: SIZE, preallocate: true });
const descriptor = openSync(path.join(directory, 'fs'), 'w+');
ftruncateSync(descriptor, SIZE);
writeSync(descriptor, Buffer.alloc(SIZE, 1), 0, SIZE, 0);
file.writeAndPersist(Buffer.alloc(SIZE, 1), 0);
const rows = [];
const how = file.info().persistInstruction;

for (const length of [64, 4096]) {
  const bytes = Buffer.alloc(length, 2);
  let at = 0;
  const next = () => (at = (at + 4160) % (SIZE - length));
  rows.push({ title: `${length} B made durable (${how})`, unit: 'ns', baseline: 'fs.writeSync + fdatasyncSync', times: race({
    'writeAndPersist': (count) => { for (let i = 0; i < count; i++) file.writeAndPersist(bytes, next()); },
    'write, then persist': (count) => {
      for (let i = 0; i < count; i++) {
        file.write(bytes, next());
        file.persist(at, length);
      }
    },
    'fs.writeSync + fdatasyncSync': (count) => {
      for (let i = 0; i < count; i++) {
        writeSync(descriptor, bytes, 0, length, next());
        fdatasyncSync(descriptor);
      }
    },
  }, { batch: 10, rounds: 21 }) });
}

const ranges = Array.from({ length: 64 }, (_, i) => ({ offset: i * 16_384 + 100, length: 64 }));
const line = Buffer.alloc(64, 3);
const store = () => { for (const { offset } of ranges) file.write(line, offset); };
rows.push({ title: `64 ranges of 64 B made durable (${how})`, unit: 'ns', baseline: 'persist() of each', times: race({
  'persistRanges': (count) => {
    for (let i = 0; i < count; i++) {
      store();
      file.persistRanges(ranges);
    }
  },
  'persist() of each': (count) => {
    for (let i = 0; i < count; i++) {
      store();
      for (const { offset, length } of ranges) file.persist(offset, length);
    }
  },
}, { batch: 2, rounds: 11 }) });
await file.close();
closeSync(descriptor);
process.send({ rows, absent: [] });
