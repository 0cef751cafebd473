// The machine died in a repair, and its intent is still in the journal of a file that is open: another process was just
// ending that repair, or the first open() could not write the page. Others rewrite the page, and then it is repaired.
import { type CompleteFile, Errno, type PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, type MockDriver, mockDriver, type MockOptions, SimulatedCrash } from '../../src/index.js';
import { content, failure, filled, openIn, PAGE, pageOf, part, PATH, read } from './opened.js';

const SIZE = 4 * PAGE;
const REPAIR_LOCK = Number.MAX_SAFE_INTEGER - 1;
const whole = content(SIZE);
const newer = new Uint8Array(PAGE).fill(77);
const machines: MockOptions[] = [{ filesystem: 'ext4' }, { filesystem: 'xfs' }, { dax: false }];

/** A machine that went down in a repair of page 1, which reads well and may hold anything. */
async function restarted(options: MockOptions, journalRebuilt: boolean): Promise<MockDriver> {
  const driver = mockDriver(options);
  const file = await filled(driver, SIZE);
  driver.poison(PATH, pageOf(1));
  const stop = driver.observe(({ step, name }) => {
    return step === 'cleared' || (options.dax === false && name === 'sync') ? { crash: true } : undefined;
  });
  const repair = file.repair(pageOf(1), { journalRebuilt, rebuild: (range) => part(whole, range) });
  await expect(repair).rejects.toThrow(SimulatedCrash);
  stop();
  return driver;
}

async function locked(driver: MockDriver): Promise<CompleteFile> {
  const request = { readOnly: false, create: false, sizeBytes: undefined, preallocate: false };
  const outcome = await driver.process('first').open(PATH, request);
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  expect(outcome.file.lock(REPAIR_LOCK, 1)).toBeUndefined();
  return outcome.file;
}

/** Opened while another process has the lock of repairs, and lets it go without having ended the repair. */
async function openedMeanwhile(driver: MockDriver): Promise<PmemFile> {
  const first = await locked(driver);
  const file = await openIn(driver, 'here');
  first.unlock(REPAIR_LOCK, 1);
  return file;
}

async function expectUntouched(driver: MockDriver, file: PmemFile): Promise<void> {
  for (const options of [{ fill: 7 }, { rebuild: () => new Uint8Array(PAGE).fill(7) }, {}]) {
    const error = await failure('ERR_PMEM_JOURNAL', () => file.repair(pageOf(1), options));
    expect(error.ranges).toEqual([pageOf(1)]);
    expect(error.message).toContain('open it again');
  }
  expect(driver.readFile(PATH).subarray(PAGE, 2 * PAGE)).toEqual(newer);
  await file.repair(pageOf(0), { fill: 7 });
  await file.close();
}

const cases = machines.flatMap((options) => [true, false].map((copied) => ({ options, copied })));

describe.each(cases)('%o', ({ options, copied }) => {
  it.each([0, 60_000])('others rewrite the page %i ms after it was opened: no repair writes over it', async (ms) => {
    const driver = await restarted(options, copied);
    const file = await openedMeanwhile(driver);
    driver.advanceClock(ms);
    driver.overwrite(PATH, newer, PAGE);
    await expectUntouched(driver, file);
  });

  it('others rewrote the page before it was opened: it stays, and the next open() asks', async () => {
    const driver = await restarted(options, copied);
    driver.advanceClock(60_000);
    driver.overwrite(PATH, newer, PAGE);
    await expectUntouched(driver, await openedMeanwhile(driver));
    await failure('ERR_PMEM_JOURNAL', () => openIn(driver, 'later'));
    const later = await openIn(driver, 'later', { journal: 'discard' });
    expect(read(later, PAGE, PAGE)).toEqual(newer);
  });

  it('the page was not touched since: the next open() ends it', async () => {
    const driver = await restarted(options, copied);
    const file = await openedMeanwhile(driver);
    const refused: unknown = await file.repair(pageOf(1), { fill: 7 }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    await file.close();
    const later = await openIn(driver, 'later');
    if (copied) expect(read(later, 0, SIZE)).toEqual(whole);
    else await later.repair(pageOf(1), { fill: 7 });
  });
});

it.each(machines)('open() could not write the bad page, and others rewrite it: it stays: %o', async (options) => {
  const driver = await restarted(options, true);
  driver.poison(PATH, pageOf(1));
  const stop = driver.observe(failNth({ operation: 'pwrite', nth: 1, errno: Errno.EIO, persistent: true }));
  const file = await openIn(driver, 'here');
  stop();
  driver.overwrite(PATH, newer, PAGE);
  await expectUntouched(driver, file);
});

it.each(machines)('the page is bad still: a repair ends it, as ever: %o', async (options) => {
  const driver = await restarted(options, true);
  driver.poison(PATH, pageOf(1));
  const stop = driver.observe(failNth({ operation: 'pwrite', nth: 1, errno: Errno.EIO, persistent: true }));
  const file = await openIn(driver, 'here');
  stop();
  await file.repair(pageOf(1), { fill: 7 });
  expect(read(file, 0, SIZE)).toEqual(whole);
});
