/** Repairs on machines whose pages are 16 and 64 KiB: every crash, and poison with a failure and a crash after it. */
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { targets } from '../../explore/targets.js';
import { mockDriver } from '../../src/index.js';
import { shareOf } from '../share.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);

describe.each([16, 64])('pages of %i KiB', (kibibytes) => {
  it('explores a repair of two pages, of the last page, and of what a scrub finds', async () => {
    const own = targets.filter(({ name }) => name.includes(` ${kibibytes} KiB, `));
    expect(own).toHaveLength(12);
    for (const target of shareOf(own)) {
      const { states } = await target.run({ seed: SEED, limit: 8 }).catch((cause: unknown) => {
        throw new Error(target.name, { cause });
      });
      expect(states, target.name).toBeGreaterThan(5);
    }
  }, 120_000);

  it('loses one page to one poisoned sector, and names it', async () => {
    const pageBytes = kibibytes * 1024;
    const driver = mockDriver({ pageBytes });
    const file = await PmemFile.open('/pmem/data', { driver, create: true, size: 4 * pageBytes });
    file.write(new Uint8Array(4 * pageBytes).fill(7), 0);
    file.persist();
    expect(file.info().repairUnitBytes).toBe(pageBytes);
    driver.poison('/pmem/data', { offset: 2 * pageBytes + 12_288, length: 1 });
    const lost = { offset: 2 * pageBytes, length: pageBytes };
    expect(await file.badBlocks()).toEqual({ status: 'known', ranges: [lost] });
    const { units } = await file.repair({ offset: 2 * pageBytes, length: 1 }, { fill: 7 });
    expect(units.map(({ range, filled }) => ({ range, filled }))).toEqual([{ range: lost, filled: [lost] }]);
    const bytes = new Uint8Array(4 * pageBytes);
    file.read(bytes, 0);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
    await file.close();
  });
});

it('refuses pages of other sizes', () => {
  expect(() => mockDriver({ pageBytes: 8192 })).toThrow('pageBytes must be one of 4096, 16384, 65536, got 8192');
});
