/** What it costs to look for bad blocks: by the kernel's list, and by reading everything. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { driverWithBadBlocks } from '../listed-blocks.mjs';
import { directory } from '../place.mjs';
import { raceAsync, short } from '../race.mjs';

const EXTENTS = 10_000;
const driver = nativeDriver();
const rows = [];

const sparse = path.join(directory, 'sparse');
const descriptor = openSync(sparse, 'w');
for (let i = 0; i < EXTENTS; i++) writeSync(descriptor, Buffer.alloc(4096, 1), 0, 4096, Math.floor((i * 2 ** 40) / EXTENTS / 4096) * 4096);
closeSync(descriptor);
// A list as pmem's drivers have one, with a hundred bad pages of this file; the kernel is asked for the extents.
const listing = driverWithBadBlocks(driver);
const wide = await PmemFile.open(sparse, { driver: listing });
const bad = Array.from({ length: 100 }, (_, i) => ({ offset: Math.floor((i * 100 * 2 ** 40) / EXTENTS / 4096) * 4096, length: 4096 }));
await listing.list(bad);
const report = await wide.badBlocks();
if (report.ranges?.length !== bad.length) throw new Error(`${report.ranges?.length} bad pages were found, of ${bad.length}`);
rows.push({ title: `badBlocks() of ${(wide.size / 2 ** 40).toFixed(2)} TiB in ${EXTENTS} extents, 100 of them bad`, unit: 'ns', times: await raceAsync({
  'badBlocks': async (count) => { for (let i = 0; i < count; i++) await wide.badBlocks(); },
}, { operations: 3, rounds: 5 }) });
await wide.close();

const SIZE = (short ? 16 : 256) * 2 ** 20;
const file = await PmemFile.open(path.join(directory, 'dense'), { driver, create: true, size: SIZE, preallocate: true });
const chunk = Buffer.alloc(2 ** 20, 7);
for (let at = 0; at < SIZE; at += chunk.length) file.write(chunk, at);
const delay = monitorEventLoopDelay({ resolution: 1 });
const rested = Buffer.alloc(chunk.length);
const source = openSync(file.path, 'r');
const delays = {};
const measured = (name, body) => async () => {
  delay.reset();
  delay.enable();
  await body();
  delay.disable();
  delays[name] = Math.max(delays[name] ?? 0, delay.max);
};
const scrub = await raceAsync({
  'scrub': measured('scrub', () => file.scrub()),
  'scrub at 1 GiB/s': measured('scrub at 1 GiB/s', () => file.scrub({ bytesPerSecond: 2 ** 30 })),
  'fs.readSync of the same, 1 MiB each': measured('fs.readSync', async () => { for (let at = 0; at < SIZE; at += rested.length) readSync(source, rested, 0, rested.length, at); }),
}, { operations: 1, rounds: 3 });
closeSync(source);
rows.push({ title: `${SIZE / 2 ** 20} MiB in the page cache`, unit: 'ns', baseline: 'fs.readSync of the same, 1 MiB each', times: scrub });
rows.push({
  title: 'longest delay of the event loop meanwhile',
  unit: 'ns',
  times: Object.fromEntries(Object.entries(delays).map(([name, ns]) => [name, { medianNs: ns, fastestNs: ns }])),
});
await file.close();
process.send({ rows, absent: [] });
