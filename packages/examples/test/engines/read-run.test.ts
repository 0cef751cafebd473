/** Pages that are read together, of which some are bad, lost or cut off. */
import { describe, expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import type { MockDriver } from '@safe-pmem/mock';
import { mockDriver } from '@safe-pmem/mock';
import { readRun } from '../../src/page-files/read-run.js';

const PAGE = 4096;
const PATH = '/pmem0/file';
const PAGES = 16;

function pageOf(page: number): Uint8Array {
  return new Uint8Array(PAGE).fill(page + 1);
}

async function opened(driver: MockDriver): Promise<PmemFile> {
  driver.writeFile(PATH, Buffer.concat(Array.from({ length: PAGES }, (_, page) => pageOf(page))));
  return PmemFile.open(PATH, { driver });
}

function poison(driver: MockDriver, page: number): void {
  driver.poison(PATH, { offset: page * PAGE, length: PAGE });
}

/** Reads pages 2 … 13; by page, the codes of those that are not there. All others must hold what was stored. */
function codesOf(file: PmemFile): Record<number, string> {
  const first = 2;
  const target = new Uint8Array(12 * PAGE);
  const errors = readRun(file, first * PAGE, target);
  for (let i = 0; i < 12; i++) {
    if (errors.has(i)) continue;
    expect(Buffer.compare(target.subarray(i * PAGE, (i + 1) * PAGE), pageOf(first + i))).toBe(0);
  }
  return Object.fromEntries([...errors].map(([i, { code }]) => [first + i, code]));
}

describe('a run of pages', () => {
  test('that is healthy is one call of the driver', async () => {
    const driver = mockDriver();
    const file = await opened(driver);
    let reads = 0;
    driver.observe(({ name }) => {
      if (name === 'read') reads++;
      return undefined;
    });
    expect(codesOf(file)).toEqual({});
    expect(reads).toBe(1);
  });

  test.each([['latent'], ['listed']])('of which some are bad, %s, names exactly those', async (kind) => {
    const driver = mockDriver();
    const file = await opened(driver);
    for (const page of [1, 2, 5, 7, 8, 13, 14]) poison(driver, page);
    if (kind === 'listed') await file.badBlocks();
    const bad = Object.fromEntries([2, 5, 7, 8, 13].map((page) => [page, 'ERR_PMEM_MEDIA']));
    expect(codesOf(file)).toEqual(bad);
  });

  test('tells what a repair could not bring back from what is bad, and both from what is cut off', async () => {
    const driver = mockDriver();
    const file = await opened(driver);
    for (const page of [4, 6]) poison(driver, page);
    await file.repair([{ offset: 4 * PAGE, length: PAGE }]);
    driver.truncate(PATH, 11 * PAGE);
    expect(codesOf(file)).toEqual({
      4: 'ERR_PMEM_LOST',
      6: 'ERR_PMEM_MEDIA',
      11: 'ERR_PMEM_TRUNCATED',
      12: 'ERR_PMEM_TRUNCATED',
      13: 'ERR_PMEM_TRUNCATED',
    });
  });

  test('of a closed file is not damage', async () => {
    const file = await opened(mockDriver());
    await file.close();
    const code = 'ERR_PMEM_CLOSED';
    expect(() => readRun(file, 0, new Uint8Array(2 * PAGE))).toThrow(expect.objectContaining({ code }));
  });
});
