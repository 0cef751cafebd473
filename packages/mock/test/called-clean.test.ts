/**
 * A flush through the page cache that fails: the kernel calls the pages clean. A later flush succeeds, and writes
 * nothing of them (fsync(2); mm/page-writeback.c). What is stored again is written again.
 */
import { type CompleteFile, completeFile, Errno } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, loseAll } from '../src/index.js';
import { expectBytes, PAGE, PATH, pattern, scenario } from './scenario.js';

const FLUSHES = {
  persist: (file: CompleteFile) => Promise.resolve(file.persist(0, 2 * PAGE)),
  sync: (file: CompleteFile) => file.sync(),
};

describe.each(['persist', 'sync'] as const)('%s that fails', (name) => {
  async function afterFailure(dax: boolean) {
    const { driver, file, bytes } = await scenario({ poisonBytes: 0, dax });
    const stop = driver.observe(failNth({ operation: name, nth: 1, errno: Errno.EIO }));
    file.write(pattern(2 * PAGE, 2), 0);
    expect(await FLUSHES[name](file)).toMatchObject({ errno: Errno.EIO });
    stop();
    return { driver, file, bytes };
  }

  it('is not made up for by the next flush, of whichever kind', async () => {
    const { driver, file, bytes } = await afterFailure(false);
    // Core throws for these bytes until they are stored again; the kernel says nothing any more.
    for (const flush of Object.values(FLUSHES)) expect(await flush(file)).toBeUndefined();
    driver.crash(loseAll);
    expectBytes(driver.readFile(PATH), bytes);
  });

  it('is made up for page by page, by what is stored again', async () => {
    const { driver, file, bytes } = await afterFailure(false);
    file.write(pattern(1, 3), PAGE + 100);
    for (const flush of Object.values(FLUSHES)) expect(await flush(file)).toBeUndefined();
    driver.crash(loseAll);
    const expected = Uint8Array.from(bytes);
    expected.set(pattern(2 * PAGE, 2).subarray(PAGE), PAGE);
    expected.set(pattern(1, 3), PAGE + 100);
    expectBytes(driver.readFile(PATH), expected);
  });

  it('of cache lines leaves them as they are: the next flush writes them', async () => {
    const { driver, file, bytes } = await afterFailure(true);
    for (const flush of Object.values(FLUSHES)) expect(await flush(file)).toBeUndefined();
    driver.crash(loseAll);
    const expected = Uint8Array.from(bytes);
    expected.set(pattern(2 * PAGE, 2), 0);
    expectBytes(driver.readFile(PATH), expected);
  });

  it('because the file is closed leaves its pages as they are: another opener flushes them', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0, dax: false });
    const request = { readOnly: false, create: false, sizeBytes: undefined, preallocate: false };
    const outcome = await driver.open(PATH, request);
    if ('failure' in outcome) throw new Error('the file cannot be opened');
    file.write(pattern(2 * PAGE, 2), 0);
    await file.close();
    expect(await FLUSHES[name](file)).toMatchObject({ errno: Errno.EBADF });
    expect(await FLUSHES[name](completeFile(outcome.file))).toBeUndefined();
    driver.crash(loseAll);
    expectBytes(driver.readFile(PATH).subarray(0, 2 * PAGE), pattern(2 * PAGE, 2));
  });
});
