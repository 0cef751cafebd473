/** A log never stores into a hole, and what it does when it is too small: decision 7. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import type { ReplayItem } from '../../src/wal/index.js';
import { Wal } from '../../src/wal/index.js';
import { LogMachine, PAGE, accountFor, commitRecords, itemsOf, payloadOf } from './log-machine.js';

const PAGES = 64;

describe('a new log', () => {
  test('has a block for every page, though its file was sparse', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'safe-pmem-wal-'));
    try {
      const path = join(directory, 'log');
      const file = await PmemFile.open(path, { driver: nativeDriver(), create: true, size: PAGES * PAGE });
      expect(statSync(path).blocks).toBe(0);
      await Wal.open({ file, create: true });
      expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(PAGES * PAGE);
      await file.close();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('that the filesystem has no room for is refused at once, and is no log afterwards', async () => {
    const driver = mockDriver({ capacityBytes: (PAGES / 2) * PAGE });
    const file = await PmemFile.open('/pmem0/log', { driver, create: true, size: PAGES * PAGE });
    await expect(Wal.open({ file, create: true })).rejects.toMatchObject({ code: 'ERR_PMEM_NO_SPACE' });
    await expect(Wal.open({ file })).rejects.toMatchObject({ code: 'ERR_WAL_NOT_FORMATTED' });
  });

  test('is made although a page is poisoned, and repair() empties that page', async () => {
    const machine = new LogMachine({ pages: 8, filesystem: 'ext4' });
    machine.poison('log', 3);
    await expect(machine.open({ create: true })).rejects.toMatchObject({ code: 'ERR_WAL_FOREIGN' });
    const file = await machine.openFile('log');
    await file.repair({ offset: 3 * PAGE, length: PAGE }, { fill: 0 });
    const wal = await machine.open({ create: true });
    expect(wal.lastSequence).toBe(0);
  });
});

describe('a log that has become too small', () => {
  test('ends where a larger one carries on, and both are replayed as one', async () => {
    const small = new LogMachine({ pages: 4 });
    const first = await small.open({ create: true });
    const records = commitRecords(first, [1000, 1000, 1000]);
    const large = new LogMachine({ pages: 32 });
    const second = await large.open({ create: true, firstSequence: first.nextSequence ?? 1 });
    expect([second.firstSequence, second.lastSequence, second.nextSequence]).toEqual([4, 3, 4]);
    records.set(second.append(payloadOf(4, 20_000)), payloadOf(4, 20_000));
    second.commit();
    const items: ReplayItem[] = [...(await itemsOf(first)), ...(await itemsOf(await large.open()))];
    expect(items.map((item) => item.type === 'record' && item.sequence)).toEqual([1, 2, 3, 4]);
    expect((await accountFor(await large.open(), records)).returned).toEqual([4]);
  });

  test('has a first number of its own only when it is new', async () => {
    const machine = new LogMachine({ pages: 8 });
    commitRecords(await machine.open({ create: true }), [5]);
    expect((await machine.open({ create: true, firstSequence: 900 })).lastSequence).toBe(1);
    for (const firstSequence of [0, 1.5, -3]) await expect(machine.open({ firstSequence })).rejects.toThrow(RangeError);
  });
});
