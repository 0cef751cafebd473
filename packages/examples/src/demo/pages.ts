/** `npm run demo -- pages`: a sorted store in pages, poison, and where the lost bytes come back from. */
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import type { MockDriver } from '@safe-pmem/mock';
import { mockDriver } from '@safe-pmem/mock';
import type { StoreOptions } from '../pages/index.js';
import { PageStore } from '../pages/index.js';
import type { Audit, DemoOptions } from './demo.js';
import { unplayed } from './demo.js';
import { newMockFile } from './mock-file.js';
import { drawLegend, drawMap, markRebuilt } from './page-map.js';
import type { Screen } from './screen.js';
import { auditStore, describeKeys, expectAll, expectSome, fillStore, rebuiltPages, storeStatesOf } from './store-audit.js';
import { randomFrom } from './workload.js';

export const title = 'what poison does to a sorted store in pages';

const PAGE_BYTES = 4096;
const KEYS = 2000;
const DATA_PAGES = 256;
const LOG_PAGES = 64;

type Files = Required<Pick<StoreOptions, 'file' | 'mirror' | 'log' | 'logMirror'>>;

export async function play(screen: Screen, { seed, mockOnly }: DemoOptions): Promise<readonly Audit[]> {
  const audits: Audit[] = [...(await playMirrored(screen, seed)), ...(await playAlone(screen, seed))];
  if (mockOnly) return audits;
  try {
    return [...audits, ...(await playNative(screen))];
  } catch (error) {
    screen.say(`This act did not come to its end: ${error instanceof Error ? error.message : String(error)}`, 'red');
    return [...audits, unplayed('native', error)];
  }
}

async function playMirrored(screen: Screen, seed: number): Promise<Audit[]> {
  const driver = mockDriver({ seed });
  const files = await newFiles(driver);
  screen.heading('1  A store in pages');
  screen.say(`${KEYS} keys, the values of some longer than a page, go into a B+tree. A batch is durable once it is in the
    log. Later a checkpoint stores what has changed in free pages, in both data files, and empties the log.`);
  let store = await PageStore.open({ ...files, create: true });
  await fillStore(store, 0, KEYS);
  await store.checkpoint();
  await fillStore(store, 0, 100, 1);
  const versionOf = (number: number): number => (number < 100 ? 1 : 0);
  drawMap(screen, files.file.path, storeStatesOf(files.file));
  drawLegend(screen, storeStatesOf(files.file));

  screen.heading('2  Poison, in every file');
  const random = randomFrom(seed);
  const inUse = store.slots().flatMap((kind, slot) => (kind === 'leaf' || kind === 'value' ? [slot] : []));
  const pick = (count: number): number[] => Array.from({ length: count }, () => inUse.splice(random(inUse.length), 1)[0] ?? 0);
  poison(driver, files.file, [0, ...pick(8)]);
  poison(driver, files.mirror, pick(6));
  poison(driver, files.log, [0, 1, 3]);
  poison(driver, files.logMirror, [2, LOG_PAGES - 1]);
  drawMap(screen, files.file.path, storeStatesOf(files.file));
  drawMap(screen, files.mirror.path, storeStatesOf(files.mirror));
  drawLegend(screen, storeStatesOf(files.file), storeStatesOf(files.mirror));
  await store.close();
  store = await PageStore.open(files);
  screen.say(`A new process opens the store: ${store.damage.length} pages of one file had to be read from the other one, and
    the batches behind the checkpoint from whichever log has them. Nobody notices but the store itself.`);
  const opened = expectAll(auditStore('mock, opened with every file damaged', store, KEYS, versionOf));

  screen.heading('3  Repair');
  const report = await store.repair();
  const states = [markRebuilt(storeStatesOf(files.file), rebuiltPages(report, 'pages')), markRebuilt(storeStatesOf(files.mirror), rebuiltPages(report, 'mirror'))];
  drawMap(screen, files.file.path, states[0] ?? []);
  drawMap(screen, files.mirror.path, states[1] ?? []);
  drawLegend(screen, ...states);
  screen.say(`repair() has rebuilt ${report.rebuilt.length} pages of the data files and ${report.log.rebuilt.length} of the log.`);
  const repaired = expectAll(auditStore('mock, repaired', store, KEYS, versionOf));
  if (report.lost.length + report.failed.length > 0) repaired.problems.push('repair() did not bring back every page');
  await closeAll(store, files);
  return [opened, repaired];
}

async function playAlone(screen: Screen, seed: number): Promise<Audit[]> {
  const driver = mockDriver({ seed });
  const { mirror, ...files } = await newFiles(driver);
  screen.heading('4  The same without a mirror of the pages');
  let store = await PageStore.open({ ...files, create: true });
  await fillStore(store, 0, KEYS);
  await store.checkpoint();
  const random = randomFrom(seed + 1);
  const leaves = store.slots().flatMap((kind, slot) => (kind === 'leaf' ? [slot] : []));
  poison(driver, files.file, Array.from({ length: 3 }, () => leaves.splice(random(leaves.length), 1)[0] ?? 1));
  await store.close();
  store = await PageStore.open(files);
  const lost = expectSome(auditStore('mock, no mirror, three leaves poisoned', store, KEYS));
  screen.say(`Three leaves have failed, and nobody has their bytes. Each says by its neighbours which keys it held: reads of
    these throw LostKeysError, caused by ${[...lost.causes].join(', ')}, and every other key is there.`);
  for (const line of describeKeys(lost.lostKeys)) screen.line(`    lost: ${line}`, 'yellow');
  await store.repair();
  drawMap(screen, files.file.path, storeStatesOf(files.file));
  drawLegend(screen, storeStatesOf(files.file));
  screen.say(`After the repair the loss is part of the store, and the pages are free. Lost keys can be written: the
    application puts back what it knows, here every second one of them.`);
  const known = lost.lostKeys.filter((_, i) => i % 2 === 0).map((key) => Number(key.slice(-6)));
  for (const number of known) await fillStore(store, number, number + 1);
  await store.close();
  store = await PageStore.open(files);
  const rewritten = expectSome(auditStore('mock, half of the lost keys written again', store, KEYS));
  if (rewritten.lost !== lost.lost - known.length) rewritten.problems.push('a key that was written again is still lost');
  await store.close();
  for (const file of [...Object.values(files), mirror]) await file.close();
  return [lost, rewritten];
}

/**
 * Plays on real files. Another process cuts one of them off while it is mapped, which kills most programs: each access
 * is a SIGBUS.
 */
async function playNative(screen: Screen): Promise<Audit[]> {
  const { nativeDriver } = await import('@safe-pmem/native');
  const directory = mkdtempSync(join(tmpdir(), 'safe-pmem-demo-'));
  screen.heading('5  The same code on this machine');
  try {
    const driver = nativeDriver();
    const open = (name: string, pages: number): Promise<PmemFile> =>
      PmemFile.open(join(directory, name), { driver, create: true, size: pages * PAGE_BYTES, preallocate: true });
    const openAll = async (): Promise<Files> => ({
      file: await open('pages', 8),
      mirror: await open('pages-mirror', 8),
      log: await open('log', LOG_PAGES),
      logMirror: await open('log-mirror', LOG_PAGES),
    });
    let files = await openAll();
    let store = await PageStore.open({ ...files, create: true, cachedLeaves: 1 });
    await fillStore(store, 0, KEYS);
    await store.checkpoint();
    const bytes = files.file.size;
    truncateSync(files.file.path, 16 * PAGE_BYTES);
    screen.say(`Another process cuts ${files.file.path} off, from ${bytes / PAGE_BYTES} pages to 16. Whoever loads a byte behind
      that gets a SIGBUS. Process ${process.pid} reads all keys:`);
    const cut = expectAll(auditStore('native, file cut off under the mapping', store, KEYS));
    screen.say(`${store.damage.length} pages could not be read, each one a real signal, and came from the mirror.`);
    await closeAll(store, files);
    files = await openAll();
    store = await PageStore.open(files);
    const report = await store.repair();
    const states = markRebuilt(storeStatesOf(files.file), rebuiltPages(report, 'pages'));
    drawMap(screen, files.file.path, states);
    drawLegend(screen, states);
    const mended = expectAll(auditStore('native, opened again and repaired', store, KEYS));
    if (report.rebuilt.length === 0) mended.problems.push('the file was cut off, and nothing was rebuilt');
    await closeAll(store, files);
    return [cut, mended];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function newFiles(driver: MockDriver): Promise<Files> {
  return {
    file: await newMockFile(driver, '/pmem0/pages', DATA_PAGES),
    mirror: await newMockFile(driver, '/pmem1/pages', DATA_PAGES),
    log: await newMockFile(driver, '/pmem0/log', LOG_PAGES),
    logMirror: await newMockFile(driver, '/pmem1/log', LOG_PAGES),
  };
}

function poison(driver: MockDriver, file: PmemFile, pages: readonly number[]): void {
  for (const page of pages) driver.poison(file.path, { offset: page * PAGE_BYTES, length: 64 });
}

async function closeAll(store: PageStore, files: Files): Promise<void> {
  await store.close();
  for (const file of Object.values(files)) await file.close();
}
