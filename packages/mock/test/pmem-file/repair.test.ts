import type { Rebuild } from '@safe-pmem/core';
import { PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, part, PATH, read } from './opened.js';

const whole = content(8 * PAGE);
const bad = { offset: 3 * PAGE, length: PAGE };
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

describe('repair, by filesystem and device', () => {
  it.each([['5.10', 'zero-range'], ['6.12', 'recovery-write']] as const)('ext4 on %s: %s, in place', async (kernel, strategy) => {
    const driver = mockDriver({ filesystem: 'ext4', kernel });
    const file = await filled(driver, 8 * PAGE);
    const before = driver.physicalOf(PATH, bad.offset);
    driver.poison(PATH, { offset: bad.offset + 700, length: 1 });
    const { units } = await file.repair(bad, { rebuild });
    expect(units).toEqual([
      { range: bad, outcome: 'cleared', strategy, attempts: [], lost: [bad], rebuilt: [bad], filled: [], tombstoned: [], released: [] },
    ]);
    expect(driver.physicalOf(PATH, bad.offset)).toBe(before);
    expect(read(file, 0, 8 * PAGE)).toEqual(whole);
    expect(driver.poisoned).toEqual([]);
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('xfs: the whole-page write, in place', async () => {
    const driver = mockDriver({ filesystem: 'xfs' });
    const file = await filled(driver, 8 * PAGE);
    const before = driver.physicalOf(PATH, bad.offset);
    driver.poison(PATH, bad);
    const { units } = await file.repair(bad, { fill: 0xaa });
    expect(units).toMatchObject([{ outcome: 'cleared', strategy: 'recovery-write', filled: [bad], released: [] }]);
    expect(driver.physicalOf(PATH, bad.offset)).toBe(before);
    expect(read(file, bad.offset, PAGE)).toEqual(new Uint8Array(PAGE).fill(0xaa));
    expect(driver.freePool.poisoned).toEqual([]);
  });

  it('xfs before 5.19: only with leave to relocate, and the receipt names the block given back', async () => {
    const driver = mockDriver({ filesystem: 'xfs', kernel: '5.10' });
    const file = await filled(driver, 8 * PAGE);
    const physical = driver.physicalOf(PATH, bad.offset) ?? -1;
    driver.poison(PATH, bad);
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { rebuild }));
    expect(driver.physicalOf(PATH, bad.offset)).toBe(physical);
    const { units } = await file.repair(bad, { rebuild, allowRelocation: true });
    expect(units).toMatchObject([
      { outcome: 'relocated', strategy: 'zero-range', released: [{ offset: physical, length: PAGE }] },
    ]);
    expect(driver.freePool.poisoned).toEqual([{ offset: physical, length: PAGE }]);
    expect(read(file, 0, 8 * PAGE)).toEqual(whole);
  });

  it.each(['ext4', 'xfs'] as const)('%s that cannot clear: every attempt is named and nothing is worse', async (filesystem) => {
    const driver = mockDriver({ filesystem, clearable: false });
    const file = await filled(driver, 8 * PAGE);
    const before = driver.physicalOf(PATH, bad.offset);
    driver.poison(PATH, bad);
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { fill: 0 }), RepairError);
    expect(error.attempts).toEqual([{ range: bad, strategy: 'recovery-write', step: 'pwrite', errno: 14 }]);
    expect(error.ranges).toEqual([bad]);
    expect(error.message).toContain(PATH);
    expect(driver.physicalOf(PATH, bad.offset)).toBe(before);
    expect(driver.freePool.poisoned).toEqual([]);
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 1));
    expect(driver.listFiles()).toEqual([PATH]);
    file.write(whole.slice(0, PAGE), 0);
    file.persist(0, PAGE);
  });

  it('a zero-range by name, refused by the write after it, closes the unit instead of showing zeros', async () => {
    const driver = mockDriver({ filesystem: 'ext4', clearable: false });
    const file = await filled(driver, 8 * PAGE);
    driver.poison(PATH, bad);
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { strategy: 'zero-range' }));
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 1));
    await failure('ERR_PMEM_MEDIA', () => { file.write(new Uint8Array(1), bad.offset); });
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_MEDIA', () => read(again, bad.offset, 1));
    expect(read(again, 0, 3 * PAGE)).toEqual(whole.slice(0, 3 * PAGE));
    await again.close();
  });

  it('a repair that fails after its zero-range keeps what was lost lost, when the next open finishes it too', async () => {
    const driver = mockDriver({ filesystem: 'ext4' });
    const file = await filled(driver, 8 * PAGE);
    driver.poison(PATH, bad);
    const stop = driver.observe(failNth({ operation: 'remap', nth: 1, errno: 12, persistent: true }));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad));
    stop();
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect((await failure('ERR_PMEM_LOST', () => read(again, bad.offset, PAGE))).ranges).toEqual([bad]);
    await again.repair(bad, { rebuild });
    expect(read(again, 0, 8 * PAGE)).toEqual(whole);
  });

  it.each(['truncate', 'sync'] as const)('a repair of the last page whose %s fails is finished by the next open', async (operation) => {
    const driver = mockDriver({ filesystem: 'xfs' });
    const size = PAGE + 1000;
    const file = await filled(driver, size);
    driver.poison(PATH, { offset: PAGE, length: 1 });
    const stop = driver.observe(failNth({ operation, nth: 1, errno: 5 }));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: PAGE, length: 1 }, { rebuild }));
    stop();
    await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 1));
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect(again.size).toBe(size);
    expect(driver.readFile(PATH)).toEqual(whole.slice(0, size));
    expect(read(again, 0, size)).toEqual(whole.slice(0, size));
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('xfs, reflinked page: moves off it, and the sharer keeps its block', async () => {
    const driver = mockDriver({ filesystem: 'xfs' });
    const file = await filled(driver, 8 * PAGE);
    driver.reflink(PATH, '/pmem/clone');
    const shared = driver.physicalOf(PATH, bad.offset);
    driver.poison(PATH, bad);
    const { units } = await file.repair(bad, { rebuild });
    expect(units).toMatchObject([{ outcome: 'relocated', strategy: 'zero-range', released: [] }]);
    expect(driver.physicalOf('/pmem/clone', bad.offset)).toBe(shared);
    expect(driver.freePool.poisoned).toEqual([]);
    expect(read(file, 0, 8 * PAGE)).toEqual(whole);
  });
});

describe('repair, what it is asked and what it says', () => {
  it('leaves healthy units alone, and is idempotent', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    driver.poison(PATH, bad);
    const asked: unknown[] = [];
    const counting = (range: { offset: number; length: number }): Uint8Array => {
      asked.push(range);
      return rebuild(range);
    };
    const first = await file.repair({ offset: 0, length: 8 * PAGE }, { rebuild: counting });
    expect(first.units.map((unit) => [unit.range.offset / PAGE, unit.range.length / PAGE, unit.outcome])).toEqual([
      [0, 3, 'healthy'], [3, 1, 'cleared'], [4, 4, 'healthy'],
    ]);
    const second = await file.repair([bad, bad], { rebuild: counting });
    expect(second.units).toMatchObject([{ range: bad, outcome: 'healthy', strategy: undefined }]);
    expect(asked).toEqual([bad]);
  });

  it('asks once for adjacent units, for exactly the lost bytes, and clips at the end of the file', async () => {
    const driver = mockDriver();
    const size = 5 * PAGE + 100;
    const file = await filled(driver, size);
    driver.poison(PATH, { offset: PAGE, length: 2 * PAGE });
    driver.poison(PATH, { offset: 5 * PAGE, length: 1 });
    const asked: unknown[] = [];
    await file.repair({ offset: PAGE, length: size - PAGE }, {
      rebuild: (range) => {
        asked.push(range);
        return Promise.resolve(part(content(size), range));
      },
    });
    expect(asked).toEqual([{ offset: PAGE, length: 2 * PAGE }, { offset: 5 * PAGE, length: 100 }]);
    expect(read(file, 0, size)).toEqual(content(size));
    expect(driver.readFile(PATH).byteLength).toBe(size);
  });

  it.each(['ext4', 'xfs'] as const)('%s: repairs the end-of-file page and keeps the size', async (filesystem) => {
    for (const strategy of ['auto', 'recovery-write', 'zero-range'] as const) {
      const driver = mockDriver({ filesystem });
      const size = 2 * PAGE + 123;
      const file = await filled(driver, size);
      driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
      await file.repair({ offset: size - 1, length: 1 }, { strategy, rebuild: (range) => part(content(size), range) });
      expect(driver.readFile(PATH), strategy).toEqual(content(size));
      await file.resize(4 * PAGE);
      expect(read(file, size, 4 * PAGE - size)).toEqual(new Uint8Array(4 * PAGE - size));
    }
  });

  const broken: [string, Rebuild][] = [
    ['throws', () => { throw new Error('replica is down'); }],
    ['rejects', () => Promise.reject(new Error('replica is down'))],
    ['returns too little', () => new Uint8Array(PAGE - 1)],
    ['returns too much', () => new Uint8Array(PAGE + 1)],
    ['returns no bytes', () => 'bytes' as never],
  ];
  it.each(broken)('a rebuild that %s leaves the unit untouched', async (_, rebuildBadly) => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    driver.poison(PATH, bad);
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { rebuild: rebuildBadly }));
    expect(error.ranges).toEqual([bad]);
    expect(driver.poisoned).toHaveLength(1);
    expect(driver.listFiles()).toEqual([PATH]);
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 1));
    await file.repair(bad, { rebuild });
    expect(read(file, 0, 8 * PAGE)).toEqual(whole);
  });

  it('a second poison in the source of the rebuild surfaces as the cause', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    driver.writeFile('/pmem/mirror', whole);
    const mirror = await PmemFile.open('/pmem/mirror', { driver });
    driver.poison(PATH, bad);
    driver.poison('/pmem/mirror', bad);
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () =>
      file.repair(bad, { rebuild: ({ offset, length }) => read(mirror, offset, length) }),
    );
    expect(error.cause).toMatchObject({ code: 'ERR_PMEM_MEDIA', ranges: [bad] });
  });

  it('a repair from inside rebuild of the same file is refused, not deadlocked; others queue', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    driver.poison(PATH, bad);
    driver.poison(PATH, { offset: 0, length: 1 });
    const [first, second] = await Promise.all([
      file.repair(bad, {
        rebuild: async (range) => {
          await failure('ERR_PMEM_LOCKED', () => file.repair({ offset: 0, length: 1 }, { rebuild }));
          return part(whole, range);
        },
      }),
      file.repair({ offset: 0, length: 1 }, { rebuild }),
    ]);
    expect([first.units[0]?.outcome, second.units[0]?.outcome]).toEqual(['cleared', 'cleared']);
    expect(read(file, 0, 8 * PAGE)).toEqual(whole);
  });

  it('so is one after the repair of another file in there has ended', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    driver.writeFile('/pmem/other', whole);
    const other = await PmemFile.open('/pmem/other', { driver });
    driver.poison(PATH, bad);
    driver.poison('/pmem/other', bad);
    await file.repair(bad, {
      rebuild: async (range) => {
        await other.repair(bad, { rebuild });
        await failure('ERR_PMEM_LOCKED', () => file.repair({ offset: 0, length: 1 }, { rebuild }));
        return part(whole, range);
      },
    });
    expect(read(file, 0, 8 * PAGE)).toEqual(whole);
  });

  it('what rebuild has left running may repair the file once the repair is over', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    driver.poison(PATH, bad);
    driver.poison(PATH, { offset: 0, length: 1 });
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => { end = resolve; });
    let later: Promise<unknown> | undefined;
    await file.repair(bad, {
      rebuild: (range) => {
        later = over.then(() => file.repair({ offset: 0, length: 1 }, { rebuild }));
        return part(whole, range);
      },
    });
    end();
    await later;
    expect(read(file, 0, 8 * PAGE)).toEqual(whole);
  });

  it('while it waits for rebuild, its units refuse stores, others take them, and the file cannot be resized', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    driver.poison(PATH, bad);
    await file.repair(bad, {
      rebuild: async (range) => {
        await failure('ERR_PMEM_LOCKED', () => { file.write(new Uint8Array(1), bad.offset + 5); });
        await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 1));
        await failure('ERR_PMEM_LOCKED', () => file.resize(PAGE));
        file.write(Uint8Array.of(77), 0);
        return part(whole, range);
      },
    });
    expect(read(file, 0, 1)).toEqual(Uint8Array.of(77));
    expect(read(file, bad.offset, PAGE)).toEqual(part(whole, bad));
  });

  it('a healthy page that it was asked for refuses stores too, until it is done', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    driver.poison(PATH, bad);
    await file.repair({ offset: bad.offset - PAGE, length: 2 * PAGE }, {
      rebuild: async (range) => {
        await failure('ERR_PMEM_LOCKED', () => { file.write(new Uint8Array(1), bad.offset - 1); });
        return part(whole, range);
      },
    });
    file.write(Uint8Array.of(77), bad.offset - 1);
    expect(read(file, bad.offset - 1, 1)).toEqual(Uint8Array.of(77));
  });

  it('another open file of the same path waits its turn', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    const other = await PmemFile.open(PATH, { driver });
    driver.poison(PATH, bad);
    await file.repair(bad, {
      rebuild: async (range) => {
        await failure('ERR_PMEM_LOCKED', () => other.repair(bad, { fill: 0 }));
        return part(whole, range);
      },
    });
    await other.badBlocks();
    expect(read(other, bad.offset, PAGE)).toEqual(part(whole, bad));
  });

  it('a page listed bad but still mapped from before gives its bytes to the repair', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 8 * PAGE);
    read(file, 0, 8 * PAGE);
    driver.poison(PATH, bad, { keepMapped: true });
    const { units } = await file.repair(bad);
    expect(units).toMatchObject([{ outcome: 'cleared', lost: [], tombstoned: [] }]);
    expect(read(file, 0, 8 * PAGE)).toEqual(whole);
  });

  it('poison that returns during the repair is noticed: verification reads through a fresh mapping', async () => {
    const driver = mockDriver({ filesystem: 'xfs' });
    const file = await filled(driver, 8 * PAGE);
    driver.poison(PATH, bad);
    const stop = driver.observe((operation) => {
      if (operation.name === 'sync') driver.poison(PATH, { offset: bad.offset, length: 1 });
      return undefined;
    });
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { rebuild }), RepairError);
    expect(error.attempts).toMatchObject([{ strategy: 'recovery-write', step: 'verify' }]);
    stop();
    await file.repair(bad, { rebuild });
    expect(read(file, 0, 8 * PAGE)).toEqual(whole);
  });
});
