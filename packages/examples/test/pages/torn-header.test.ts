// Power fails while a store is made. Any words of its headers may be what is left, and the next open() makes it.
import { describe, expect, it } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { everyCrash, type MockDriver, mockDriver } from '@safe-pmem/mock';
import { encodeBegunPage, encodeHeaderPage, isBegunHeader } from '../../src/pages/header-page.js';
import { PageStore } from '../../src/pages/index.js';
import { sizeOf } from '../share.js';

const PAGE = 4096;
const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
/** More than there are states. */
const LIMIT = sizeOf({ whole: 1000, share: 200 });
const sizes = { file: 3 * PAGE, mirror: 3 * PAGE, log: 12 * PAGE, logMirror: 12 * PAGE };

async function open(driver: MockDriver): Promise<PageStore> {
  const opened = Object.entries(sizes).map(async ([role, size]) => {
    return [role, await PmemFile.open(`/pmem0/${role}`, { driver, create: true, size })] as const;
  });
  const files = Object.fromEntries(await Promise.all(opened)) as unknown as Record<keyof typeof sizes, PmemFile>;
  return PageStore.open({ ...files, create: true });
}

it('a store whose making was cut off at any moment is made by the next open()', async () => {
  const report = await everyCrash({
    prep: () => Promise.resolve({ driver: mockDriver({ capacityBytes: 256 * PAGE }) }),
    body: async ({ driver }) => { await open(driver); },
    check: async ({ driver }, { crashed }) => {
      if (!crashed) driver.crash('keep-all');
      const store = await open(driver);
      await store.put(Buffer.from('key'), Buffer.from('value'));
      expect(store.get(Buffer.from('key'))).toEqual(Buffer.from('value'));
    },
  }, { seed: SEED, limit: LIMIT });
  expect(report.states).toBeGreaterThan(LIMIT / 2);
});

describe('the page of a header that was cut off', () => {
  const whole = encodeHeaderPage({ storeId: 3n, fileId: 5n, inForce: 1, attempts: 0 });

  it('is told by its marker, whichever other words are there', () => {
    for (let kept = 0; kept < 2 ** 6; kept++) {
      const page = encodeBegunPage();
      for (let word = 0; word < 6; word++) {
        if ((kept & (1 << word)) !== 0) whole.copy(page, 8 * word, 8 * word, 8 * word + 8);
      }
      expect(isBegunHeader(page)).toBe(true);
    }
  });

  it('is not the page of another program: without the marker, or with bytes behind the header', () => {
    expect(isBegunHeader(Buffer.alloc(PAGE))).toBe(false);
    expect(isBegunHeader(Buffer.from(whole).fill(0, 8, 16))).toBe(false);
    expect(isBegunHeader(Buffer.from(whole).fill(1, 100, 101))).toBe(false);
  });
});
