/** Engines with a mirror, of which pages of the first file have gone bad: what suites/repair.mjs repairs. */
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { PageStore } from '@safe-pmem/examples/pages';
import { Wal } from '@safe-pmem/examples/wal';
import { nativeDriver } from '@safe-pmem/native';
import { driverWithBadBlocks } from './listed-blocks.mjs';
import { directory } from './place.mjs';

const PAGE = 4096;
/** Fills most of a page. */
const RECORD = Buffer.alloc(3900, 7);
const RECORDS_A_COMMIT = 250;
/** A page of the log holds a little more than one: so many fill all pages that are to be bad. */
const RECORDS_A_PAGE = 1.06;
/** Pages before these hold what the format begins with. */
const FIRST_BAD_PAGE = 2;
const LOG_BYTES = 4 * 2 ** 20;

function opened(name, driver, size) {
  return PmemFile.open(path.join(directory, name), { driver, create: true, size, preallocate: true });
}

async function damage(driver, file, count) {
  await driver.list(Array.from({ length: count }, (_, i) => ({ offset: (FIRST_BAD_PAGE + i) * PAGE, length: PAGE })));
  await file.badBlocks();
}

/** A log with a mirror, `count` pages of records of which are bad in its first file. */
export async function damagedLog(count) {
  const driver = driverWithBadBlocks(nativeDriver());
  const size = Math.ceil((count + 2 * FIRST_BAD_PAGE) * 1.1) * PAGE;
  const mirror = await opened('log-mirror', nativeDriver(), size);
  const file = await opened('log', driver, size);
  const wal = await Wal.open({ file, mirror, create: true });
  for (let record = 0; record < RECORDS_A_PAGE * count + FIRST_BAD_PAGE; record++) {
    wal.append(RECORD);
    if (record % RECORDS_A_COMMIT === RECORDS_A_COMMIT - 1) wal.commit();
  }
  wal.commit();
  await damage(driver, file, count);
  return {
    repair: async () => (await wal.repair()).rebuilt.length,
    close: async () => {
      wal.close();
      await Promise.all([file.close(), mirror.close()]);
    },
    paths: [file.path, mirror.path],
  };
}

/** A paged store with a mirror, `count` pages of which are bad in its first file. */
export async function damagedStore(count) {
  const driver = driverWithBadBlocks(nativeDriver());
  const logs = ['store-log', 'store-log-mirror'].map((name) => opened(name, nativeDriver(), LOG_BYTES));
  const [log, logMirror] = await Promise.all(logs);
  const size = (count + 2 * FIRST_BAD_PAGE) * PAGE;
  const mirror = await opened('store-mirror', nativeDriver(), size);
  const file = await opened('store', driver, size);
  const store = await PageStore.open({ file, mirror, log, logMirror, create: true });
  for (let first = 0; first < count + FIRST_BAD_PAGE; first += RECORDS_A_COMMIT) {
    await store.batch(Array.from({ length: RECORDS_A_COMMIT }, (_, i) => ({
      type: 'put', key: Buffer.from(String(first + i).padStart(8, '0')), value: RECORD,
    })));
  }
  await store.checkpoint();
  await damage(driver, file, count);
  return {
    repair: async () => {
      const { rebuilt, emptied } = await store.repair();
      return rebuilt.length + emptied.length;
    },
    close: async () => {
      await store.close();
      await Promise.all([file, mirror, log, logMirror].map((each) => each.close()));
    },
    paths: [file, mirror, log, logMirror].map((each) => each.path),
  };
}
