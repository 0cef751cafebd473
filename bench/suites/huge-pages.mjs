/** What it costs to map a file page by page: reads at random, with and without huge pages. */
import { readFileSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { directory } from '../place.mjs';
import { race, short } from '../race.mjs';

const HUGE = 2 ** 21;
const SIZE = (short ? 16 : 1024) * 2 ** 20;
const policies = ['allow', 'avoid'];
const driver = nativeDriver();
const name = path.join(directory, 'huge');
const rows = [];
const absent = [];

const made = await PmemFile.open(name, { driver, create: true, size: SIZE, preallocate: true, hugePages: 'allow' });
const chunk = Buffer.alloc(HUGE, 7);
for (let at = 0; at < SIZE; at += HUGE) made.write(chunk, at);
const files = new Map();
for (const hugePages of policies) files.set(hugePages, await PmemFile.open(name, { driver, hugePages }));
const sum = (body) => { for (let i = 0; i < SIZE; i += HUGE) body(i); };
for (const file of files.values()) sum((at) => file.read(chunk, at));

/** Bytes of the file that one entry of 2 MiB maps; not told of DAX. */
function hugelyMapped() {
  const smaps = readFileSync('/proc/self/smaps', 'utf8');
  return [...smaps.matchAll(/^(?:ShmemPmdMapped|FilePmdMapped): +(?<kib>\d+) kB$/gm)].reduce((all, { groups }) => all + 1024 * Number(groups.kib), 0);
}
if (hugelyMapped() < SIZE && !files.get('allow').info().dax) {
  absent.push(`huge pages: ${directory} has none (filesystem type 0x${statfsSync(directory).type.toString(16)}); a tmpfs mounted with huge=always has`);
}

for (const length of [16, 256, 4096]) {
  const target = Buffer.alloc(length);
  const positions = Float64Array.from({ length: 4096 * 16 }, () => Math.floor((Math.random() * (SIZE - length)) / 16) * 16);
  let at = 0;
  const reading = (file) => (count) => {
    for (let i = 0; i < count; i++) file.read(target, positions[at++ % positions.length]);
  };
  rows.push({
    title: `read() of ${length} bytes at random in ${SIZE / 2 ** 20} MiB`,
    unit: 'ns',
    baseline: 'allow',
    times: race(Object.fromEntries(policies.map((policy) => [policy, reading(files.get(policy))])), { batch: 65_536 }),
  });
}
for (const file of files.values()) await file.close();
process.send({ rows, absent });
