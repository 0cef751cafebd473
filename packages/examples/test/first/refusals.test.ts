/** What the smallest log refuses, and leaves as it is. */
import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { expect, test } from 'vitest';
import { FirstLog } from '../../src/first/first-log.js';

const PATH = '/pmem/first.log';

test('a file of something else stays as it is', async () => {
  const driver = mockDriver();
  const text = Buffer.alloc(12 * 4096, 'some text', 'latin1').fill(0, 4096);
  driver.writeFile(PATH, text);
  const file = await PmemFile.open(PATH, { driver });
  expect(() => FirstLog.open(file)).toThrow('holds something else');
  expect(Buffer.compare(driver.readFile(PATH), text)).toBe(0);
});

test('one bad block that takes both copies of the commit point', async () => {
  const file = await PmemFile.open(PATH, { driver: mockDriver({ pageBytes: 16_384 }), create: true, size: 65_536 });
  expect(() => FirstLog.open(file)).toThrow('takes both points');
  await file.close();
});
