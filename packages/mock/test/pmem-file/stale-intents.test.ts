/** An intent that cannot be struck from the journal would be written again after a power loss, over newer stores. */
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { OperationHook } from '../../src/index.js';
import { loseAll, mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, pageOf, PATH, read } from './opened.js';

const size = 4 * PAGE;
const bad = pageOf(1);
const newer = Uint8Array.of(91, 92);

/** From the write of a page on, the journal cannot be brought out of force. */
function refuseStrikes(): OperationHook {
  let isWritten = false;
  return ({ name, path }) => {
    isWritten ||= name === 'pwrite' && path === PATH;
    return isWritten && (name === 'writeMark' || name === 'writeJournal') ? { errno: 5 } : undefined;
  };
}

/** Stores where the repaired page is, if that is let happen. */
function storeNewer(file: PmemFile): boolean {
  try {
    file.write(newer, PAGE + 10);
    file.persist(PAGE + 10, newer.length);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_PMEM_MEDIA' });
    return false;
  }
}

describe('an intent that cannot be struck after its page was written', () => {
  it('closes the page, until the journal can be replaced: nothing newer is written over', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.poison(PATH, bad);
    const stop = driver.observe(refuseStrikes());
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { fill: 7 }));
    expect(error.message).toContain('could not be dropped from the journal');
    const isStored = storeNewer(file);
    stop();
    const machine = driver.clone();
    machine.crash(loseAll);
    const again = await PmemFile.open(PATH, { driver: machine });
    expect(read(again, PAGE + 10, 2)).toEqual(isStored ? newer : Uint8Array.of(7, 7));
    expect(isStored).toBe(false);
    await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 1));
    expect(read(file, 0, PAGE)).toEqual(content(PAGE));
    await file.repair(bad, { fill: 7 });
    expect(storeNewer(file)).toBe(true);
    driver.crash(loseAll);
    expect(read(await PmemFile.open(PATH, { driver }), PAGE + 10, 2)).toEqual(newer);
  });

  it('keeps the file from being opened: nothing newer is written over', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.poison(PATH, bad);
    const stop = driver.observe(({ name }) => {
      if (name === 'sync') driver.crash(loseAll);
      return undefined;
    });
    await expect(file.repair(bad, { fill: 7 })).rejects.toThrow();
    stop();
    const stopped = driver.observe(({ name }) => (name === 'writeMark' ? { errno: 5 } : undefined));
    await failure('ERR_PMEM_JOURNAL', async () => {
      const opened = await PmemFile.open(PATH, { driver });
      expect(storeNewer(opened)).toBe(false);
    });
    stopped();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
    expect(storeNewer(again)).toBe(true);
    driver.crash(loseAll);
    expect(read(await PmemFile.open(PATH, { driver }), PAGE + 10, 2)).toEqual(newer);
  });
});
