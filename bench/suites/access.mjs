/** Reads and writes of 16 bytes to 1 MiB in a hot file of 512 KiB (2 MiB for the longest), the same for all who take part. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { competitor, directory } from '../place.mjs';
import { race } from '../race.mjs';

const { module: mmap, absent } = await competitor('@riaskov/mmap-io');
const rows = [];

/** Memory of the engine itself: what the same costs if nothing is mapped. It is there on every Node.js. */
const MAPPED_STORE = 'Buffer.copy into mmap-io';
const PLAIN = 'Buffer.copy out of a plain Buffer';
const PLAIN_STORE = 'Buffer.copy into a plain Buffer';
const PLAIN_NUMBER = 'readUInt32LE of a plain Buffer';

for (const length of [16, 64, 256, 1024, 4096, 2 ** 20]) {
  const size = Math.max(2 ** 19, 2 * length);
  const file = await PmemFile.open(path.join(directory, `pmem-${length}`), { driver: nativeDriver(), create: true, size, preallocate: true });
  // The same file: pages of another one lie elsewhere, and fall into the caches by luck.
  const descriptor = openSync(file.path, 'r+');
  file.write(Buffer.alloc(size, 7), 0);
  // Read-write and shared: what a program without this library would use.
  const io = mmap?.default ?? mmap;
  const mapping = io?.map(size, io.PROT_READ | io.PROT_WRITE, io.MAP_SHARED, descriptor, 0);
  const bytes = Buffer.alloc(length);
  const source = Buffer.alloc(2 * length, 3);
  const plainBytes = Buffer.alloc(size, 7);
  const last = size - length;
  // One line and one page further each time, so that neither the line nor the page is always the same.
  const walk = (operation) => (count) => {
    for (let i = 0, at = 0; i < count; i++, at = at + 4160 > last ? 0 : at + 4160) operation(at);
  };
  const batch = length > 4096 ? 40 : 20_000;
  const read = { title: `read ${length} B`, unit: 'ns', baseline: mapping ? 'Buffer.copy out of mmap-io' : PLAIN };
  rows.push({ ...read, across: PLAIN, times: race({
    'PmemFile.read': walk((at) => { file.read(bytes, at); }),
    ...(mapping && { 'Buffer.copy out of mmap-io': walk((at) => { mapping.copy(bytes, 0, at, at + length); }) }),
    [PLAIN]: walk((at) => { plainBytes.copy(bytes, 0, at, at + length); }),
    'fs.readSync': walk((at) => { readSync(descriptor, bytes, 0, length, at); }),
    ...(length > 4096 && { 'memcpy of the same length': walk(() => { source.copy(bytes, 0, 0, length); }) }),
  }, { batch }) });
  const write = { title: `write ${length} B`, unit: 'ns', baseline: mapping ? MAPPED_STORE : PLAIN_STORE };
  rows.push({ ...write, across: PLAIN_STORE, times: race({
    'PmemFile.write': walk((at) => { file.write(bytes, at); }),
    ...(mapping && { [MAPPED_STORE]: walk((at) => { bytes.copy(mapping, at); }) }),
    [PLAIN_STORE]: walk((at) => { bytes.copy(plainBytes, at); }),
    'fs.writeSync': walk((at) => { writeSync(descriptor, bytes, 0, length, at); }),
  }, { batch }) });
  if (length === 64) {
    let sum = 0;
    const number = { title: 'read a number of 4 B', unit: 'ns' };
    number.baseline = mapping ? 'readUInt32LE of mmap-io' : PLAIN_NUMBER;
    rows.push({ ...number, across: PLAIN_NUMBER, times: race({
      'PmemFile.readUInt32LE': walk((at) => { sum += file.readUInt32LE(at); }),
      ...(mapping && { 'readUInt32LE of mmap-io': walk((at) => { sum += mapping.readUInt32LE(at); }) }),
      [PLAIN_NUMBER]: walk((at) => { sum += plainBytes.readUInt32LE(at); }),
    }, { batch }) });
    const view = file.view({ offset: 0, length: size });
    // A function each, so that neither sees the other's kind of array.
    const [sumPlain, sumView] = [0, 1].map(() => new Function('bytes', 'let sum = 0; for (let i = 0; i < bytes.length; i++) sum += bytes[i]; return sum;'));
    const plain = new Uint8Array(size).fill(7);
    rows.push({ title: 'sum of 512 KiB, byte by byte', unit: 'ns', baseline: 'a plain Uint8Array', times: race({
      'a view': (count) => { for (let i = 0; i < count; i++) sum += sumView(view); },
      'a plain Uint8Array': (count) => { for (let i = 0; i < count; i++) sum += sumPlain(plain); },
    }, { batch: 1, rounds: 31 }) });
    if (!(sum > 0)) throw new Error('nothing was read');
  }
  await file.close();
  closeSync(descriptor);
}
process.send({ rows, absent: absent === undefined ? [] : [absent] });
