import assert from 'node:assert/strict';
import { expect, it } from 'vitest';
import { MediaError, PmemFile } from '@safe-pmem/core';
import { mockDriver } from '../src/index.js';

it('the example of the README runs', async () => {
  const driver = mockDriver({ kernel: '6.12', filesystem: 'xfs' });
  const file = await PmemFile.open('/pmem/app.db', { driver, size: 65536, create: true });
  file.write(new Uint8Array(65536).fill(7), 0);
  file.persist(0, 65536);

  driver.poison('/pmem/app.db', { offset: 8192, length: 64 });
  assert.throws(() => {
    file.read(new Uint8Array(100), 8192);
  }, MediaError);

  await file.repair([{ offset: 8192, length: 4096 }], { rebuild: (range) => new Uint8Array(range.length).fill(7) });
  const bytes = new Uint8Array(100);
  file.read(bytes, 8192);
  expect(bytes).toEqual(new Uint8Array(100).fill(7));
  expect(driver.poisoned).toEqual([]);
  await file.close();
});
