/** A view made and given back, alone and beside many that are kept: its cost does not depend on how many there are. */
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { directory } from '../place.mjs';
import { race } from '../race.mjs';

const PAGES = 64;
const LIVE = [0, 1000, 10_000];
const file = await PmemFile.open(path.join(directory, 'views'), {
  driver: nativeDriver(), create: true, size: PAGES * 4096, preallocate: true,
});
file.write(Buffer.alloc(file.size, 7), 0);
const rows = [];
const kept = [];
let sum = 0;

for (const live of LIVE) {
  while (kept.length < live) kept.push(file.view({ offset: (kept.length % PAGES) * 4096, length: 64 }));
  rows.push({ title: `a view of 64 B, ${live} others live`, unit: 'ns', baseline: 'view and release', times: race({
    'view and release': (count) => {
      for (let i = 0; i < count; i++) {
        const view = file.view({ offset: (i % PAGES) * 4096, length: 64 });
        sum += view[0];
        view.release();
      }
    },
    withView: (count) => {
      for (let i = 0; i < count; i++) {
        sum += file.withView({ offset: (i % PAGES) * 4096, length: 64 }, (view) => view[0]);
      }
    },
  }, { batch: 2000, rounds: 31 }) });
}
if (!(sum > 0)) throw new Error('nothing was read');
for (const view of kept) view.release();
await file.close();
process.send({ rows, absent: [] });
