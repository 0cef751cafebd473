/** A commit that power cut off may be found whole: who has read its records after the start relies on them. */
import { PmemFile } from '@safe-pmem/core';
import { type MockDriver, mockDriver } from '@safe-pmem/mock';
import { expect, test } from 'vitest';
import { FirstLog } from '../../src/first/first-log.js';
import { powerFails } from '../power-fails.js';
import { sizeOf } from '../share.js';

const PATH = '/pmem/log';

function machine(seed: number): MockDriver {
  const driver = mockDriver({ seed });
  driver.writeFile(PATH, new Uint8Array(6 * 4096));
  return driver;
}

async function openLog(driver: MockDriver): Promise<FirstLog> {
  return FirstLog.open(await PmemFile.open(PATH, { driver }));
}

/** Commits a record. True if power failed at operation `at` of that. */
async function failsAt(driver: MockDriver, at: number): Promise<boolean> {
  const log = await openLog(driver);
  return powerFails(driver, at, () => {
    log.append(Buffer.alloc(300, at));
    log.commit();
  });
}

test('what was read after one power failure is there after the next', async () => {
  let pairs = 0;
  for (let seed = 1; seed <= sizeOf({ whole: 8, share: 2 }); seed++) {
    for (let first = 1; await failsAt(machine(seed), first); first++) {
      for (let second = 1; ; second++) {
        const driver = machine(seed);
        await failsAt(driver, 99);
        await failsAt(driver, first);
        const read = [...(await openLog(driver)).records()];
        if (!(await failsAt(driver, second))) break;
        const found = [...(await openLog(driver)).records()];
        expect(found.slice(0, read.length), `seed ${seed}, operations ${first} and ${second}`).toEqual(read);
        pairs++;
      }
    }
  }
  expect(pairs).toBeGreaterThan(20);
});
