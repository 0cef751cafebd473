/** Stores over several lost pieces end their loss together: one new journal for all that could be persisted. */
import { Errno, PmemFile } from '@safe-pmem/core';
import { expect, it } from 'vitest';
import type { MockDriver } from '../../src/index.js';
import { failNth, loseAll, mockDriver } from '../../src/index.js';
import { failure, filled, PAGE, pageOf, PATH, read } from './opened.js';

async function withLoss(): Promise<MockDriver> {
  const driver = mockDriver();
  const file = await filled(driver, 3 * PAGE);
  driver.poison(PATH, pageOf(1));
  await file.repair(pageOf(1));
  await file.close();
  return driver;
}

it('close() replaces the journal once', async () => {
  const driver = await withLoss();
  const file = await PmemFile.open(PATH, { driver });
  const pieces = [0, 100, 300, 1000].map((at) => ({ offset: PAGE + at, length: 10 }));
  for (const { offset, length } of pieces) file.write(new Uint8Array(length).fill(1), offset);
  let replaced = 0;
  const stop = driver.observe(({ name, step }) => {
    if (name === 'writeJournal' && step === undefined) replaced++;
    return undefined;
  });
  await file.close();
  stop();
  expect(replaced).toBe(1);
  driver.crash(loseAll);
  const again = await PmemFile.open(PATH, { driver });
  for (const { offset, length } of pieces) expect(read(again, offset, length)).toEqual(new Uint8Array(length).fill(1));
  await failure('ERR_PMEM_LOST', () => read(again, PAGE + 10, 1));
});

it('persistRanges() ends the loss of what it could persist, if one of the ranges fails', async () => {
  const driver = await withLoss();
  const file = await PmemFile.open(PATH, { driver });
  const ranges = [{ offset: PAGE, length: 10 }, { offset: PAGE + 100, length: 10 }] as const;
  for (const { offset, length } of ranges) file.write(new Uint8Array(length).fill(1), offset);
  const stop = driver.observe(failNth({ operation: ['persist'], nth: 2, errno: Errno.ENOMEM }));
  await failure('ERR_PMEM_IO', () => { file.persistRanges(ranges); });
  stop();
  driver.crash(loseAll);
  const again = await PmemFile.open(PATH, { driver });
  expect(read(again, PAGE, 10)).toEqual(new Uint8Array(10).fill(1));
  await failure('ERR_PMEM_LOST', () => read(again, PAGE + 100, 1));
});
