// An intent is left in the journal: a process was killed, or the machine died. Others store into its unit before the
// library opens the file again. What they stored is newer than the intent and stays.
import { Errno, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, type MockDriver, type MockOptions, mockDriver, SimulatedCrash } from '../../src/index.js';
import { changing, content, failure, filled, PAGE, PATH, part, read } from './opened.js';

const SIZE = 4 * PAGE;
const bad = { offset: PAGE, length: PAGE };
const whole = content(SIZE);
const newer = new Uint8Array(PAGE).fill(77);
const machines: MockOptions[] = [{ filesystem: 'ext4' }, { filesystem: 'xfs' }];

/** A repair of page 1 that ends, with its process, just before the intent would be dropped: the unit is whole. */
async function killedBeforeTheEnd(driver: MockDriver): Promise<void> {
  await (await filled(driver, SIZE)).close();
  driver.poison(PATH, bad);
  const process = driver.process('a');
  const file = await PmemFile.open(PATH, { driver: process });
  let written = false;
  const stop = driver.observe(({ name }) => {
    written ||= name === 'pwrite';
    // Without its mark the journal is not in force any more.
    if (written && name === 'writeMark') process.kill();
    return undefined;
  });
  await expect(file.repair(bad, { rebuild: (range) => part(whole, range) })).rejects.toThrow(SimulatedCrash);
  stop();
  expect(driver.listFiles()).toEqual([PATH, `${PATH}.repair`]);
}

/** A repair of page 1 during which power fails: its block is cleared, and holds anything. */
async function tornByPowerFailure(driver: MockDriver, journalRebuilt = true): Promise<void> {
  const file = await filled(driver, SIZE);
  driver.poison(PATH, bad);
  const stop = driver.observe(({ step }) => (step === 'cleared' ? { crash: true } : undefined));
  await expect(file.repair(bad, { journalRebuilt, rebuild: (range) => part(whole, range) })).rejects.toThrow(SimulatedCrash);
  stop();
}

async function contentAfterOpen(driver: MockDriver): Promise<Uint8Array> {
  const file = await PmemFile.open(PATH, { driver });
  const found = read(file, 0, SIZE);
  await file.close();
  expect(driver.listFiles()).toEqual([PATH]);
  return found;
}

function withPage(bytes: Uint8Array): Uint8Array {
  const expected = Uint8Array.from(whole);
  expected.set(bytes, PAGE);
  return expected;
}

describe.each(machines)('%o', (options) => {
  it('a process is killed, and another one stores: the store stays', async () => {
    const driver = mockDriver(options);
    await killedBeforeTheEnd(driver);
    driver.overwrite(PATH, newer, PAGE);
    expect(await contentAfterOpen(driver)).toEqual(withPage(newer));
  });

  it('a process is killed, another one stores, the machine is restarted: the store stays', async () => {
    const driver = mockDriver(options);
    await killedBeforeTheEnd(driver);
    driver.advanceClock(60_000);
    driver.overwrite(PATH, newer, PAGE);
    driver.crash('keep-all');
    expect(await contentAfterOpen(driver)).toEqual(withPage(newer));
  });

  describe.each([
    ['stores an hour later', 3_600_000, undefined],
    ['stores at once', 0, undefined],
    ['puts back an older copy with its times', 3_600_000, 1_500_000_000_000],
  ] as const)('the machine dies in the repair, and another program %s', (_, laterMs, modifiedMs) => {
    const restored = async (copied: boolean): Promise<MockDriver> => {
      const driver = mockDriver(options);
      await tornByPowerFailure(driver, copied);
      driver.advanceClock(laterMs);
      driver.overwrite(PATH, newer, PAGE);
      if (modifiedMs !== undefined) driver.setModifiedTime(PATH, modifiedMs);
      return driver;
    };

    it.each([true, false])('open() does not choose, and says what it is about (%s)', async (copied) => {
      const driver = await restored(copied);
      const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver }));
      expect(error.ranges).toEqual([bad]);
      expect(error.message).toMatch(/touched since.*'discard'.*'adopt'/);
      expect(driver.readFile(PATH)).toEqual(withPage(newer));
    });

    it.each([true, false])("journal: 'discard' keeps what was stored (%s)", async (copied) => {
      const driver = await restored(copied);
      await (await PmemFile.open(PATH, { driver, journal: 'discard' })).close();
      expect(await contentAfterOpen(driver)).toEqual(withPage(newer));
    });

    it("journal: 'adopt' ends the repair", async () => {
      const driver = await restored(true);
      await (await PmemFile.open(PATH, { driver, journal: 'adopt' })).close();
      expect(await contentAfterOpen(driver)).toEqual(whole);
    });
  });

  it.each([60_000, 3_600_000])('the clock is set back by %i ms, another program stores: open() asks', async (ms) => {
    const driver = mockDriver(options);
    await tornByPowerFailure(driver);
    driver.setClock(-ms);
    driver.overwrite(PATH, newer, PAGE);
    expect((await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver }))).ranges).toEqual([bad]);
    expect(driver.readFile(PATH)).toEqual(withPage(newer));
    await (await PmemFile.open(PATH, { driver, journal: 'discard' })).close();
    expect(await contentAfterOpen(driver)).toEqual(withPage(newer));
  });

  it('the clock is set back, and a process dies in its recovery: the next one ends the repair', async () => {
    const driver = mockDriver(options);
    await tornByPowerFailure(driver);
    driver.setClock(-3_600_000);
    const process = driver.process('a');
    const stop = driver.observe(({ name }) => {
      if (name === 'sync') process.kill();
      return undefined;
    });
    // By the new clock even the repair's own stores were later than the restart, so this has to be asked.
    await expect(PmemFile.open(PATH, { driver: process, journal: 'adopt' })).rejects.toThrow(SimulatedCrash);
    stop();
    expect(await contentAfterOpen(driver)).toEqual(whole);
  });

  it('the machine dies in the repair, the file is renamed before the next open(): the remains are no data', async () => {
    const driver = mockDriver(options);
    await tornByPowerFailure(driver);
    driver.advanceClock(60_000);
    driver.rename(PATH, `${PATH}.1`);
    await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(`${PATH}.1`, { driver }));
    const file = await PmemFile.open(`${PATH}.1`, { driver, journal: 'adopt' });
    expect(read(file, 0, SIZE)).toEqual(whole);
  });

  it('the machine dies in a repair of two pages, a process in its recovery: the remains are no data', async () => {
    const driver = mockDriver(options);
    const two = [bad, { offset: 3 * PAGE, length: PAGE }];
    const file = await filled(driver, SIZE);
    for (const range of two) driver.poison(PATH, range);
    let cleared = 0;
    let stop = driver.observe(({ step }) => (step === 'cleared' && ++cleared === 2 ? { crash: true } : undefined));
    const repair = file.repair(two, { journalRebuilt: true, rebuild: (range) => part(whole, range) });
    await expect(repair).rejects.toThrow(SimulatedCrash);
    stop();
    expect(driver.readFile(PATH).subarray(3 * PAGE)).not.toEqual(whole.subarray(3 * PAGE));
    driver.advanceClock(60_000);
    const process = driver.process('a');
    let written = 0;
    stop = driver.observe(({ name }) => {
      if (name === 'pwrite' && ++written === 2) process.kill();
      return undefined;
    });
    await expect(PmemFile.open(PATH, { driver: process })).rejects.toThrow(SimulatedCrash);
    stop();
    expect(written).toBe(2);
    expect(await contentAfterOpen(driver)).toEqual(whole);
  });

  it('the machine dies in the repair, the journal has no copy, and nothing else happens: the page is lost', async () => {
    const driver = mockDriver(options);
    await tornByPowerFailure(driver, false);
    driver.advanceClock(60_000);
    const file = await PmemFile.open(PATH, { driver });
    expect((await failure('ERR_PMEM_LOST', () => read(file, 0, SIZE))).ranges).toEqual([bad]);
  });

  it('the machine dies in the repair and nothing else happens: the intent is written', async () => {
    const driver = mockDriver(options);
    await tornByPowerFailure(driver);
    driver.advanceClock(60_000);
    expect(await contentAfterOpen(driver)).toEqual(whole);
  });

  it('the machine dies in the repair and the first open() cannot write: the remains are never data', async () => {
    const driver = mockDriver(options);
    await tornByPowerFailure(driver);
    const stop = driver.observe(failNth({ operation: 'pwrite', nth: 1, errno: Errno.EIO, persistent: true }));
    const file = await PmemFile.open(PATH, { driver });
    expect(await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 8))).toMatchObject({ source: 'unfinished' });
    await file.close();
    stop();
    expect(await contentAfterOpen(driver)).toEqual(whole);
  });

  it('the machine dies, another program appends up to the end of the page: nothing is cut off', async () => {
    const driver = mockDriver(options);
    const tail = { offset: 3 * PAGE, length: 1000 };
    const file = await filled(driver, 3 * PAGE + 1000);
    driver.poison(PATH, tail);
    const stop = driver.observe(({ step }) => (step === 'cleared' ? { crash: true, chooser: () => 0 } : undefined));
    await expect(file.repair(tail, { rebuild: (range) => part(whole, range) })).rejects.toThrow(SimulatedCrash);
    stop();
    driver.advanceClock(60_000);
    const page = new Uint8Array(PAGE).fill(66);
    driver.truncate(PATH, 3 * PAGE);
    driver.append(PATH, page);
    await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver }));
    const again = await PmemFile.open(PATH, { driver, journal: 'discard' });
    expect(again.size).toBe(SIZE);
    expect(read(again, 3 * PAGE, PAGE)).toEqual(page);
  });
});

describe.each(['fuse', 'vfat', 'exfat'])('on %s, where a copy may set back the time of change', (filesystem) => {
  it('the machine dies in the repair, and an older copy is put back: open() asks', async () => {
    const driver = mockDriver({ filesystem: 'ext4' });
    await tornByPowerFailure(driver);
    driver.advanceClock(3_600_000);
    driver.overwrite(PATH, newer, PAGE);
    driver.setModifiedTime(PATH, 1);
    const here = changing(driver, (file) => {
      Object.assign(file, { facts: { ...file.facts, filesystem, changedMs: file.facts.modifiedMs } });
    });
    const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver: here }));
    expect(error).toMatchObject({ ranges: [bad], message: expect.stringMatching(/touched since/) as string });
    expect(driver.readFile(PATH)).toEqual(withPage(newer));
    await (await PmemFile.open(PATH, { driver: here, journal: 'discard' })).close();
    expect(await contentAfterOpen(driver)).toEqual(withPage(newer));
  });
});
