/**
 * The paged store, alone and under Level, on pages and log records that contradict themselves with checksums that hold.
 */
import { expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import type { MockDriver } from '@safe-pmem/mock';
import { PmemLevel } from '../../src/level/index.js';
import { LostKeysError, PageStore } from '../../src/pages/index.js';
import { Wal } from '../../src/wal/index.js';
import type { Random } from '../wal/log-machine.js';
import { expectScansToEnd, valueOf } from '../pages/store-machine.js';
import { fuzz, unlessRefused } from './cases.js';
import { spoilLog } from './spoil-log.js';
import { spoilPages, spoilRecord } from './spoil-store.js';

const PAGE = 4096;
const PATHS = { file: '/db.pages', mirror: '/db.pages-mirror', log: '/db.log', logMirror: '/db.log-mirror' } as const;
const LOG_PAGES = 24;
const KEYS = Array.from({ length: 30 }, (_, i) => `key ${String(i).padStart(2, '0')}`);
const valueFor = (key: string): Uint8Array => valueOf(Number(key.slice(4)), key.endsWith('7') ? 9000 : 400);

interface Image {
  readonly mirrored: boolean;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly records: readonly Buffer[];
}

async function imageOf(mirrored: boolean): Promise<Image> {
  const driver = mockDriver();
  const db = new PmemLevel<Buffer, Buffer>('/db', {
    driver, mirror: mirrored, logBytes: LOG_PAGES * PAGE, keyEncoding: 'buffer', valueEncoding: 'buffer',
  });
  for (const key of KEYS) await db.put(Buffer.from(key), Buffer.from(valueFor(key)));
  await db.checkpoint();
  for (const key of KEYS.slice(0, 6)) await db.put(Buffer.from(key), Buffer.from(valueFor(key)));
  await db.close();
  const records: Buffer[] = [];
  const file = await PmemFile.open(PATHS.log, { driver });
  const mirror = await PmemFile.open(PATHS.logMirror, { driver });
  const wal = await Wal.open({ file, mirror, readOnly: true });
  for await (const item of wal.replay()) if (item.type === 'record') records.push(Buffer.from(item.payload));
  const paths = mirrored ? Object.values(PATHS) : [PATHS.file, PATHS.log, PATHS.logMirror];
  return { mirrored, records, files: new Map(paths.map((path) => [path, Buffer.from(driver.readFile(path))])) };
}

const images = Promise.all([true, false].map(imageOf));

/** Keys that may be anything: those of a page that was spoilt if its twin is whole, otherwise all. */
type Doubt = ReadonlySet<string>;

async function spoiltMachine(random: Random): Promise<{ driver: MockDriver; mirrored: boolean; doubt: Doubt }> {
  const image = (await images)[random.below(2)] as Image;
  const driver = mockDriver();
  const files = new Map([...image.files].map(([path, bytes]) => [path, Buffer.from(bytes)]));
  const way = random.below(4);
  const spoilt = way < 2 ? spoilPages(files.get(PATHS.file) as Buffer, random) : undefined;
  if (way === 1 && image.mirrored) spoilPages(files.get(PATHS.mirror) as Buffer, random);
  if (way === 2) spoilLog(files.get(random.chance(50) ? PATHS.log : PATHS.logMirror) as Buffer, random);
  for (const [path, bytes] of files) driver.writeFile(path, bytes);
  if (way === 3) await writeLog(driver, image.records, random);
  // What a page says wrongly of itself alone, with a checksum that holds, cannot be noticed.
  const isValue = spoilt?.toString('latin1', 4, 8) === 'over';
  const isSpoilt = (key: string): boolean => spoilt?.includes(key) === true || (isValue && key.endsWith('7'));
  const concerned = KEYS.filter((key) => way !== 0 || !image.mirrored || isSpoilt(key));
  return { driver, mirrored: image.mirrored, doubt: new Set(concerned) };
}

/** A log of the same records, of which one or two contradict themselves. */
async function writeLog(driver: MockDriver, records: readonly Buffer[], random: Random): Promise<void> {
  for (const path of [PATHS.log, PATHS.logMirror]) driver.writeFile(path, new Uint8Array(LOG_PAGES * PAGE));
  const [file, mirror] = [await PmemFile.open(PATHS.log, { driver }), await PmemFile.open(PATHS.logMirror, { driver })];
  const wal = await Wal.open({ file, mirror, create: true });
  const spoilt = new Set([random.below(records.length), random.below(records.length)]);
  for (const [index, record] of records.entries()) wal.append(spoilt.has(index) ? spoilRecord(record, random) : record);
  wal.commit();
  wal.close();
  await file.close();
  await mirror.close();
}

async function openStore(driver: MockDriver, mirrored: boolean, random: Random): Promise<PageStore | undefined> {
  const open = (path: string): Promise<PmemFile> => PmemFile.open(path, { driver });
  const [file, log, logMirror] = [await open(PATHS.file), await open(PATHS.log), await open(PATHS.logMirror)];
  const mirror = mirrored ? { mirror: await open(PATHS.mirror) } : {};
  const [acceptLostBatches, attachMirror] = [random.chance(30), random.chance(10)];
  const options = { acceptLostBatches, attachMirror, cachedLeaves: random.below(3) };
  const store = await unlessRefused(() => PageStore.open({ file, log, logMirror, ...mirror, ...options }));
  if (store === undefined) for (const one of [file, log, logMirror, ...Object.values(mirror)]) await one.close();
  return store;
}

/** Every key is its value, or lost by name; with doubt, anything at all, and in the end. */
function requireScan(store: PageStore, doubt: Doubt): void {
  const snapshot = store.snapshot();
  for (const key of KEYS) {
    try {
      const value = snapshot.get(Buffer.from(key));
      if (!doubt.has(key)) expect([key, Buffer.compare(value ?? Buffer.alloc(0), valueFor(key))]).toEqual([key, 0]);
    } catch (error) {
      if (!(error instanceof LostKeysError)) throw error;
      expect([key, doubt.has(key)]).toEqual([key, true]);
    }
  }
  expectScansToEnd(snapshot);
  snapshot.close();
}

async function oneStore(random: Random): Promise<void> {
  const { driver, mirrored, doubt } = await spoiltMachine(random);
  const store = await openStore(driver, mirrored, random);
  if (store === undefined) return;
  requireScan(store, doubt);
  const isStored = await unlessRefused(async () => {
    await store.put(Buffer.from('new'), Buffer.from('value'));
    return true;
  });
  await unlessRefused(() => store.clear({ gte: Buffer.from('key 20'), lt: Buffer.from('key 29') }));
  await unlessRefused(() => store.repair());
  await unlessRefused(() => store.checkpoint());
  const found = isStored === true ? store.get(Buffer.from('new')) : undefined;
  if (isStored === true) expect(Buffer.from(found ?? []).toString()).toBe('value');
  await store.close();
}

async function oneLevel(random: Random): Promise<void> {
  const { driver, mirrored, doubt } = await spoiltMachine(random);
  const options = { driver, mirror: mirrored, cachedLeaves: 1 };
  const db = new PmemLevel<string, Buffer>('/db', { ...options, valueEncoding: 'buffer' });
  const isOpen = await unlessRefused(async () => {
    await db.open();
    return true;
  });
  if (isOpen !== true) return;
  for (const key of KEYS) {
    const value = await unlessRefused(() => db.get(key));
    if (!doubt.has(key)) expect([key, Buffer.compare(value ?? Buffer.alloc(0), valueFor(key))]).toEqual([key, 0]);
  }
  const iterator = db.iterator({ reverse: random.chance(50) });
  for (let calls = 0, ended = false; !ended; calls++) {
    expect(calls).toBeLessThan(5000);
    const entries = await unlessRefused(() => iterator.nextv(7));
    ended = entries?.length === 0;
  }
  await iterator.close();
  await unlessRefused(() => db.put('new', Buffer.from('value')));
  await unlessRefused(() => db.clear({ lt: 'key 10' }));
  await unlessRefused(() => db.close());
}

test('a store whose pages or log contradict themselves', () => fuzz('pages', 60, oneStore), 600_000);
test('a Level database on such files', () => fuzz('level', 30, oneLevel), 600_000);
