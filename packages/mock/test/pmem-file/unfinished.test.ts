/** A repair that open() could not finish either: its unit stays closed, and a later open() finishes it. */
import { describe, expect, it } from 'vitest';
import { Errno, MediaError, PmemFile } from '@safe-pmem/core';
import { failNth, type MockDriver, mockDriver } from '../../src/index.js';
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

describe('a filesystem stops answering once the intent is in the journal', () => {
  const bad = { offset: PAGE, length: PAGE };

  /** Fills `bad`, of which nothing is touched: after the journal was written, none of these calls gets an answer. */
  async function refusedRepair(driver: MockDriver, file: PmemFile, fill: number, unanswered: string[]): Promise<void> {
    let isRecorded = false;
    const stop = driver.observe(({ name }) => {
      isRecorded ||= name === 'writeJournal';
      return isRecorded && unanswered.includes(name) ? { errno: Errno.EIO } : undefined;
    });
    await failure('ERR_PMEM_IO', () => file.repair(bad, { fill }));
    stop();
  }

  it('and the intent cannot be taken back: nothing is stored that the next open() would write over', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 2 * PAGE);
    driver.poison(PATH, bad);
    await file.repair(bad);
    await refusedRepair(driver, file, 7, ['fileSize', 'readJournal']);
    const error = await failure('ERR_PMEM_MEDIA', () => { file.write(content(PAGE), PAGE); }, MediaError);
    expect(error).toMatchObject({ source: 'unfinished', ranges: [bad] });
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
  });

  it('of a second repair: what the first one has left half done is still to be what that was to write', async () => {
    const driver = mockDriver({ kernel: '5.10' });
    const file = await filled(driver, 2 * PAGE);
    driver.poison(PATH, bad);
    const stop = driver.observe(failNth({ operation: 'pwrite', nth: 1, errno: Errno.EIO, persistent: true }));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { fill: 7 }));
    stop();
    await refusedRepair(driver, file, 9, ['fileSize']);
    await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 1));
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
  });
});
