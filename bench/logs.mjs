// The logs that are compared: ours, and tables of others used as one.
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { Wal } from '@safe-pmem/examples/wal';
import { nativeDriver } from '@safe-pmem/native';
import { competitor, directory } from './place.mjs';

const LOG_BYTES = 64 * 2 ** 20;
const names = ['lmdb', 'better-sqlite3', 'classic-level'];
const found = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await competitor(name)])));
/** Why some of them take no part. */
export const absent = names.flatMap((name) => found[name].absent ?? []);

/** A new log or table of each, by name; `label` names the folder of their files. */
export async function contestants(label) {
  const folder = path.join(directory, label);
  mkdirSync(folder);
  const file = await PmemFile.open(path.join(folder, 'wal'), {
    driver: nativeDriver(),
    create: true,
    size: LOG_BYTES,
    preallocate: true,
  });
  const wal = await Wal.open({ file, create: true });
  const all = {
    'example log': {
      append: (bytes) => wal.appendDurable(bytes),
      trim: () => wal.truncate(wal.lastSequence),
      close: async () => {
        wal.close();
        await file.close();
      },
    },
  };
  if (found.lmdb.module) {
    const db = found.lmdb.module.open({
      path: path.join(folder, 'lmdb'),
      encoding: 'binary',
      overlappingSync: false,
    });
    let key = 0;
    // put() resolves when the transaction it was gathered into is on the disk.
    all.lmdb = { append: (bytes) => db.put(key++, bytes), trim() {}, close: () => db.close() };
  }
  if (found['better-sqlite3'].module) {
    const db = new found['better-sqlite3'].module.default(path.join(folder, 'sqlite'));
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.exec('CREATE TABLE log (id INTEGER PRIMARY KEY, payload BLOB)');
    const insert = db.prepare('INSERT INTO log (payload) VALUES (?)');
    const many = db.transaction((payloads) => {
      for (const payload of payloads) insert.run(payload);
    });
    all['better-sqlite3'] = {
      append: (bytes) => Promise.resolve(insert.run(bytes)),
      group: (payloads) => Promise.resolve(many(payloads)),
      trim() {},
      close: () => db.close(),
    };
  }
  if (found['classic-level'].module) {
    const db = new found['classic-level'].module.ClassicLevel(path.join(folder, 'level'), {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
    });
    await db.open();
    let key = 0;
    all['classic-level'] = {
      append: (bytes) => db.put(String(key++), bytes, { sync: true }),
      trim() {},
      close: () => db.close(),
    };
  }
  return all;
}

/** Removes the files of contestants that are closed: a device of persistent memory may be small. */
export function removeFiles(label) {
  rmSync(path.join(directory, label), { recursive: true });
}
