/**
 * A unit of several pages, one of which the kernel holds back after a machine check while another is on its list: the
 * one that is held back decides what may be tried, wherever in the unit it lies.
 */
import type { Driver } from '@safe-pmem/core';
import { Errno, PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { changing, content, failure, PAGE, pageOf, PATH, read } from './opened.js';

const UNIT_PAGES = 4;
const sizeBytes = 4 * UNIT_PAGES * PAGE;
const unit = { offset: UNIT_PAGES * PAGE, length: UNIT_PAGES * PAGE };

/** A driver for files whose blocks have several pages, on the machine `driver`. */
function ofLargeBlocks(driver: ReturnType<typeof mockDriver>): Driver {
  return changing(driver, (file) => {
    Object.defineProperty(file, 'facts', { value: { ...file.facts, blockBytes: UNIT_PAGES * PAGE } });
  });
}

describe.each([[4, 6], [6, 4]])('page %i of a unit is held back and page %i is listed', (held, listed) => {
  async function consumed(): Promise<{ readonly driver: ReturnType<typeof mockDriver>; readonly file: PmemFile }> {
    const driver = mockDriver({ listsConsumedErrors: false });
    const file = await PmemFile.open(PATH, { driver: ofLargeBlocks(driver), create: true, size: sizeBytes });
    file.write(content(sizeBytes), 0);
    file.persist();
    driver.poison(PATH, pageOf(held), { latent: true });
    await failure('ERR_PMEM_MEDIA', () => read(file, held * PAGE, 1));
    driver.poison(PATH, pageOf(listed));
    return { driver, file };
  }

  it('zero-range is not tried, not even by name: the write after it would take the machine down', async () => {
    const { file } = await consumed();
    const request = { fill: 1, strategy: 'zero-range' } as const;
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(unit, request), RepairError);
    expect([error.ranges, error.attempts]).toEqual([[unit], []]);
  });

  it('a refused write changes nothing, and the repair works once root has listed the page', async () => {
    const { driver, file } = await consumed();
    const request = { fill: 1, allowRelocation: true };
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(unit, request), RepairError);
    const errno = held < listed ? Errno.EFAULT : Errno.EIO;
    expect(error.attempts).toMatchObject([{ strategy: 'recovery-write', errno }]);
    driver.poison(PATH, pageOf(held));
    const { units } = await file.repair(unit, { fill: 1 });
    expect(units.map(({ outcome }) => outcome)).toEqual(['cleared']);
    const expected = content(sizeBytes);
    for (const page of [held, listed]) expected.fill(1, page * PAGE, (page + 1) * PAGE);
    expect(read(file, 0, sizeBytes)).toEqual(expected);
  });
});
