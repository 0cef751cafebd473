/** A commit that failed, or whose process was killed, leaves a point that can be read and that is not durable. */
import { Errno, PmemFile } from '@safe-pmem/core';
import { type MockDriver, mockDriver } from '@safe-pmem/mock';
import { expect, test } from 'vitest';
import { FirstLog } from '../../src/first/first-log.js';
import { powerFails } from '../power-fails.js';
import { sizeOf } from '../share.js';

const PATH = '/pmem/log';
const SEEDS = sizeOf({ whole: 20, share: 4 });

async function openBy(driver: MockDriver, process: string): Promise<FirstLog> {
  return FirstLog.open(await PmemFile.open(PATH, { driver: driver.process(process) }));
}

/** A log whose first process has committed two records, and has appended a third. */
async function prep(seed: number) {
  const driver = mockDriver({ seed, dax: false });
  driver.writeFile(PATH, new Uint8Array(6 * 4096));
  const log = await openBy(driver, 'first');
  for (const fill of [1, 2]) {
    log.append(Buffer.alloc(300, fill));
    log.commit();
  }
  log.append(Buffer.alloc(300, 3));
  return { driver, log };
}

const sequences = (log: FirstLog): unknown[] =>
  [...log.records()].map((item) => ('lost' in item ? item : item.sequence));

test('a flush of a commit fails, and power fails in the next commit: nothing acknowledged is gone', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (const nth of [1, 2]) {
      let at = 1;
      for (; ; at++) {
        const { driver, log } = await prep(seed);
        let flushes = 0;
        const stop = driver.observe(({ name, position }) =>
          (name === 'persist' && position < 2 * 4096 && ++flushes === nth ? { errno: Errno.EIO } : undefined));
        expect(() => { log.commit(); }).toThrow(expect.objectContaining({ code: 'ERR_PMEM_IO' }) as Error);
        stop();
        if (!(await powerFails(driver, at, () => { log.commit(); }))) break;
        const found = sequences(await openBy(driver, 'second'));
        expect(found.slice(0, 2), `seed ${seed}, flush ${nth}, operation ${at}`).toEqual([0, 1]);
      }
      expect(at).toBeGreaterThan(3);
    }
  }
});

test('a process is killed in a commit, and power fails in the next one: what was read is there', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (let killed = 1; killed <= 6; killed++) {
      let at = 1;
      for (; ; at++) {
        const { driver, log } = await prep(seed);
        const last = driver.operations + killed;
        const stop = driver.observe(({ index }) => {
          if (index === last) driver.process('first').kill();
          return undefined;
        });
        await powerFails(driver, 0, () => { log.commit(); });
        stop();
        const second = await openBy(driver, 'second');
        const read = sequences(second);
        second.append(Buffer.alloc(300, 4));
        if (!(await powerFails(driver, at, () => { second.commit(); }))) break;
        const found = sequences(await openBy(driver, 'third'));
        expect(found.slice(0, read.length), `seed ${seed}, killed at ${killed}, power failed at ${at}`).toEqual(read);
      }
      expect(at).toBeGreaterThan(3);
    }
  }
});
