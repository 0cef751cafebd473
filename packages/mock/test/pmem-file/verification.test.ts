/** A repair that is told that its write succeeded, and finds other bytes when it reads them back. */
import { describe, expect, it } from 'vitest';
import { Errno, PmemFile, RepairError } from '@safe-pmem/core';
import { mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, part, PATH, read } from './opened.js';

describe('a repair that cannot learn what it met', () => {
  it('throws, with the unit as it was, if a pread says nothing of the medium: zeros would pass for data', async () => {
    const driver = mockDriver({ kernel: '6.1', filesystem: 'ext4' });
    await (await filled(driver, 4 * PAGE)).close();
    driver.poison(PATH, { offset: 2 * PAGE, length: PAGE });
    const file = await PmemFile.open(PATH, { driver });
    const stop = driver.observe(({ name }) => (name === 'pread' ? { errno: Errno.ENOTCONN } : undefined));
    const error = await failure('ERR_PMEM_IO', () => file.repair({ offset: 2 * PAGE, length: PAGE }));
    expect(error.ranges).toEqual([{ offset: 2 * PAGE, length: PAGE }]);
    stop();
    await failure('ERR_PMEM_MEDIA', () => read(file, 2 * PAGE, 1));
    const { units } = await file.repair({ offset: 2 * PAGE, length: PAGE });
    expect(units).toMatchObject([{ lost: [{ offset: 2 * PAGE, length: PAGE }] }]);
  });
});

describe('verification', () => {
  const bad = { offset: 2 * PAGE, length: PAGE };
  const whole = content(4 * PAGE);
  const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

  it.each(['ext4', 'xfs'] as const)('%s: bytes that are not those that were written fail the unit, and keep it closed', async (filesystem) => {
    const driver = mockDriver({ filesystem });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    const stop = driver.observe((operation) => {
      // Another process, between the write and the look at it.
      if (operation.name === 'remap') driver.punch(PATH, bad);
      return undefined;
    });
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { rebuild }), RepairError);
    expect(error.attempts.at(-1)).toMatchObject({ step: 'verify', errno: 0 });
    stop();
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 1));
    await file.repair(bad, { rebuild });
    expect(read(file, 0, 4 * PAGE)).toEqual(whole);
  });

  it('a write that ends early is gone on with, so that there is nothing to find', async () => {
    const driver = mockDriver({ filesystem: 'ext4', kernel: '5.10' });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    let writes = 0;
    driver.observe(({ name, step }) => (name === 'pwrite' && step === undefined && ++writes === 1 ? { shortBytes: 1000 } : undefined));
    const { units } = await file.repair(bad, { rebuild });
    expect(units).toMatchObject([{ strategy: 'zero-range', outcome: 'cleared' }]);
    expect(writes).toBe(2);
    expect(read(file, 0, 4 * PAGE)).toEqual(whole);
  });

  it('a write that ends early again and again is gone on with each time', async () => {
    const driver = mockDriver({ filesystem: 'ext4', kernel: '5.10' });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    driver.observe(({ name, step }) => (name === 'pwrite' && step === undefined ? { shortBytes: 1000 } : undefined));
    await file.repair(bad, { rebuild });
    expect(read(file, 0, 4 * PAGE)).toEqual(whole);
  });

  it('looks at what was written through a fresh mapping, of units near each other together, and of nothing far from them', async () => {
    const driver = mockDriver({ filesystem: 'ext4' });
    const file = await filled(driver, 64 * PAGE);
    const pages = [1, 2, 5, 21, 22, 40, 63];
    const units = pages.map((page) => ({ offset: page * PAGE, length: PAGE }));
    for (const unit of units) driver.poison(PATH, unit);
    const mapped: string[] = [];
    driver.observe(({ name, position, length }) => {
      if (name === 'remap') mapped.push(`${position / PAGE} to ${(position + length) / PAGE}`);
      return undefined;
    });
    await file.repair(units, { fill: 1 });
    // Fifteen pages lie between 5 and 21, seventeen between 22 and 40.
    expect(mapped).toEqual(['1 to 23', '40 to 41', '63 to 64']);
  });
});
