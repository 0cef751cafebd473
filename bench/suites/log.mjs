/** Commits to a log, each durable before the next: the example log against three stores, on this filesystem. */
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { Wal } from '@safe-pmem/examples/wal';
import { nativeDriver } from '@safe-pmem/native';
import { competitor, directory } from '../place.mjs';
import { raceAsync } from '../race.mjs';

const LOG_BYTES = 64 * 2 ** 20;
const names = ['lmdb', 'better-sqlite3', 'classic-level'];
const found = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await competitor(name)])));
const absent = names.flatMap((name) => found[name].absent ?? []);
const rows = [];

async function contestants(label) {
  const file = await PmemFile.open(path.join(directory, `wal-${label}`), { driver: nativeDriver(), create: true, size: LOG_BYTES, preallocate: true });
  const wal = await Wal.open({ file, create: true });
  const all = {
    'example log': { append: (bytes) => wal.appendDurable(bytes), trim: () => wal.truncate(wal.lastSequence), close: async () => { wal.close(); await file.close(); } },
  };
  if (found.lmdb.module) {
    const db = found.lmdb.module.open({ path: path.join(directory, `lmdb-${label}`), encoding: 'binary', overlappingSync: false });
    let key = 0;
    // put() resolves when the transaction it was gathered into is on the disk.
    all.lmdb = { append: (bytes) => db.put(key++, bytes), trim() {}, close: () => db.close() };
  }
  if (found['better-sqlite3'].module) {
    const db = new found['better-sqlite3'].module.default(path.join(directory, `sqlite-${label}`));
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.exec('CREATE TABLE log (id INTEGER PRIMARY KEY, payload BLOB)');
    const insert = db.prepare('INSERT INTO log (payload) VALUES (?)');
    const many = db.transaction((payloads) => { for (const payload of payloads) insert.run(payload); });
    all['better-sqlite3'] = { append: (bytes) => Promise.resolve(insert.run(bytes)), group: (payloads) => Promise.resolve(many(payloads)), trim() {}, close: () => db.close() };
  }
  if (found['classic-level'].module) {
    const db = new found['classic-level'].module.ClassicLevel(path.join(directory, `level-${label}`), { keyEncoding: 'utf8', valueEncoding: 'view' });
    await db.open();
    let key = 0;
    all['classic-level'] = { append: (bytes) => db.put(String(key++), bytes, { sync: true }), trim() {}, close: () => db.close() };
  }
  return all;
}

for (const bytes of [64, 1024]) {
  for (const writers of [1, 16]) {
    const all = await contestants(`${bytes}-${writers}`);
    const payload = Buffer.alloc(bytes, 5);
    const payloads = Array.from({ length: writers }, () => payload);
    const variants = Object.fromEntries(Object.entries(all).map(([name, store]) => [name, async (operations) => {
      for (let i = 0; i < operations; i += writers) {
        // Writers that commit at the same time; a store that can only be asked for all of them at once is.
        if (writers > 1 && store.group) await store.group(payloads);
        else await Promise.all(payloads.map((one) => store.append(one)));
      }
      store.trim();
    }]));
    const times = await raceAsync(variants, { operations: 16 * 30, rounds: 7, roundMs: 400 });
    rows.push({ title: `${bytes} B, ${writers === 1 ? 'one writer' : `${writers} writers`}`, unit: 'commits/s', baseline: 'fastest other', times });
    for (const store of Object.values(all)) await store.close();
  }
}
process.send({ rows, absent });
