/** How long single durable writes take: percentiles of the example log and the paged store beside better-sqlite3's. */
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { PageStore } from '@safe-pmem/examples/pages';
import { nativeDriver } from '@safe-pmem/native';
import { absent, contestants } from '../logs.mjs';
import { competitor, directory } from '../place.mjs';

const SHARES = { p50: 0.5, p99: 0.99, 'p99.9': 0.999, max: 1 };
const WRITES = process.env.SAFE_PMEM_BENCH_SHORT === '1' ? 320 : 16_000;
const KEYS = 2000;
const payload = Buffer.alloc(1024, 5);
const rows = [];

/** In nanoseconds, ascending. Each writer begins its next write after its last one is durable. */
async function latencies(write, writers) {
  const times = [];
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let i = writer; i < WRITES; i += writers) {
        const begun = process.hrtime.bigint();
        await write(i);
        times.push(Number(process.hrtime.bigint() - begun));
      }
    }),
  );
  return times.sort((a, b) => a - b);
}

function addRows(title, measured) {
  for (const [name, share] of Object.entries(SHARES)) {
    const at = (times) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
    const times = Object.fromEntries(Object.entries(measured).map(([who, all]) => [who, { medianNs: at(all) }]));
    rows.push({ title: `${title}, ${name}`, unit: 'ns', baseline: 'better-sqlite3', times });
  }
}

async function pageStore(label) {
  const open = (name, size) =>
    PmemFile.open(path.join(directory, `${label}-${name}`), {
      driver: nativeDriver(),
      create: true,
      size,
      preallocate: true,
    });
  const files = {
    file: await open('pages', 2 ** 20),
    mirror: await open('mirror', 2 ** 20),
    log: await open('log', 2 ** 22),
    logMirror: await open('log-mirror', 2 ** 22),
  };
  const store = await PageStore.open({ ...files, create: true });
  return {
    write: (i) => store.put(keyOf(i), payload),
    close: async () => {
      await store.close();
      for (const file of Object.values(files)) await file.close();
    },
  };
}

async function sqliteTable(label) {
  const { module } = await competitor('better-sqlite3');
  if (module === undefined) return undefined;
  const db = new module.default(path.join(directory, `sqlite-${label}`));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE pairs (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID');
  const replace = db.prepare('REPLACE INTO pairs VALUES (?, ?)');
  return { write: (i) => Promise.resolve(replace.run(keyOf(i), payload)), close: () => db.close() };
}

const keyOf = (i) => Buffer.from(`key-${(i * 7919) % KEYS}`);

for (const writers of [1, 16]) {
  const who = writers === 1 ? 'one writer' : `${writers} writers`;
  const logs = await contestants(`latency-${writers}`);
  const measured = {};
  for (const name of ['example log', 'better-sqlite3'].filter((one) => logs[one] !== undefined)) {
    const { append, trim } = logs[name];
    measured[name] = await latencies(async (i) => {
      await append(payload);
      if (i % 4000 === 3999) trim();
    }, writers);
  }
  addRows(`log of 1 KiB, ${who}`, measured);
  for (const log of Object.values(logs)) await log.close();

  const stores = {
    'paged store, mirrored': await pageStore(`pages-${writers}`),
    'better-sqlite3': await sqliteTable(writers),
  };
  const kept = Object.entries(stores).filter(([, store]) => store !== undefined);
  const written = {};
  for (const [name, store] of kept) written[name] = await latencies(store.write, writers);
  addRows(`key and value of 1 KiB, ${who}`, written);
  for (const [, store] of kept) await store.close();
}
process.send({ rows, absent });
