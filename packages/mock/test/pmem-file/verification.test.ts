/** A repair that is told that its write succeeded, and finds other bytes when it reads them back. */
import { describe, expect, it } from 'vitest';
import { Errno, PmemFile, RepairError } from '@safe-pmem/core';
import { type MockDriver, mockDriver } from '../../src/index.js';
import { changing, content, failure, filled, PAGE, pageOf, part, PATH, read } from './opened.js';

describe('a repair that cannot learn what it met', () => {
  it('throws, with the unit as it was, if a pread says nothing of the medium: zeros would pass for data', async () => {
    const driver = mockDriver({ kernel: '6.1', filesystem: 'ext4' });
    await (await filled(driver, 4 * PAGE)).close();
    driver.poison(PATH, { offset: 2 * PAGE, length: PAGE });
    const file = await PmemFile.open(PATH, { driver });
    const stop = driver.observe(({ name }) => (name === 'pread' ? { errno: Errno.ENOTCONN } : undefined));
    const error = await failure('ERR_PMEM_IO', () => file.repair({ offset: 2 * PAGE, length: PAGE }));
    expect(error.ranges).toEqual([{ offset: 2 * PAGE, length: PAGE }]);
    stop();
    await failure('ERR_PMEM_MEDIA', () => read(file, 2 * PAGE, 1));
    const { units } = await file.repair({ offset: 2 * PAGE, length: PAGE });
    expect(units).toMatchObject([{ lost: [{ offset: 2 * PAGE, length: PAGE }] }]);
  });
});

describe('verification', () => {
  const bad = { offset: 2 * PAGE, length: PAGE };
  const whole = content(4 * PAGE);
  const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

  it.each(['ext4', 'xfs'] as const)('%s: bytes that are not those that were written fail the unit, and keep it closed', async (filesystem) => {
    const driver = mockDriver({ filesystem });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    const stop = driver.observe((operation) => {
      // Another process, between the write and the look at it.
      if (operation.name === 'remap') driver.punch(PATH, bad);
      return undefined;
    });
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { rebuild }), RepairError);
    expect(error.attempts.at(-1)).toMatchObject({ step: 'verify', errno: 0 });
    stop();
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 1));
    await file.repair(bad, { rebuild });
    expect(read(file, 0, 4 * PAGE)).toEqual(whole);
  });

  it('other bytes past the mapped end, which others have appended to the last page, fail the unit too', async () => {
    const driver = mockDriver({ filesystem: 'xfs' });
    const length = 2 * PAGE + 1000;
    const file = await filled(driver, length);
    driver.append(PATH, new Uint8Array(500).fill(3));
    driver.poison(PATH, bad);
    const stop = driver.observe(({ name }) => {
      // Another process, between the write and the look at it.
      if (name === 'remap') driver.overwrite(PATH, Uint8Array.of(99), length + 10);
      return undefined;
    });
    const inFile = { offset: bad.offset, length: 1000 };
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(inFile, { fill: 7 }), RepairError);
    expect(error.attempts.at(-1)).toMatchObject({ step: 'verify', errno: 0 });
    stop();
    expect(driver.readFile(PATH)[length + 10]).toBe(99);
  });

  it('a write that ends early is gone on with, so that there is nothing to find', async () => {
    const driver = mockDriver({ filesystem: 'ext4', kernel: '5.10' });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    let writes = 0;
    driver.observe(({ name, step }) => (name === 'pwrite' && step === undefined && ++writes === 1 ? { shortBytes: 1000 } : undefined));
    const { units } = await file.repair(bad, { rebuild });
    expect(units).toMatchObject([{ strategy: 'zero-range', outcome: 'cleared' }]);
    expect(writes).toBe(2);
    expect(read(file, 0, 4 * PAGE)).toEqual(whole);
  });

  it('a write that ends early again and again is gone on with each time', async () => {
    const driver = mockDriver({ filesystem: 'ext4', kernel: '5.10' });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    driver.observe(({ name, step }) => (name === 'pwrite' && step === undefined ? { shortBytes: 1000 } : undefined));
    await file.repair(bad, { rebuild });
    expect(read(file, 0, 4 * PAGE)).toEqual(whole);
  });

  it('looks at what was written through a fresh mapping, of units near each other together, and of nothing far from them', async () => {
    const driver = mockDriver({ filesystem: 'ext4' });
    const file = await filled(driver, 64 * PAGE);
    const pages = [1, 2, 5, 21, 22, 40, 63];
    const units = pages.map((page) => ({ offset: page * PAGE, length: PAGE }));
    for (const unit of units) driver.poison(PATH, unit);
    const mapped: string[] = [];
    driver.observe(({ name, position, length }) => {
      if (name === 'remap') mapped.push(`${position / PAGE} to ${(position + length) / PAGE}`);
      return undefined;
    });
    await file.repair(units, { fill: 1 });
    // Fifteen pages lie between 5 and 21, seventeen between 22 and 40.
    expect(mapped).toEqual(['1 to 23', '40 to 41', '63 to 64']);
  });
});

describe('the file has become append-only since it was opened: no fresh mapping of it can be had', () => {
  const size = 4 * PAGE;
  const BUS_MCEERR_AR = 4;

  /** `fails`: a page that this mapping alone cannot give. */
  async function appendOnly(errno: number): Promise<{ driver: MockDriver; file: PmemFile; state: { fails: boolean } }> {
    const driver = mockDriver({ dax: false });
    const state = { fails: false };
    await (await filled(driver, size)).close();
    const file = await PmemFile.open(PATH, {
      driver: changing(driver, (opened) => {
        const load = opened.read.bind(opened);
        opened.remap = () => ({ errno, syscall: 'mmap' });
        opened.read = (target, position) =>
          state.fails && position === 2 * PAGE
            ? { position, signalCode: BUS_MCEERR_AR, granuleLog2: 12 }
            : load(target, position);
      }),
    });
    return { driver, file, state };
  }

  it.each([Errno.EACCES, Errno.EPERM])('(errno %i) a loss is repaired, and read back without one', async (errno) => {
    const { driver, file } = await appendOnly(errno);
    driver.poison(PATH, pageOf(1));
    await file.repair(pageOf(1));
    await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
    await file.repair(pageOf(1), { fill: 7 });
    expect(read(file, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
  });

  it.each([Errno.EACCES, Errno.ENOMEM])('(errno %i) what cannot be loaded either is not verified', async (errno) => {
    const { driver, file, state } = await appendOnly(errno);
    driver.poison(PATH, pageOf(2));
    state.fails = true;
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(pageOf(2), { fill: 7 }), RepairError);
    expect(error.attempts.at(-1)).toMatchObject({ step: 'mmap', errno });
  });

  it('other bytes than those that were written are kept', async () => {
    const { driver, file } = await appendOnly(Errno.EACCES);
    driver.poison(PATH, pageOf(1));
    driver.observe(({ name }) => {
      if (name === 'sync') driver.writeFile(PATH, content(size));
      return undefined;
    });
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(pageOf(1), { fill: 7 }), RepairError);
    expect(error.attempts.at(-1)).toMatchObject({ step: 'verify', errno: 0 });
    expect(read(file, PAGE, PAGE)).toEqual(part(content(size), pageOf(1)));
  });

  it('a page that pread gives, and this mapping does not, is not written', async () => {
    const { driver, file, state } = await appendOnly(Errno.EACCES);
    state.fails = true;
    await failure('ERR_PMEM_MEDIA', () => read(file, 2 * PAGE, PAGE));
    const writes: string[] = [];
    driver.observe(({ name }) => {
      if (['pwrite', 'writeJournal', 'zeroRange'].includes(name)) writes.push(name);
      return undefined;
    });
    const error = await failure('ERR_PMEM_ACCESS', () => file.repair(pageOf(2), { fill: 7 }));
    expect([error.ranges, writes]).toEqual([[pageOf(2)], []]);
    state.fails = false;
    expect(read(file, 2 * PAGE, PAGE)).toEqual(part(content(size), pageOf(2)));
    expect((await file.repair(pageOf(2), { fill: 7 })).units).toMatchObject([{ outcome: 'healthy' }]);
  });

  it.each(['repair', 'persist'] as const)('its mark stays: the %s leaves a journal that says nothing', async (how) => {
    const driver = mockDriver({ dax: false });
    let isKept = false;
    const file = await filled(driver, size, {
      driver: changing(driver, (opened) => {
        const [mark, markSync] = [opened.writeMark.bind(opened), opened.writeMarkSync.bind(opened)];
        const kept = { errno: Errno.EPERM, syscall: 'fremovexattr' };
        opened.writeMark = (bytes) => (isKept && bytes.length === 0 ? Promise.resolve(kept) : mark(bytes));
        opened.writeMarkSync = (bytes) => (isKept && bytes.length === 0 ? kept : markSync(bytes));
      }),
    });
    driver.poison(PATH, pageOf(1));
    await file.repair(pageOf(1));
    isKept = true;
    if (how === 'repair') await file.repair(pageOf(1), { fill: 7 });
    else file.writeAndPersist(new Uint8Array(PAGE).fill(7), PAGE);
    expect(read(file, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
    isKept = false;
    const reopened = await PmemFile.open(PATH, { driver });
    expect(read(reopened, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
    driver.poison(PATH, pageOf(2));
    await reopened.repair(pageOf(2), { fill: 8 });
    expect(driver.listFiles()).not.toContain(`${PATH}.repair`);
  });
});
