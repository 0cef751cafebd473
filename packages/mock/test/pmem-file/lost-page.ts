/** A closed file of four pages whose page 1 is lost, and what can be read of it under any name. */
import { PmemFile } from '@safe-pmem/core';
import { expect } from 'vitest';
import { type MockDriver, mockDriver, type MockOptions } from '../../src/index.js';
import { content, failure, filled, PAGE, part, PATH, read } from './opened.js';

export const size = 4 * PAGE;
export const whole = content(size);
export const bad = { offset: PAGE, length: PAGE };

export async function withLoss(options: MockOptions = {}): Promise<MockDriver> {
  const driver = mockDriver(options);
  const file = await filled(driver, size);
  driver.poison(PATH, bad);
  await file.repair(bad);
  await file.close();
  return driver;
}

export async function expectLoss(driver: MockDriver, path: string): Promise<void> {
  const file = await PmemFile.open(path, { driver });
  expect((await failure('ERR_PMEM_LOST', () => read(file, 0, size))).ranges).toEqual([bad]);
  expect(read(file, 2 * PAGE, PAGE)).toEqual(part(whole, { offset: 2 * PAGE, length: PAGE }));
  await file.close();
}
