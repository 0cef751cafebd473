// Other processes cut a file off where bytes of it are lost. What it has there when it grows again was never lost.
// On the mock, with every crash: packages/mock/test/pmem-file/cut-off-losses.test.ts.
import { appendFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { poisonableDriver } from '../../src/testing/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { firstByte, LOST, open, refusal, SIZE } from './planted-loss.js';

/** A file of ones whose page 1 is lost. */
async function lost(): Promise<{ name: string; file: PmemFile }> {
  const name = path.join(scratchFolder('tmpfs'), 'file');
  writeFileSync(name, Buffer.alloc(SIZE, 1));
  const driver = poisonableDriver(nativeDriver());
  const file = await open(name, { driver });
  driver.poison(name, LOST);
  await file.repair(LOST);
  return { name, file };
}

describe('lost bytes that another process has cut off', () => {
  it('are zeros and no loss once resize() has made the file longer again, also after a restart', async () => {
    const { name, file } = await lost();
    truncateSync(name, 0);
    await file.resize(SIZE);
    expect(firstByte(file, LOST.offset)).toBe(0);
    await file.close();
    const again = await open(name);
    expect((await again.salvage()).gaps).toEqual([]);
    expect(readdirSync(path.dirname(name))).toEqual(['file']);
  });

  it('are no loss in a file that was opened after the cut, if others make it longer', async () => {
    const { name, file } = await lost();
    await file.close();
    truncateSync(name, PAGE / 2);
    await (await open(name)).close();
    appendFileSync(name, Buffer.alloc(SIZE));
    expect((await (await open(name)).salvage()).gaps).toEqual([]);
  });

  it('a loss behind what an opener has mapped stays one if its resize() leaves the file longer', async () => {
    const { name, file } = await lost();
    await file.close();
    truncateSync(name, PAGE / 2);
    const early = await open(name);
    appendFileSync(name, Buffer.alloc(SIZE, 1));
    const driver = poisonableDriver(nativeDriver());
    const other = await open(name, { driver });
    driver.poison(name, LOST);
    await other.repair(LOST);
    await early.resize(PAGE);
    expect(statSync(name).size).toBe(PAGE / 2 + SIZE);
    expect(await refusal(() => firstByte(other, LOST.offset))).toMatchObject({ code: 'ERR_PMEM_LOST' });
    await other.close();
    const later = await open(name);
    expect(await refusal(() => firstByte(later, LOST.offset))).toMatchObject({ code: 'ERR_PMEM_LOST' });
  });
});
