/** A filesystem without any space left: what deletes give back has to come from somewhere. */
import { mockDriver } from '@safe-pmem/mock';
import { expect, test } from 'vitest';
import { PmemLevel } from '../../src/level/index.js';

const MIB = 2 ** 20;

/** Puts until the log is full and no checkpoint finds space for its pages. Returns the keys that were acknowledged. */
async function fill(db: PmemLevel, value: string): Promise<string[]> {
  const keys: string[] = [];
  for (let number = 0; ; number++) {
    const key = `key ${String(number).padStart(6, '0')}`;
    try {
      await db.put(key, value);
      keys.push(key);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_PMEM_NO_SPACE' });
      return keys;
    }
  }
}

test.each([
  [64, 3000, 'clear'],
  [64, 3000, 'del'],
  [128, 100, 'clear'],
  [128, 3000, 'del'],
] as const)('log of %d KiB, values of %d bytes: %s() makes room for writes', async (logKib, lengthBytes, way) => {
  const driver = mockDriver({ capacityBytes: MIB });
  const db = new PmemLevel('/db', { driver, logBytes: logKib * 1024 });
  await db.open();
  const keys = await fill(db, 'v'.repeat(lengthBytes));
  await expect(db.put('too much', 'v'.repeat(lengthBytes))).rejects.toMatchObject({ code: 'ERR_PMEM_NO_SPACE' });
  const [kept = '', ...others] = keys;
  if (way === 'clear') await db.clear({ gt: kept });
  else for (const key of others) await db.del(key);
  await db.checkpoint();
  await db.put('new', 'value');
  await db.close();
  const again = new PmemLevel('/db', { driver });
  expect(await again.keys().all()).toEqual([kept, 'new']);
  await again.close();
});
