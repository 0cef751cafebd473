// Others append to the last page of a real file while a repair of it fails after its write. With every filesystem, on
// the mock: packages/mock/test/pmem-file/appended-to-a-bad-tail.test.ts.
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Errno } from '@safe-pmem/core';
import { expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { poisonableDriver } from '../../src/testing/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { answering } from './answering.js';
import { firstByte, open, refusal } from './planted-loss.js';

const SIZE = 2 * PAGE + 100;
const TAIL = { offset: 2 * PAGE, length: 100 };

function ones(): string {
  const name = path.join(scratchFolder('tmpfs'), 'file');
  writeFileSync(name, Buffer.alloc(SIZE, 1));
  return name;
}

it.each([50, PAGE - 100])('the page cannot be flushed, and %i zeros were appended: they stay', async (added) => {
  const name = ones();
  const driver = poisonableDriver(nativeDriver());
  let isAppended = false;
  const sync = (): Promise<{ errno: number; syscall: string }> => {
    if (!isAppended) appendFileSync(name, Buffer.alloc(added));
    isAppended = true;
    return Promise.resolve({ errno: Errno.EIO, syscall: 'fdatasync' });
  };
  const file = await open(name, { driver: answering(driver, () => ({ sync })) });
  driver.poison(name, TAIL);
  expect(await refusal(() => file.repair(TAIL, { fill: 7 }))).toMatchObject({ code: 'ERR_PMEM_REPAIR_FAILED' });
  await file.close();
  const again = await open(name);
  expect(again.size).toBe(SIZE + added);
  await again.close();
  expect(readFileSync(name).subarray(2 * PAGE)).toEqual(Buffer.alloc(100 + added).fill(7, 0, 100));
});

it.each([50, PAGE - 100, PAGE])('the page goes bad again, with %i appended bytes: they stay', async (added) => {
  const name = ones();
  const driver = poisonableDriver(nativeDriver());
  let isAppended = false;
  const file = await open(name, { driver: answering(driver, (own) => ({
    remap: (position, length) => {
      if (isAppended) return own.remap(position, length);
      isAppended = true;
      appendFileSync(name, Buffer.alloc(added, 5));
      const failure = own.remap(position, length);
      driver.poison(name, TAIL);
      return failure;
    },
  })) });
  driver.poison(name, TAIL);
  expect(await refusal(() => file.repair(TAIL, { fill: 7 }))).toMatchObject({ code: 'ERR_PMEM_REPAIR_FAILED' });
  expect(await refusal(() => firstByte(file, TAIL.offset))).toMatchObject({ code: 'ERR_PMEM_MEDIA' });
  await file.close();
  const again = await open(name, { driver });
  expect(again.size).toBe(SIZE + added);
  expect(await refusal(() => firstByte(again, SIZE))).toMatchObject({ code: 'ERR_PMEM_MEDIA' });
  await again.close();
  expect(statSync(name).size).toBe(SIZE + added);
  expect(readFileSync(name).subarray(SIZE)).toEqual(Buffer.alloc(added, 5));
});
