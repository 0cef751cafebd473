/** A repair that open() could not finish either: its unit stays closed, and a later open() finishes it. */
import { expect, it } from 'vitest';
import { Errno, PmemFile } from '@safe-pmem/core';
import { failNth, mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, PATH, read } from './opened.js';

it.each(['ext4', 'xfs'] as const)('%s: no byte of the unit is read before its repair has been finished', async (filesystem) => {
  const driver = mockDriver({ filesystem });
  const whole = content(4 * PAGE);
  const bad = { offset: PAGE, length: PAGE };
  const file = await filled(driver, 4 * PAGE);
  driver.poison(PATH, bad);
  const stop = driver.observe(failNth({ operation: 'pwrite', nth: 1, errno: Errno.EIO, persistent: true }));
  await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { strategy: 'zero-range', journalRebuilt: true, rebuild: () => whole.slice(PAGE, 2 * PAGE) }));
  await file.close();
  const again = await PmemFile.open(PATH, { driver });
  expect((await failure('ERR_PMEM_MEDIA', () => read(again, 0, 4 * PAGE))).ranges).toEqual([bad]);
  await again.close();
  stop();
  const last = await PmemFile.open(PATH, { driver });
  expect(read(last, 0, 4 * PAGE)).toEqual(whole);
  await last.close();
});

it.each(['fill', 'rebuild'] as const)('a second repair puts bytes where a first one failed: %s', async (how) => {
  // Zero-range comes first there: the page is not what it was when the write fails.
  const driver = mockDriver({ kernel: '5.10' });
  const bad = { offset: PAGE, length: PAGE };
  const file = await filled(driver, 2 * PAGE);
  driver.poison(PATH, bad);
  const stop = driver.observe(failNth({ operation: 'pwrite', nth: 1, errno: Errno.EIO, persistent: true }));
  await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad));
  stop();
  const sevens = new Uint8Array(PAGE).fill(7);
  await file.repair(bad, how === 'fill' ? { fill: 7 } : { rebuild: () => sevens });
  expect(read(file, PAGE, PAGE)).toEqual(sevens);
  await file.close();
  const again = await PmemFile.open(PATH, { driver });
  expect(read(again, PAGE, PAGE)).toEqual(sevens);
  await again.close();
});

it('a repair that a filesystem stops answering before it touches anything leaves no intent', async () => {
  let failures = 0;
  for (let nth = 1; ; nth++) {
    const driver = mockDriver();
    const bad = { offset: PAGE, length: PAGE };
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    const stop = driver.observe(failNth({ operation: 'fileSize', nth, errno: Errno.EIO }));
    const outcome = await file.repair(bad, { fill: 7 }).then(() => 'repaired', (error: unknown) => error);
    stop();
    await file.close();
    if (outcome === 'repaired') break;
    expect(outcome).toMatchObject({ code: 'ERR_PMEM_IO' });
    failures++;
    // The next open() would write an intent that is left, over what others have stored since.
    expect(driver.listFiles(), `fileSize ${nth}`).toEqual([PATH]);
    const again = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_MEDIA', () => read(again, PAGE, PAGE));
    await again.close();
  }
  expect(failures).toBeGreaterThan(2);
});
