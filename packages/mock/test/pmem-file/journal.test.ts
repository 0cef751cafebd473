import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, keepAll, mockDriver, SimulatedCrash } from '../../src/index.js';
import { besideARepair, finishRepair, JOURNAL, rebuild, size, whole, withLoss } from './journalled.js';
import { failure, filled, PAGE, part, PATH, read } from './opened.js';

describe('the journal file', () => {
  it('is there exactly while something is pending', async () => {
    const driver = await withLoss();
    expect(driver.listFiles()).toEqual([PATH, JOURNAL]);
    const file = await PmemFile.open(PATH, { driver });
    file.write(new Uint8Array(PAGE).fill(9), PAGE);
    expect(driver.listFiles()).toEqual([PATH, JOURNAL]);
    file.persist(PAGE, PAGE - 1);
    expect(driver.listFiles()).toEqual([PATH, JOURNAL]);
    file.persist(2 * PAGE - 1, 1);
    expect(driver.listFiles()).toEqual([PATH]);
  });

  const damages: [string, (journal: Uint8Array) => Uint8Array][] = [
    ['empty', () => new Uint8Array(0)],
    ['cut off', (journal) => journal.subarray(0, journal.byteLength - 1)],
    ['changed', (journal) => journal.map((byte, i) => (i === 50 ? byte ^ 1 : byte))],
    ['of a foreign version', (journal) => journal.map((byte, i) => (i === 8 ? 9 : byte))],
    ['something else', () => new TextEncoder().encode('not a journal at all, but long enough to look like one, perhaps: '.repeat(3))],
  ];
  it.each(damages)('%s: open refuses with the path, changes nothing, and discards only when told to', async (name, damage) => {
    const driver = await withLoss();
    driver.writeFile(JOURNAL, damage(driver.readFile(JOURNAL)));
    const before = driver.readFile(JOURNAL);
    const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver }));
    expect(error.message).toContain(JOURNAL);
    expect(driver.readFile(JOURNAL)).toEqual(before);
    const file = await PmemFile.open(PATH, { driver, journal: 'discard' });
    // Only what is a journal is deleted.
    const isJournal = name !== 'empty' && name !== 'something else';
    expect(driver.listFiles()).toEqual(isJournal ? [PATH] : [PATH, JOURNAL]);
    expect(read(file, 0, PAGE)).toEqual(whole.slice(0, PAGE));
    await file.close();
  });

  it('of another file that had this name: a new file is not hindered, and the journal is left alone', async () => {
    const driver = await withLoss();
    const foreign = driver.readFile(JOURNAL);
    driver.unlink(PATH);
    driver.writeFile(PATH, whole);
    const file = await PmemFile.open(PATH, { driver });
    expect(read(file, 0, size)).toEqual(whole);
    driver.poison(PATH, { offset: 0, length: PAGE });
    await file.repair({ offset: 0, length: PAGE });
    await file.close();
    expect(driver.readFile(JOURNAL)).toEqual(foreign);
    await failure('ERR_PMEM_LOST', async () => read(await PmemFile.open(PATH, { driver }), 0, 1));
    driver.unlink(PATH);
    const created = await PmemFile.open(PATH, { driver, create: true, size });
    expect(read(created, PAGE, 4)).toEqual(new Uint8Array(4));
    expect(driver.readFile(JOURNAL)).toEqual(foreign);
  });

  it('that cannot be written stops the repair before anything is touched', async () => {
    for (const errno of [28, 13, 5]) {
      const driver = mockDriver();
      const file = await filled(driver, size);
      driver.poison(PATH, { offset: PAGE, length: 1 });
      driver.observe(failNth({ operation: 'writeJournal', nth: 1, errno }));
      const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: PAGE, length: 1 }, { rebuild }));
      expect(error.cause).toMatchObject({ cause: { syscall: expect.any(String) as string } });
      expect(driver.poisoned).toHaveLength(1);
      await file.repair({ offset: PAGE, length: 1 }, { rebuild });
      expect(read(file, 0, size)).toEqual(whole);
    }
  });

  it('of a last page that is poisoned again after the crash is finished all the same', async () => {
    const driver = mockDriver({ filesystem: 'xfs' });
    const file = await filled(driver, size);
    driver.poison(PATH, { offset: 3 * PAGE, length: 1 });
    const stop = driver.observe(({ name }) => (name === 'truncate' ? { crash: true, chooser: keepAll } : undefined));
    await expect(file.repair({ offset: 3 * PAGE, length: 1 }, { rebuild })).rejects.toThrow(SimulatedCrash);
    stop();
    expect(driver.readFile(PATH).byteLength).toBe(4 * PAGE);
    driver.poison(PATH, { offset: 3 * PAGE, length: 1 });
    const again = await PmemFile.open(PATH, { driver });
    expect(again.size).toBe(size);
    expect(read(again, 0, size)).toEqual(whole);
    await again.close();
    expect(driver.readFile(PATH)).toEqual(whole);
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('of a repair that another process is in the middle of closes its units until it is done, and no longer', async () => {
    const { driver, other, opened, lock } = await besideARepair();
    await failure('ERR_PMEM_MEDIA', () => read(opened, PAGE, 1));
    await failure('ERR_PMEM_MEDIA', () => { opened.write(Uint8Array.of(1), PAGE); });
    await failure('ERR_PMEM_LOCKED', () => opened.repair({ offset: PAGE, length: 1 }));
    // The other one finishes, stores newer bytes, and lets go.
    await finishRepair(other);
    other.unlock(lock, 1);
    const second = await PmemFile.open(PATH, { driver });
    await second.badBlocks();
    expect(read(opened, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(8));
    await opened.repair({ offset: PAGE, length: PAGE }, { rebuild });
    expect(read(opened, PAGE, PAGE), 'a stale intent was written over newer bytes').toEqual(new Uint8Array(PAGE).fill(8));
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('of a repair that has ended is not in force, though its process repairs something else by now', async () => {
    const { other, opened } = await besideARepair();
    await failure('ERR_PMEM_MEDIA', () => read(opened, PAGE, 1));
    await failure('ERR_PMEM_MEDIA', () => opened.view({ offset: 0, length: size }));
    // The other one's unit is durable, its intent is gone, and it keeps the lock for the next.
    await finishRepair(other);
    expect(opened.withView({ offset: PAGE, length: PAGE }, (view) => view[0])).toBe(8);
    expect(read(opened, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(8));
    opened.write(Uint8Array.of(9), PAGE);
    expect(read(opened, PAGE, 2)).toEqual(Uint8Array.of(9, 8));
  });

  it('a repair tried again needs no second rebuild where the journal holds what the unit is to hold', async () => {
    const driver = mockDriver({ filesystem: 'ext4', clearable: false });
    const file = await filled(driver, size);
    driver.poison(PATH, { offset: PAGE, length: PAGE });
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: PAGE, length: 1 }, { rebuild, journalRebuilt: true, strategy: 'zero-range' }));
    const asked: unknown[] = [];
    const again = (range: { offset: number; length: number }): Uint8Array => {
      asked.push(range);
      return part(whole, range);
    };
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: PAGE, length: 1 }, { rebuild: again }));
    expect(asked).toEqual([]);
    expect(driver.listFiles()).toEqual([PATH, JOURNAL]);
  });

  it('that cannot be removed is not in force once its mark is: a stale intent does not overwrite newer bytes', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.poison(PATH, { offset: PAGE, length: 1 });
    const stop = driver.observe(failNth({ operation: ['removeJournal'], nth: 1, errno: 5, persistent: true }));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: PAGE, length: 1 }, { rebuild }));
    file.write(Uint8Array.of(41), PAGE);
    file.persist();
    await file.close();
    const beside = await PmemFile.open(PATH, { driver });
    expect(read(beside, PAGE, 1)).toEqual(Uint8Array.of(41));
    beside.write(whole.slice(PAGE, PAGE + 1), PAGE);
    beside.persist();
    await beside.close();
    expect(driver.listFiles()).toContain(JOURNAL);
    stop();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, 0, size)).toEqual(whole);
    again.write(Uint8Array.of(42), PAGE);
    again.persist();
    await again.close();
    const third = await PmemFile.open(PATH, { driver });
    expect(read(third, PAGE, 1)).toEqual(Uint8Array.of(42));
  });
});
