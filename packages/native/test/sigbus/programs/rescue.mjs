// A small application that lives through media errors: records in a persistent file, a mirror of them beside it.
// Arguments: `run` or `verify`, a directory on tmpfs.
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { MediaError, PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { firstDifference, PAGE, pattern } from './content.mjs';
import { poison } from '../../fault-injector.mjs';
import { report } from './report.mjs';

const [stage, directory] = process.argv.slice(2);
const data = path.join(directory, 'app.db');
/** Four a page, not quite, so that some lie across an edge. */
const RECORD_BYTES = PAGE / 4 - 24;
const RECORDS = 200;
const SIZE = Math.ceil((RECORDS * RECORD_BYTES) / PAGE) * PAGE;
const BAD_PAGES = [7, 8, 23];

const versionOf = (record) => (record % 3 === 0 ? 2 : 1);
const recordBytes = (record, version) => pattern(RECORD_BYTES, record * 5 + version);

class Store {
  #file;
  #mirror;
  met = [];
  repairs = [];

  constructor(file, mirror) {
    this.#file = file;
    this.#mirror = mirror;
  }

  /** Mirror first: whatever the medium loses can be rebuilt from it. */
  async put(record, bytes) {
    const position = record * RECORD_BYTES;
    writeSync(this.#mirror, bytes, 0, bytes.length, position);
    fsyncSync(this.#mirror);
    await this.#rescue(() => { this.#file.write(bytes, position); });
    this.#file.persist(position, bytes.length);
  }

  async get(record) {
    const bytes = new Uint8Array(RECORD_BYTES);
    await this.#rescue(() => { this.#file.read(bytes, record * RECORD_BYTES); });
    return bytes;
  }

  async #rescue(access) {
    try {
      access();
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.met.push({ operation: error.operation, source: error.source, ranges: error.ranges });
      const receipt = await this.#file.repair(error.ranges, {
        rebuild: (range) => {
          const bytes = new Uint8Array(range.length);
          readSync(this.#mirror, bytes, 0, range.length, range.offset);
          return bytes;
        },
      });
      this.repairs.push(...receipt.units.map(({ range, outcome }) => ({ range, outcome })));
      access();
    }
  }
}

async function run() {
  const file = await PmemFile.open(data, { driver: nativeDriver(), create: true, size: SIZE });
  const mirror = openSync(path.join(directory, 'mirror'), 'w+');
  writeSync(mirror, new Uint8Array(SIZE), 0, SIZE, 0);
  const store = new Store(file, mirror);
  for (let record = 0; record < RECORDS; record++) await store.put(record, recordBytes(record, 1));
  for (const page of BAD_PAGES) poison(data, page * PAGE, PAGE);
  // Reads up to the middle, then updates of every third record: the third bad page is met by a store.
  const wrong = [];
  for (let record = 0; record < RECORDS / 2 - 20; record++) {
    if (firstDifference(await store.get(record), recordBytes(record, 1)) !== undefined) wrong.push(record);
  }
  for (let record = 0; record < RECORDS; record += 3) await store.put(record, recordBytes(record, 2));
  await file.close();
  closeSync(mirror);
  return { met: store.met, repairs: store.repairs, wrong };
}

async function verify() {
  const file = await PmemFile.open(data, { driver: nativeDriver() });
  const wrong = [];
  const bytes = new Uint8Array(RECORD_BYTES);
  for (let record = 0; record < RECORDS; record++) {
    file.read(bytes, record * RECORD_BYTES);
    if (firstDifference(bytes, recordBytes(record, versionOf(record))) !== undefined) wrong.push(record);
  }
  await file.close();
  return { records: RECORDS, wrong };
}

report(await (stage === 'run' ? run() : verify()));
