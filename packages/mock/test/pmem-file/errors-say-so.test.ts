// Errors that say what is wrong, and calls that take what they should.
import { runInNewContext } from 'node:vm';
import { Errno, errnoName, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, PATH, read } from './opened.js';

describe('scrub()', () => {
  it('ends at once when the file is closed, though its rate would have it wait for days', async () => {
    const file = await filled(mockDriver(), 4 * PAGE);
    const scrubbing = file.scrub({ bytesPerSecond: 0.01 });
    const ended = failure('ERR_PMEM_CLOSED', () => scrubbing);
    await new Promise(setImmediate);
    await file.close();
    await ended;
  });

  it('with a signal of its own, still ends at close, and at the signal', async () => {
    const file = await filled(mockDriver(), 4 * PAGE);
    const controller = new AbortController();
    const aborted = file.scrub({ bytesPerSecond: 0.01, signal: controller.signal });
    const closed = file.scrub({ bytesPerSecond: 0.01, signal: new AbortController().signal });
    const both = Promise.all([expect(aborted).rejects.toThrow('enough'), failure('ERR_PMEM_CLOSED', () => closed)]);
    await new Promise(setImmediate);
    controller.abort(new Error('enough'));
    await new Promise(setImmediate);
    await file.close();
    await both;
  });

  it('takes no option from a polluted prototype', async () => {
    const file = await filled(mockDriver(), 2 * PAGE);
    const prototype = Object.prototype as { bytesPerSecond?: unknown; range?: unknown };
    try {
      prototype.bytesPerSecond = 0.01;
      prototype.range = { offset: 0, length: 1 };
      expect((await file.scrub({})).range).toEqual({ offset: 0, length: 2 * PAGE });
    } finally {
      delete prototype.bytesPerSecond;
      delete prototype.range;
    }
  });

  it('repairs the range that it has checked, and not another that a getter gives the next time', async () => {
    const file = await filled(mockDriver(), 4 * PAGE);
    const offsets = [PAGE, 3 * PAGE, 9 * PAGE];
    const range = { get offset() { return offsets.shift() ?? 0; }, length: PAGE };
    expect((await file.repair(range)).units).toMatchObject([{ range: { offset: PAGE, length: PAGE } }]);
    expect(offsets).toEqual([3 * PAGE, 9 * PAGE]);
  });

  it('takes none of open(), repair() and resize() from one: no journal is discarded, nothing filled', async () => {
    const driver = mockDriver();
    const bad = { offset: PAGE, length: PAGE };
    const before = await filled(driver, 2 * PAGE);
    driver.poison(PATH, bad);
    await before.repair(bad);
    await before.close();
    const planted = {
      create: true, size: 9 * PAGE, exclusive: true, preallocate: true, journal: 'discard', fill: 0,
      allowRelocation: true, allowRelease: true, strategy: 'zero-range', signal: AbortSignal.abort(),
    };
    try {
      Object.assign(Object.prototype, planted);
      await failure('ERR_PMEM_NOT_FOUND', () => PmemFile.open('/pmem/none', { driver }));
      const file = await PmemFile.open(PATH, { driver });
      await file.repair(bad, {});
      await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
      await file.resize(3 * PAGE, {});
      await file.close();
    } finally {
      for (const name of Object.keys(planted)) Reflect.deleteProperty(Object.prototype, name);
    }
    expect(driver.listFiles()).toEqual([PATH, `${PATH}.repair`]);
  });

  it('does not call a server without an answer a lock', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 2 * PAGE);
    driver.observe(failNth({ operation: 'pread', nth: 1, errno: Errno.EAGAIN }));
    expect((await failure('ERR_PMEM_IO', () => file.scrub())).cause).toMatchObject({ code: 'EAGAIN' });
  });
});

describe('a Uint8Array of another realm', () => {
  it('is one', async () => {
    const file = await filled(mockDriver(), 2 * PAGE);
    const foreign = runInNewContext('Uint8Array.of(1, 2, 3)') as Uint8Array;
    expect(foreign instanceof Uint8Array).toBe(false);
    file.write(foreign, PAGE);
    file.writeAndPersist(foreign, PAGE + 3);
    expect(read(file, PAGE, 6)).toEqual(Uint8Array.of(1, 2, 3, 1, 2, 3));
    const target = runInNewContext('new Uint8Array(10)') as Uint8Array;
    file.read(target, 5);
    expect([...target]).toEqual([...content(PAGE).subarray(5, 15)]);
  });

  it.each(['new Uint8ClampedArray(4)', 'new DataView(new ArrayBuffer(4))', '[1, 2]', '({ length: 4 })'])('%s is none', async (source) => {
    const file = await filled(mockDriver(), PAGE);
    const foreign = runInNewContext(source) as Uint8Array;
    expect(() => { file.write(foreign, 0); }).toThrow(/source must be a Uint8Array, got/);
    expect(() => { file.read(foreign, 0); }).toThrow(/target must be a Uint8Array, got/);
  });
});

it('a range is read once: what was checked is what is used', async () => {
  const file = await filled(mockDriver(), 4 * PAGE);
  const shifty = (): { offset: number; length: number } => {
    let asked = 0;
    return { get offset() { return asked++ === 0 ? 0 : 100 * PAGE; }, length: PAGE };
  };
  expect(file.view(shifty()).length).toBe(PAGE);
  file.persistRanges([shifty(), shifty()]);
  await file.scrub({ range: shifty() });
  expect((await file.salvage(shifty())).range).toEqual({ offset: 0, length: PAGE });
});

it.each(['EMFILE', 'ENFILE'] as const)('%s has a code of its own', async (name) => {
  const driver = mockDriver();
  driver.observe(failNth({ operation: 'open', nth: 1, errno: Errno[name] }));
  const error = await failure('ERR_PMEM_TOO_MANY_FILES', () => PmemFile.open(PATH, { driver, create: true, size: PAGE }));
  expect(error.cause).toMatchObject({ code: name, syscall: 'open' });
});

it.each(['require', 'discard', 'adopt'] as const)('(%s) too many files are open for the journal', async (journal) => {
  const driver = mockDriver();
  const file = await filled(driver, 2 * PAGE);
  driver.poison(PATH, { offset: PAGE, length: PAGE });
  await file.repair({ offset: PAGE, length: PAGE });
  await file.close();
  const stop = driver.observe(({ name }) => (name === 'readJournal' ? { errno: Errno.EMFILE } : undefined));
  await failure('ERR_PMEM_TOO_MANY_FILES', () => PmemFile.open(PATH, { driver, journal }));
  stop();
  const again = await PmemFile.open(PATH, { driver });
  await failure('ERR_PMEM_LOST', () => read(again, PAGE, 8));
});

it('every errno of Linux has its name', () => {
  const names = Array.from({ length: 133 }, (_, i) => errnoName(i + 1));
  expect(names.filter((name) => !/^E[0-9A-Z]+$/.test(name))).toEqual(['errno 41', 'errno 58']);
  expect(new Set(names).size).toBe(133);
  for (const [name, errno] of Object.entries(Errno)) expect(errnoName(errno)).toBe(name);
  expect([errnoName(37), errnoName(116), errnoName(122), errnoName(524)]).toEqual(['ENOLCK', 'ESTALE', 'EDQUOT', 'ENOTSUPP']);
  expect([errnoName(0), errnoName(134), errnoName(-5)]).toEqual(['errno 0', 'errno 134', 'errno -5']);
});

