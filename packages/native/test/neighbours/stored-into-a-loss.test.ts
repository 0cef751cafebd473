// Processes that do not know of a loss store into it, on real files. What can be read is never written over or hidden,
// and no zero of a repair passes for data. On the mock, with every crash: packages/mock/test/pmem-file/
// stored-into-a-loss.test.ts and stored-while-rebuilding.test.ts.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { PmemFile } from '@safe-pmem/core';
import { RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { poisonableDriver } from '../../src/testing/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { Opener } from './opener.js';
import { firstByte, LOST, open, refusal, SIZE } from './planted-loss.js';

const at = LOST.offset + 100;
const record = { offset: at, length: 3 };
const fives = ({ length }: { readonly length: number }): Uint8Array => new Uint8Array(length).fill(5);

function read(file: PmemFile, offset: number, length: number): number[] {
  const bytes = new Uint8Array(length);
  file.read(bytes, offset);
  return [...bytes];
}

/** A file of ones that `there` has open, and whose page 1 went bad: a repair that had nothing to supply left zeros. */
async function lostUnknowing(): Promise<{ name: string; here: PmemFile; there: Opener }> {
  const name = path.join(scratchFolder('tmpfs'), 'file');
  writeFileSync(name, Buffer.alloc(SIZE, 1));
  const there = new Opener();
  expect(await there.call('open', name, {})).toMatchObject({ value: {} });
  const driver = poisonableDriver(nativeDriver());
  const here = await open(name, { driver });
  driver.poison(name, LOST);
  expect((await here.repair(LOST)).units).toMatchObject([{ tombstoned: [LOST] }]);
  return { name, here, there };
}

describe('a process stores into a page whose loss it does not know of', () => {
  it('the others read what it has stored, now and after a restart, and no zero beside it', async () => {
    const { name, here, there } = await lostUnknowing();
    await there.call('store', record, 7);
    const expectRecord = async (file: PmemFile): Promise<void> => {
      expect(read(file, at, 3)).toEqual([7, 7, 7]);
      const error = await refusal(() => read(file, at - 1, 5));
      expect(error.code).toBe('ERR_PMEM_LOST');
      expect(error.ranges).toEqual([{ offset: at - 1, length: 1 }, { offset: at + 3, length: 1 }]);
      expect((await file.salvage(LOST)).pieces).toMatchObject([{ offset: at }]);
    };
    await expectRecord(here);
    await here.close();
    const again = await open(name);
    await expectRecord(again);
    await again.close();
    const reader = await open(name, { readOnly: true });
    await expectRecord(reader);
    await reader.close();
  });

  it.each([{ rebuild: fives }, { fill: 9 }])('no repair writes over it unseen: %o', async (options) => {
    const { name, here, there } = await lostUnknowing();
    await there.call('store', record, 7);
    const error = await refusal(() => here.repair(LOST, options));
    expect(error).toBeInstanceOf(RepairError);
    expect(readFileSync(name).subarray(at, at + 3)).toEqual(Buffer.alloc(3, 7));
    expect(read(here, at, 3)).toEqual([7, 7, 7]);
    await here.repair(LOST, options);
    const supplied = options.fill ?? 5;
    expect(read(here, at - 1, 5)).toEqual([supplied, 7, 7, 7, supplied]);
    await here.close();
    expect(readdirSync(path.dirname(name))).toEqual(['file']);
  });

  it('and does so while rebuild is awaited: it is not written over', async () => {
    const { name, here, there } = await lostUnknowing();
    const rebuild = async (range: { readonly length: number }): Promise<Uint8Array> => {
      await there.call('store', record, 7);
      return fives(range);
    };
    expect(await refusal(() => here.repair(LOST, { rebuild }))).toBeInstanceOf(RepairError);
    expect(readFileSync(name).subarray(at, at + 3)).toEqual(Buffer.alloc(3, 7));
    expect(firstByte(here, at)).toBe(7);
    await here.close();
  });

  it('after a repair of the page was killed: all that it was told is durable can be read', async () => {
    const seed = Number(process.env.SAFE_PMEM_SEED ?? Date.now() % 1_000_000);
    console.log(`moments of kills: seed ${seed}`);
    let state = seed;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    const { name, here, there } = await lostUnknowing();
    await here.close();
    const stored = new Set<number>();
    for (let round = 0; round < 8; round++) {
      const repairer = new Opener();
      await repairer.call('open', name, {});
      const end = repairer.call('repair', LOST, 5);
      for (let turns = random(40); turns > 0; turns--) await new Promise((turn) => setTimeout(turn, 0));
      await repairer.kill();
      await end;
      for (let count = random(4); count > 0; count--) {
        const position = LOST.offset + random(PAGE);
        await there.call('store', { offset: position, length: 1 }, 7);
        stored.add(position);
      }
      const file = await open(name);
      for (const position of stored) expect(firstByte(file, position), `byte ${position}, round ${round}`).toBe(7);
      for (const { offset, bytes } of (await file.salvage(LOST)).pieces) {
        for (const [i, byte] of bytes.entries()) expect([5, 7], `byte ${offset + i}, round ${round}`).toContain(byte);
      }
      await file.close();
    }
    const file = await open(name);
    await file.repair(LOST, { fill: 9 }).catch((error: unknown) => { expect(error).toBeInstanceOf(RepairError); });
    for (const position of stored) expect(readFileSync(name)[position]).toBe(7);
    await file.close();
  });
});
