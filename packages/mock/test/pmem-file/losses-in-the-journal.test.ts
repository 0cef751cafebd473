import { Errno, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, loseAll, mockDriver } from '../../src/index.js';
import { JOURNAL, rebuild, size, whole, withLoss } from './journalled.js';
import { failure, filled, openIn, PAGE, PATH, read } from './opened.js';

describe('a loss in the journal', () => {
  it('a loss shrinks byte by byte, and survives in part', async () => {
    const driver = await withLoss();
    const file = await PmemFile.open(PATH, { driver });
    file.write(new Uint8Array(10).fill(1), PAGE + 20);
    file.persist(PAGE + 20, 10);
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE + 20, 10)).toEqual(new Uint8Array(10).fill(1));
    const error = await failure('ERR_PMEM_LOST', () => read(again, PAGE, PAGE));
    expect(error.ranges).toEqual([{ offset: PAGE, length: 20 }, { offset: PAGE + 30, length: PAGE - 30 }]);
  });

  it('what was stored over a loss and persisted is asked for in the journal no more', async () => {
    const driver = await withLoss();
    const file = await PmemFile.open(PATH, { driver });
    file.write(new Uint8Array(10).fill(1), PAGE + 20);
    file.persist(PAGE + 20, 10);
    const calls: string[] = [];
    driver.observe(({ name }) => {
      calls.push(name);
      return undefined;
    });
    file.persist(PAGE + 20, 10);
    expect(calls.filter((name) => /journal|mark|lock/i.test(name))).toEqual([]);
  });

  it('what another process has stored over a loss and persisted is no concern of a later persist', async () => {
    const driver = await withLoss();
    const [file, other] = [await openIn(driver, 'here'), await openIn(driver, 'other')];
    for (const writer of [file, other]) writer.write(new Uint8Array(PAGE).fill(1), PAGE);
    other.persist(PAGE, PAGE);
    await file.repair({ offset: 0, length: PAGE });
    const calls: string[] = [];
    driver.observe(({ name, process }) => {
      if (process === 'here') calls.push(name);
      return undefined;
    });
    file.persist(PAGE, PAGE);
    expect(calls.filter((name) => /journal|mark|lock/i.test(name))).toEqual([]);
  });

  it('a store that poison refused leaves the loss under it', async () => {
    const driver = await withLoss();
    driver.poison(PATH, { offset: PAGE, length: PAGE });
    const file = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_MEDIA', () => { file.write(new Uint8Array(2 * PAGE).fill(1), PAGE / 2); });
    await failure('ERR_PMEM_MEDIA', () => { file.persist(); });
    await file.repair({ offset: PAGE, length: PAGE });
    const error = await failure('ERR_PMEM_LOST', () => read(file, 0, 2 * PAGE));
    expect(error.ranges).toEqual([{ offset: PAGE, length: PAGE }]);
    expect(read(file, PAGE / 2, PAGE / 2)).toEqual(new Uint8Array(PAGE / 2).fill(1));
    await file.close();
    await failure('ERR_PMEM_LOST', async () => read(await PmemFile.open(PATH, { driver }), PAGE, 1));
  });

  it('a store over lost bytes that power loss undid leaves them lost', async () => {
    const driver = await withLoss();
    const file = await PmemFile.open(PATH, { driver });
    file.write(new Uint8Array(PAGE).fill(1), PAGE);
    expect(read(file, PAGE, 1)).toEqual(Uint8Array.of(1));
    driver.crash(loseAll);
    const again = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_LOST', () => read(again, PAGE, 1));
  });

  it('a repair keeps the losses that another process has recorded since this one opened the file', async () => {
    const driver = mockDriver();
    await (await filled(driver, size)).close();
    const [early, other] = [await PmemFile.open(PATH, { driver }), await PmemFile.open(PATH, { driver })];
    for (const page of [1, 2]) driver.poison(PATH, { offset: page * PAGE, length: PAGE });
    await other.repair({ offset: PAGE, length: PAGE });
    await early.repair({ offset: 2 * PAGE, length: PAGE }, { rebuild });
    await failure('ERR_PMEM_LOST', () => read(early, PAGE, 1));
    for (const file of [early, other]) await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect((await failure('ERR_PMEM_LOST', () => read(again, 0, size))).ranges).toEqual([{ offset: PAGE, length: PAGE }]);
  });

  it('persistAsync() forgets losses that were written over as persist() does', async () => {
    const driver = await withLoss();
    const file = await PmemFile.open(PATH, { driver });
    const stored = new Uint8Array(PAGE).fill(1);
    file.write(stored, PAGE);
    await file.persistAsync();
    expect(driver.listFiles()).toEqual([PATH]);
    driver.crash(loseAll);
    expect(read(await PmemFile.open(PATH, { driver }), PAGE, PAGE)).toEqual(stored);
  });

  it('a journal that cannot be replaced makes persist() throw, and the next one does it', async () => {
    const driver = await withLoss();
    const file = await PmemFile.open(PATH, { driver });
    const stored = new Uint8Array(PAGE).fill(1);
    file.write(stored, PAGE);
    driver.observe(failNth({ operation: ['writeJournal', 'removeJournal'], nth: 1, errno: Errno.EIO }));
    await failure('ERR_PMEM_JOURNAL', () => { file.persist(); });
    expect(read(file, PAGE, PAGE)).toEqual(stored);
    expect(driver.listFiles()).toContain(JOURNAL);
    file.persist();
    expect(read(file, PAGE, PAGE)).toEqual(stored);
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('persistRanges() forgets those of the ranges before one that others have cut off', async () => {
    const driver = await withLoss({ dax: false });
    const file = await PmemFile.open(PATH, { driver });
    // Zeros among them: other bytes in a loss are data in any case.
    const stored = new Uint8Array(PAGE).fill(1, 100);
    file.write(stored, PAGE);
    driver.truncate(PATH, 2 * PAGE);
    const ranges = [PAGE, 2 * PAGE].map((offset) => ({ offset, length: PAGE }));
    const error = await failure('ERR_PMEM_TRUNCATED', () => { file.persistRanges(ranges); });
    expect(error.ranges).toEqual(ranges.slice(1));
    driver.crash(loseAll);
    expect(read(await PmemFile.open(PATH, { driver }), PAGE, PAGE)).toEqual(stored);
  });

  it('close() keeps stores over lost bytes', async () => {
    const driver = await withLoss();
    const file = await PmemFile.open(PATH, { driver });
    file.write(new Uint8Array(PAGE).fill(1), PAGE);
    await file.close();
    driver.crash(loseAll);
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(1));
  });

  it('a repair of tombstoned bytes puts the rebuilt ones there', async () => {
    const driver = await withLoss();
    const file = await PmemFile.open(PATH, { driver });
    const { units } = await file.repair({ offset: PAGE, length: PAGE }, { rebuild });
    expect(units).toMatchObject([{ lost: [{ offset: PAGE, length: PAGE }], rebuilt: [{ offset: PAGE, length: PAGE }] }]);
    expect(read(file, 0, size)).toEqual(whole);
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('read-only open honours losses and changes nothing', async () => {
    const driver = await withLoss();
    const before = driver.readFile(JOURNAL);
    const reader = await PmemFile.open(PATH, { driver, readOnly: true });
    await failure('ERR_PMEM_LOST', () => read(reader, PAGE, 1));
    await reader.close();
    expect(driver.readFile(JOURNAL)).toEqual(before);
  });

  it('resize forgets losses past the new end', async () => {
    const driver = await withLoss();
    const file = await PmemFile.open(PATH, { driver });
    await file.resize(PAGE + 8);
    expect((await failure('ERR_PMEM_LOST', () => read(file, PAGE, 8))).ranges).toEqual([{ offset: PAGE, length: 8 }]);
    await file.resize(PAGE);
    expect(driver.listFiles()).toEqual([PATH]);
    await file.resize(size);
    expect(read(file, PAGE, PAGE)).toEqual(new Uint8Array(PAGE));
  });
});
