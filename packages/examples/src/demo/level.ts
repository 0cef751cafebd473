/** `npm run demo -- level`: a Level database, poison in each of its files, and the application that does not notice. */
import { PmemFile } from '@safe-pmem/core';
import type { MockDriver } from '@safe-pmem/mock';
import { mockDriver } from '@safe-pmem/mock';
import { PmemLevel } from '../level/index.js';
import type { StoreRepairReport } from '../pages/index.js';
import type { Audit, DemoOptions } from './demo.js';
import { drawLegend, drawMap, markRebuilt } from './page-map.js';
import type { Screen } from './screen.js';
import { auditLevel, describeKeys, expectAll, expectSome, keyOf, rebuiltPages, storeStatesOf, valueOf } from './store-audit.js';
import { randomFrom } from './workload.js';

export const title = 'what poison does to a Level database';

const PAGE_BYTES = 4096;
const KEYS = 2000;
const LOCATION = '/pmem0/db';
const MIRROR = '/pmem1/db';

type Database = PmemLevel<string, Buffer>;

export async function play(screen: Screen, { seed }: DemoOptions): Promise<readonly Audit[]> {
  const driver = mockDriver({ seed });
  const random = randomFrom(seed);
  const open = async (): Promise<Database> => {
    const db: Database = new PmemLevel(LOCATION, { driver, mirrorLocation: MIRROR, logBytes: 64 * PAGE_BYTES, valueEncoding: 'buffer' });
    await db.open();
    return db;
  };
  screen.heading('1  A Level database');
  screen.say(`PmemLevel is an abstract-level like any other: put, get, batch, iterators, sublevels, snapshots. Underneath is
    the paged store. ${KEYS} keys go in.`);
  let db = await open();
  for (let start = 0; start < KEYS; start += 100) {
    await db.batch(Array.from({ length: 100 }, (_, i) => ({ type: 'put', key: keyOf(start + i), value: valueOf(start + i) })));
  }
  await db.checkpoint();
  await drawFile(screen, driver, `${LOCATION}.pages`);

  screen.heading('2  Poison while it runs');
  const leaves = await leavesOf(driver);
  const pick = (count: number): number[] => Array.from({ length: count }, () => leaves.splice(random(leaves.length), 1)[0] ?? 1);
  poison(driver, `${LOCATION}.pages`, pick(10));
  poison(driver, `${MIRROR}.pages-mirror`, pick(5));
  poison(driver, `${LOCATION}.log`, [0, 2]);
  await drawFile(screen, driver, `${LOCATION}.pages`);
  await db.close();
  let report: StoreRepairReport | undefined;
  db = new PmemLevel(LOCATION, { driver, mirrorLocation: MIRROR, valueEncoding: 'buffer' });
  db.on('repair', (done: StoreRepairReport) => {
    report = done;
  });
  const healed = expectAll(await auditLevel('mock, opened with its files damaged', db, KEYS));
  screen.say(`The application opens its database and reads: every value is there. On the way the database has repaired
    itself, and says so in an event: ${report?.rebuilt.length ?? 0} pages rebuilt from the other file.`);
  if (report === undefined || report.lost.length > 0) healed.problems.push('it did not repair itself');
  await drawFile(screen, driver, `${LOCATION}.pages`, report);

  screen.heading('3  The same pages in both files');
  const [first = 1, second = 2] = await leavesOf(driver);
  for (const path of [`${LOCATION}.pages`, `${MIRROR}.pages-mirror`]) poison(driver, path, [first, second]);
  await db.close();
  db = await open();
  await drawFile(screen, driver, `${LOCATION}.pages`);
  const lost = expectSome(await auditLevel('mock, two pages bad in both files', db, KEYS));
  screen.say(`Nobody has these bytes any more. Reads of exactly their keys reject with LEVEL_CORRUPTION, caused by
    ${[...lost.causes].join(', ')}; all others are there.`);
  for (const line of describeKeys(lost.lostKeys)) screen.line(`    lost: ${line}`, 'yellow');
  screen.say('The application writes them again:');
  await db.batch(lost.lostKeys.map((key) => ({ type: 'put', key, value: valueOf(Number(key.slice(-6))) })));
  await db.close();
  db = await open();
  const again = expectAll(await auditLevel('mock, the lost keys written again', db, KEYS));
  await db.close();
  return [healed, lost, again];
}

async function drawFile(screen: Screen, driver: MockDriver, path: string, report?: StoreRepairReport): Promise<void> {
  const file = await PmemFile.open(path, { driver, readOnly: true });
  const states = markRebuilt(storeStatesOf(file), report === undefined ? [] : rebuiltPages(report, 'pages'));
  await file.close();
  drawMap(screen, path, states);
  drawLegend(screen, states);
}

/** Slots of the data file that are leaves, by the marker that they carry. */
async function leavesOf(driver: MockDriver): Promise<number[]> {
  const file = await PmemFile.open(`${LOCATION}.pages`, { driver, readOnly: true });
  const count = Math.floor(file.size / PAGE_BYTES);
  const marker = Buffer.alloc(4);
  const found: number[] = [];
  for (let slot = 1; slot < count; slot++) {
    file.read(marker, slot * PAGE_BYTES + 4);
    if (marker.toString('latin1') === 'leaf') found.push(slot);
  }
  await file.close();
  return found;
}

function poison(driver: MockDriver, path: string, pages: readonly number[]): void {
  for (const page of pages) driver.poison(path, { offset: page * PAGE_BYTES, length: 64 });
}
