/** What an engine needs of repair(): some bytes that it cannot supply, units that fail, long files, long journals. */
import { Errno, PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, pageOf, part, PATH, read } from './opened.js';

const size = 8 * PAGE;
const whole = content(size);
const all = { offset: 0, length: size };

describe('an engine has no copy of some of the bytes', () => {
  it('they stay lost, the others are back, and what the engine finds later is taken then', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    for (const page of [1, 4, 6]) driver.poison(PATH, pageOf(page));
    const { units } = await file.repair(all, {
      rebuild: (range) => (range.offset === 4 * PAGE ? undefined : part(whole, range)),
    });
    const touched = units.filter((unit) => unit.outcome !== 'healthy');
    expect(touched.map(({ range, rebuilt, tombstoned }) => ({ range, rebuilt, tombstoned }))).toEqual([
      { range: pageOf(1), rebuilt: [pageOf(1)], tombstoned: [] },
      { range: pageOf(4), rebuilt: [], tombstoned: [pageOf(4)] },
      { range: pageOf(6), rebuilt: [pageOf(6)], tombstoned: [] },
    ]);
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect((await failure('ERR_PMEM_LOST', () => read(again, 0, size))).ranges).toEqual([pageOf(4)]);
    await again.repair(all, { rebuild: (range) => part(whole, range) });
    expect(read(again, 0, size)).toEqual(whole);
  });

  it('two parts of one page that it does not know are lost both', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.poison(PATH, pageOf(1));
    await file.repair(pageOf(1));
    const known = { offset: PAGE + 1000, length: 100 };
    file.write(part(whole, known), known.offset);
    file.persist();
    await file.repair(pageOf(1), { rebuild: () => undefined });
    const error = await failure('ERR_PMEM_LOST', () => read(file, PAGE, PAGE));
    expect(error.ranges).toEqual([{ offset: PAGE, length: 1000 }, { offset: PAGE + 1100, length: PAGE - 1100 }]);
    expect(read(file, known.offset, known.length)).toEqual(part(whole, known));
  });
});

describe('one page of several cannot be repaired', () => {
  it('the others are, and the error has a receipt that tells which is which and what was tried', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    for (const page of [1, 4, 6]) driver.poison(PATH, pageOf(page));
    const stop = driver.observe(({ name, position, length }) => {
      const meetsPage4 = position < 5 * PAGE && position + length > 4 * PAGE;
      return (name === 'pwrite' || name === 'zeroRange') && meetsPage4 ? { errno: Errno.EIO } : undefined;
    });
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(all, { rebuild: (range) => part(whole, range) }), RepairError);
    stop();
    expect(error.ranges).toEqual([pageOf(4)]);
    const { units } = error.receipt;
    expect(units.filter((unit) => unit.outcome === 'cleared').map((unit) => unit.range)).toEqual([pageOf(1), pageOf(6)]);
    const failed = units.filter((unit) => unit.outcome === 'failed');
    expect(failed).toMatchObject([{ range: pageOf(4), strategy: undefined, rebuilt: [] }]);
    expect(failed[0]?.attempts).toContainEqual(expect.objectContaining({ step: 'pwrite', errno: Errno.EIO }));
    for (const page of [1, 6]) expect(read(file, page * PAGE, PAGE)).toEqual(part(whole, pageOf(page)));
    await failure('ERR_PMEM_MEDIA', () => read(file, 4 * PAGE, 1));
    await file.repair(all, { rebuild: (range) => part(whole, range) });
    expect(read(file, 0, size)).toEqual(whole);
  });
});

describe('the kernel refuses to write a page that is lost', () => {
  it('it stays lost, also after a restart', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.poison(PATH, pageOf(1));
    await file.repair(pageOf(1));
    const stop = driver.observe(({ name }) => (name === 'pwrite' ? { errno: Errno.EIO } : undefined));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(pageOf(1), { strategy: 'recovery-write', fill: 7 }));
    stop();
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect((await failure('ERR_PMEM_LOST', () => read(again, 0, size))).ranges).toEqual([pageOf(1)]);
  });
});

describe('a repair of a long file that is healthy', () => {
  const BATCHES = 24;
  const longBytes = BATCHES * 8 * 1024 * 1024;

  it('gives the event loop a turn between its batches, reads every byte once, and changes nothing', async () => {
    const driver = mockDriver({ capacityBytes: 2 * longBytes });
    driver.writeFile(PATH, new Uint8Array(longBytes).fill(1));
    const file = await PmemFile.open(PATH, { driver });
    let readBytes = 0;
    let changes = 0;
    driver.observe(({ name, length }) => {
      if (name === 'pread') readBytes += length;
      if (['pwrite', 'zeroRange', 'writeJournal', 'writeMark', 'resize'].includes(name)) changes++;
      return undefined;
    });
    let turns = 0;
    let running = true;
    const turn = (): void => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    const { units } = await file.repair({ offset: 0, length: longBytes });
    running = false;
    expect(units).toMatchObject([{ outcome: 'healthy', range: { offset: 0, length: longBytes } }]);
    expect(turns).toBeGreaterThanOrEqual(BATCHES - 1);
    expect(readBytes).toBe(longBytes);
    expect(changes).toBe(0);
  });

  it('hears an abort that another part of the program sends meanwhile', async () => {
    const driver = mockDriver({ capacityBytes: 2 * longBytes });
    const file = await PmemFile.open(PATH, { driver, create: true, size: longBytes });
    const controller = new AbortController();
    let batches = 0;
    setImmediate(() => { controller.abort(new Error('stop it')); });
    await expect(file.repair({ offset: 0, length: longBytes }, {
      signal: controller.signal,
      onProgress: () => { batches++; },
    })).rejects.toThrow('stop it');
    expect(batches).toBeLessThan(4);
    await file.repair(pageOf(0));
  });
});
