import { type CompleteFile, Errno, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { CrashChooser, MockDriver, MockOptions } from '../../src/index.js';
import { crashAt, failNth, keepAll, loseAll, mockDriver, SimulatedCrash } from '../../src/index.js';
import { content, failure, filled, PAGE, part, PATH, read } from './opened.js';

const JOURNAL = `${PATH}.repair`;
const size = 3 * PAGE + 100;
const whole = content(size);
const bad = [{ offset: PAGE, length: PAGE }, { offset: 3 * PAGE, length: 100 }];
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

/** Every byte of the file is what it was, or an error; a chooser per way in which power can fail. */
async function expectNothingInvented(driver: ReturnType<typeof mockDriver>, when: string): Promise<PmemFile> {
  const file = await PmemFile.open(PATH, { driver });
  expect(file.size, when).toBe(size);
  const { pieces } = await file.salvage();
  for (const { offset, bytes } of pieces) {
    expect(Buffer.compare(bytes, part(whole, { offset, length: bytes.byteLength })), `${when}: bytes at ${offset}`).toBe(0);
  }
  return file;
}

/** What open() finds while another process repairs page 1: its intent, and its lock. `other` is that process's file. */
async function besideARepair(): Promise<{ driver: MockDriver; other: CompleteFile; opened: PmemFile; lock: number }> {
  const driver = mockDriver({ filesystem: 'xfs' });
  const file = await filled(driver, size);
  driver.poison(PATH, { offset: PAGE, length: PAGE });
  const stop = driver.observe(({ name }) => (name === 'sync' ? { crash: true, chooser: keepAll } : undefined));
  await expect(file.repair({ offset: PAGE, length: PAGE }, { rebuild })).rejects.toThrow(SimulatedCrash);
  stop();
  const request = { create: false, readOnly: false, preallocate: false, sizeBytes: undefined };
  const outcome = await driver.open(PATH, request);
  if (!('file' in outcome)) throw new Error('open failed');
  const lock = Number.MAX_SAFE_INTEGER - 1;
  expect(outcome.file.lock(lock, 1)).toBeUndefined();
  return { driver, other: outcome.file, opened: await PmemFile.open(PATH, { driver }), lock };
}

/** Page 1 holds eights by now, durably, and the journal is gone. The lock is still held. */
async function finishRepair(other: CompleteFile): Promise<void> {
  expect(await other.pwrite(new Uint8Array(PAGE).fill(8), PAGE)).toMatchObject({ errno: 0 });
  await other.sync();
  await other.writeMark(new Uint8Array(0));
  await other.removeJournal(JOURNAL);
}

const machines: MockOptions[] = [
  { filesystem: 'ext4' },
  { filesystem: 'xfs' },
  { filesystem: 'ext4', clearable: false },
  { filesystem: 'ext4', kernel: '5.10' },
  { filesystem: 'ext4', kernel: '6.1' },
];
const choosers: [string, CrashChooser | undefined][] = [['keeps all', keepAll], ['loses all', loseAll], ['keeps some', undefined]];

describe('a crash at every step of a repair', () => {
  for (const machine of machines) {
    for (const supplied of [true, false]) {
      for (const [name, chooser] of choosers) {
        it(`${JSON.stringify(machine)}, ${supplied ? 'rebuild' : 'losses'}, power loss ${name}`, async () => {
          for (let index = 1; ; index++) {
            const driver = mockDriver({ ...machine, seed: index });
            const file = await filled(driver, size);
            for (const range of bad) driver.poison(PATH, range);
            const start = driver.operations;
            const stop = driver.observe(crashAt(start + index, chooser));
            let crashed = false;
            try {
              await file.repair(bad, supplied ? { rebuild } : {});
            } catch (error) {
              crashed = error instanceof SimulatedCrash || (error as { cause?: unknown }).cause instanceof SimulatedCrash;
              if (!crashed && machine.clearable !== false) throw error;
            }
            stop();
            const when = `crash at operation ${index}`;
            const again = await expectNothingInvented(driver, when);
            if (machine.clearable !== false) {
              await again.repair(bad, { rebuild });
              expect(Buffer.compare(read(again, 0, size), whole), when).toBe(0);
              expect(driver.listFiles(), when).toEqual([PATH]);
            }
            await again.close();
            if (!crashed) {
              expect(index).toBeGreaterThan(10);
              break;
            }
          }
        });
      }
    }
  }

  it('and a second crash at every step of the recovery that follows', async () => {
    let states = 0;
    for (let first = 1; ; first++) {
      let recovered = false;
      for (let second = 1; !recovered; second++) {
        const driver = mockDriver({ filesystem: 'xfs', seed: first * 1000 + second });
        const file = await filled(driver, size);
        for (const range of bad) driver.poison(PATH, range);
        const survive = driver.observe(crashAt(driver.operations + first));
        try {
          await file.repair(bad, { rebuild });
          expect(states).toBeGreaterThan(100);
          return;
        } catch { /* the first crash */ }
        survive();
        const stop = driver.observe(crashAt(driver.operations + second));
        try {
          await (await PmemFile.open(PATH, { driver })).close();
          recovered = true;
        } catch { /* the second crash */ }
        stop();
        await (await expectNothingInvented(driver, `crash at ${first}, then at ${second}`)).close();
        states++;
      }
    }
  });
});

describe('what one repair has left, wherever the repair of another unit is cut off', () => {
  const [first, second] = [{ offset: 0, length: PAGE }, { offset: 2 * PAGE, length: PAGE }];

  /** Crashes at every operation of the second repair, each time on a new machine. */
  async function cutOffEverywhere(
    chooser: CrashChooser,
    leave: (driver: ReturnType<typeof mockDriver>, file: PmemFile) => Promise<void>,
    check: (again: PmemFile, when: string) => Promise<void>,
  ): Promise<void> {
    for (let index = 1; ; index++) {
      const driver = mockDriver({ filesystem: 'xfs', seed: index });
      const file = await filled(driver, size);
      for (const range of [first, second]) driver.poison(PATH, range);
      await leave(driver, file);
      const stop = driver.observe(crashAt(driver.operations + index, chooser));
      const outcome = await file.repair(second, { rebuild }).then(() => 'done', () => 'cut off');
      stop();
      const when = `crash at operation ${index}`;
      await check(await expectNothingInvented(driver, when), when);
      if (outcome === 'done') {
        expect(index).toBeGreaterThan(10);
        break;
      }
    }
  }

  it.each([keepAll, loseAll])('a unit that it could not write is finished by the next open', async (chooser) => {
    await cutOffEverywhere(chooser, async (driver, file) => {
      const mend = driver.observe(failNth({ operation: 'pwrite', nth: 1, errno: Errno.EIO, persistent: true }));
      await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(first, { rebuild, journalRebuilt: true, strategy: 'zero-range' }));
      mend();
    }, (again, when) => {
      expect(read(again, 0, PAGE), when).toEqual(part(whole, first));
      return Promise.resolve();
    });
  });

  it.each([keepAll, loseAll])('a unit that nobody could supply stays lost', async (chooser) => {
    await cutOffEverywhere(chooser, async (_, file) => {
      await file.repair(first);
    }, async (again) => {
      await failure('ERR_PMEM_LOST', () => read(again, 0, 1));
    });
  });
});

describe('the journal file', () => {
  async function withLoss(options: MockOptions = {}): Promise<ReturnType<typeof mockDriver>> {
    const driver = mockDriver(options);
    const file = await filled(driver, size);
    driver.poison(PATH, { offset: PAGE, length: PAGE });
    await file.repair({ offset: PAGE, length: 1 });
    await file.close();
    return driver;
  }

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
