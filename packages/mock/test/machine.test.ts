import { describe, expect, it } from 'vitest';
import { Errno } from '@safe-pmem/core';
import { KERNEL_PROFILES, mockDriver, type MockOptions, MockSystemError } from '../src/index.js';
import { expectBytes, extentsOf, JOURNAL, journalFile, loaded, open, P, PAGE, PATH, pattern, physicalOf, preadOf, scenario } from './scenario.js';

/** A run that touches everything random, as a string. */
async function transcript(options: MockOptions): Promise<string> {
  const { driver, file } = await scenario(options);
  const lines: unknown[] = [];
  lines.push(await file.pwrite(pattern(PAGE, 2), P), await file.zeroRange(PAGE, 3 * PAGE), file.write(pattern(300), 77));
  driver.poison(PATH, { offset: 8 * PAGE, length: 1 });
  lines.push(file.read(new Uint8Array(10), 8 * PAGE + 5), await file.badBlocks(), await file.extents(0, 10 * PAGE));
  driver.crash();
  lines.push(Buffer.from(driver.readFile(PATH)).toString('base64'), driver.freePool, driver.operations);
  return JSON.stringify(lines);
}

describe('determinism', () => {
  it('same options and calls, same outcome; another seed, another one', async () => {
    expect(await transcript({ seed: 5 })).toBe(await transcript({ seed: 5 }));
    const seeds = await Promise.all([1, 2, 3, 4].map((seed) => transcript({ seed })));
    expect(new Set(seeds).size).toBe(4);
  });
});

describe('capacity', () => {
  const capacityBytes = 8 * PAGE;

  it('a full device: ENOSPC from pwrite and preallocation, SIGBUS from a store into a hole, journal too', async () => {
    const driver = mockDriver({ capacityBytes });
    const file = await open(driver, PATH, { create: true, sizeBytes: 20 * PAGE });
    expect(await file.pwrite(pattern(20 * PAGE), 0)).toEqual({ transferredBytes: 8 * PAGE, errno: 0 });
    expect(await file.pwrite(pattern(PAGE), 8 * PAGE)).toEqual({ transferredBytes: 0, errno: Errno.ENOSPC });
    expect(file.write(Uint8Array.of(1), 9 * PAGE)).toEqual({ position: 9 * PAGE, signalCode: 2, granuleLog2: 0 });
    expect(await file.resize(30 * PAGE, true)).toEqual({ errno: Errno.ENOSPC, syscall: 'fallocate' });
    expect(await file.writeJournal(JOURNAL, journalFile(pattern(10)))).toEqual({ errno: Errno.ENOSPC, syscall: 'write' });
    expect(driver.listFiles()).toEqual([PATH]);
    expectBytes(loaded(file, 0, 8 * PAGE), pattern(20 * PAGE).subarray(0, 8 * PAGE));
  });

  it('of two changes of a journal the one that was asked for last counts, though it happens first', async () => {
    const file = await open(mockDriver({ turns: true }), PATH, { create: true, sizeBytes: PAGE });
    const earlier = file.writeJournal(JOURNAL, journalFile(pattern(10)));
    expect(file.writeJournalSync(JOURNAL, journalFile(pattern(20, 3)))).toBeUndefined();
    expect(await earlier).toBeUndefined();
    expect(file.readJournalSync(JOURNAL, 100)).toMatchObject({ bytes: pattern(20, 3) });
  });

  it('open with preallocation leaves nothing behind when the device is full', async () => {
    const driver = mockDriver({ capacityBytes });
    const outcome = await driver.open(PATH, { create: true, readOnly: false, sizeBytes: 9 * PAGE, preallocate: true });
    expect(outcome).toEqual({ failure: { errno: Errno.ENOSPC, syscall: 'fallocate' } });
    expect(driver.listFiles()).toEqual([]);
    expect(driver.freePool.freeBytes).toBe(capacityBytes);
  });

  it('a preallocated file never runs out of space', async () => {
    const driver = mockDriver({ capacityBytes });
    const file = await open(driver, PATH, { create: true, sizeBytes: 8 * PAGE, preallocate: true });
    expect(driver.freePool.freeBytes).toBe(0);
    expect(file.write(pattern(8 * PAGE), 0)).toBeUndefined();
  });

  it('exhaust takes what is left, and its file gives it back', () => {
    const driver = mockDriver({ capacityBytes });
    const filler = driver.exhaust(2 * PAGE);
    expect(driver.freePool.freeBytes).toBe(2 * PAGE);
    const second = driver.exhaust();
    expect(driver.listFiles()).toEqual([filler, second].sort());
    driver.unlink(filler);
    expect(driver.freePool.freeBytes).toBe(6 * PAGE);
  });

  it('xfs keeps a few blocks that no file gets; zero-range on a full device moves into them', async () => {
    const { driver, file } = await scenario({ filesystem: 'xfs' });
    driver.exhaust();
    expect(driver.freePool.freeBytes).toBe(4 * PAGE);
    expect((await file.pwrite(pattern(PAGE), 10 * PAGE)).errno).toBe(Errno.ENOSPC);
    const physical = physicalOf(driver, P);
    expect(await file.zeroRange(P, PAGE)).toBeUndefined();
    expect(physicalOf(driver, P)).not.toBe(physical);
    expect(driver.freePool.freeBytes).toBe(4 * PAGE);
  });

  it('placement decides which free block a file gets; what is taken stays with its owner', async () => {
    const asked: unknown[] = [];
    const driver = mockDriver({
      placement: (request) => {
        asked.push(request);
        return request.offset < 2 * PAGE ? 1000 * PAGE + request.offset : request.offset === 2 * PAGE ? 1000 * PAGE : undefined;
      },
    });
    const file = await open(driver, PATH, { create: true, sizeBytes: 4 * PAGE, preallocate: true });
    expect(asked[0]).toEqual({ path: PATH, offset: 0 });
    expect(physicalOf(driver, PAGE)).toBe(1001 * PAGE);
    expect(physicalOf(driver, 2 * PAGE)).toBeLessThan(1000 * PAGE);
    expect((await extentsOf(file)).length).toBe(2);
    expect(() => mockDriver({ placement: 7 as never })).toThrow(TypeError);
  });

  it('a device of many GiB costs nothing, and works past 4 GiB', async () => {
    const driver = mockDriver({ capacityBytes: 2 ** 41 });
    const before = process.memoryUsage().rss;
    const size = 2 ** 40;
    const file = await open(driver, PATH, { create: true, sizeBytes: size });
    expect(file.write(pattern(100), size - 100)).toBeUndefined();
    expectBytes(loaded(file, size - 100, 100), pattern(100));
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });
});

describe('locks', () => {
  it('exclude other open files by range, may be re-taken by their owner, and end with close', async () => {
    const { driver, file } = await scenario();
    const other = await open(driver);
    expect(file.lock(0, 100)).toBeUndefined();
    expect(file.lock(50, 100)).toBeUndefined();
    expect(other.lock(149, 1)).toEqual({ errno: Errno.EAGAIN, syscall: 'fcntl' });
    expect(other.lock(150, 1)).toBeUndefined();
    expect(file.unlock(20, 10)).toBeUndefined();
    expect(other.lock(20, 10)).toBeUndefined();
    expect(other.lock(19, 1)).toEqual({ errno: Errno.EAGAIN, syscall: 'fcntl' });
    await file.close();
    expect(other.lock(0, 200)).toBeUndefined();
    const reader = await open(driver, PATH, { readOnly: true });
    expect(reader.lock(500, 1)).toEqual({ errno: Errno.EBADF, syscall: 'fcntl' });
  });
});

describe('files', () => {
  it('a read-only file refuses every change', async () => {
    const { driver } = await scenario({ poisonBytes: 0 });
    const file = await open(driver, PATH, { readOnly: true });
    expect(() => file.write(new Uint8Array(1), 0)).toThrow(TypeError);
    expect((await file.pwrite(new Uint8Array(1), 0)).errno).toBe(Errno.EBADF);
    expect(await file.zeroRange(0, PAGE)).toEqual({ errno: Errno.EBADF, syscall: 'fallocate' });
    expect(await file.truncate(0)).toEqual({ errno: Errno.EINVAL, syscall: 'ftruncate' });
    expectBytes(loaded(file, 0, 10 * PAGE), pattern(10 * PAGE));
  });

  it('truncation by another process: pages past the end raise SIGBUS, growing again brings zeros', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0 });
    loaded(file, 0, 10 * PAGE);
    driver.truncate(PATH, PAGE + 100);
    expect(loaded(file, PAGE, PAGE).subarray(100)).toEqual(new Uint8Array(PAGE - 100));
    expect(file.read(new Uint8Array(1), 2 * PAGE + 3)).toEqual({ position: 2 * PAGE + 3, signalCode: 2, granuleLog2: 0 });
    expect(file.write(new Uint8Array(1), 9 * PAGE)).toMatchObject({ position: 9 * PAGE });
    driver.truncate(PATH, 10 * PAGE);
    expectBytes(loaded(file, 2 * PAGE, 8 * PAGE), new Uint8Array(8 * PAGE));
  });

  it('a hole that was loaded is past the end after truncation too', async () => {
    const driver = mockDriver();
    const file = await open(driver, PATH, { create: true, sizeBytes: 4 * PAGE });
    loaded(file, 2 * PAGE, PAGE);
    driver.truncate(PATH, PAGE);
    expect(file.read(new Uint8Array(1), 2 * PAGE)).toEqual({ position: 2 * PAGE, signalCode: 2, granuleLog2: 0 });
  });

  it('a page that was loaded follows what system calls do to its block', async () => {
    const driver = mockDriver({ filesystem: 'xfs' });
    const file = await open(driver, PATH, { create: true, sizeBytes: 4 * PAGE });
    expectBytes(loaded(file, PAGE, PAGE), new Uint8Array(PAGE));
    await file.pwrite(pattern(PAGE), PAGE);
    expectBytes(loaded(file, PAGE, PAGE), pattern(PAGE));
    await file.zeroRange(PAGE, PAGE);
    expectBytes(loaded(file, PAGE, PAGE), new Uint8Array(PAGE));
  });

  it('an unlinked file lives until it is closed', async () => {
    const { driver, file, bytes } = await scenario({ poisonBytes: 0 });
    const free = driver.freePool.freeBytes;
    driver.unlink(PATH);
    expect(driver.listFiles()).toEqual([]);
    expectBytes(loaded(file, 0, 10 * PAGE), bytes);
    await file.close();
    expect(driver.freePool.freeBytes).toBe(free + 10 * PAGE);
  });

  it('open reports ENOTDIR and EISDIR', async () => {
    const { driver } = await scenario();
    const request = { create: true, readOnly: false, sizeBytes: 1, preallocate: false };
    expect(await driver.open(`${PATH}/below`, request)).toEqual({ failure: { errno: Errno.ENOTDIR, syscall: 'open' } });
    expect(await driver.open('/pmem', request)).toEqual({ failure: { errno: Errno.EISDIR, syscall: 'open' } });
    await expect(driver.open('', request)).rejects.toThrow(TypeError);
  });

  it('extents follow holes and unwritten blocks', async () => {
    const driver = mockDriver();
    driver.writeFile(PATH, pattern(4 * PAGE));
    driver.truncate(PATH, 12 * PAGE);
    driver.preallocate(PATH, { offset: 8 * PAGE, length: 2 * PAGE });
    const file = await open(driver);
    expect((await extentsOf(file)).map(({ offset, length, unwritten }) => [offset / PAGE, length / PAGE, unwritten])).toEqual([
      [0, 4, false],
      [8, 2, true],
    ]);
    expect(file.probe(5 * PAGE, PAGE)).toMatchObject({ hole: true });
    expect(file.probe(8 * PAGE, PAGE)).toMatchObject({ hole: false });
    expect(file.probe(PAGE, PAGE)).toMatchObject({ hole: false });
  });
});

describe('without dax', () => {
  it('poison spoils its page only, raises BUS_ADRERR, and a whole-page write replaces it', async () => {
    const { file, bytes } = await scenario({ dax: false });
    expectBytes((await preadOf(file, 0, 10 * PAGE)).bytes, bytes.subarray(0, P));
    expect((await preadOf(file, P, 1)).errno).toBe(Errno.EIO);
    expect(file.read(new Uint8Array(1), P)).toEqual({ position: P, signalCode: 2, granuleLog2: 0 });
    expect(await file.pwrite(pattern(100), P + 1)).toEqual({ transferredBytes: 0, errno: Errno.EIO });
    expect(await file.pwrite(pattern(4 * PAGE, 2), 3 * PAGE)).toEqual({ transferredBytes: 4 * PAGE, errno: 0 });
    expectBytes(loaded(file, 3 * PAGE, 4 * PAGE), pattern(4 * PAGE, 2));
    expect((await file.badBlocks()).supported).toBe(false);
  });
});

describe('tmpfs', () => {
  it('poison is in the mapping: loads and stores meet it, system calls do not, remap ends it', async () => {
    const { file, bytes } = await scenario({ filesystem: 'tmpfs' });
    expect(file.read(new Uint8Array(1), P + 3)).toEqual({ position: P + 3, signalCode: 4, granuleLog2: 12 });
    expect(file.write(new Uint8Array(1), P + 3)).toMatchObject({ position: P + 3 });
    expectBytes((await preadOf(file, P, PAGE)).bytes, bytes.subarray(P, P + PAGE));
    file.remap(P, PAGE);
    expectBytes(loaded(file, P, PAGE), bytes.subarray(P, P + PAGE));
  });

  it('a load from a hole needs space too', async () => {
    const driver = mockDriver({ filesystem: 'tmpfs', capacityBytes: PAGE });
    const file = await open(driver, PATH, { create: true, sizeBytes: 2 * PAGE });
    expect(file.read(new Uint8Array(1), 0)).toBeUndefined();
    expect(file.read(new Uint8Array(1), PAGE)).toEqual({ position: PAGE, signalCode: 2, granuleLog2: 0 });
  });

  it('cannot list bad blocks or extents, and says so', async () => {
    const { driver, file } = await scenario({ filesystem: 'tmpfs' });
    expect(await file.badBlocks()).toMatchObject({ supported: false });
    expect(await file.extents(0, PAGE)).toEqual({ failure: { errno: Errno.EOPNOTSUPP, syscall: 'ioctl' } });
    expect(() => { driver.poisonPhysical({ offset: 0, length: 1 }); }).toThrow(TypeError);
  });
});

describe('what the test asks for', () => {
  it.each([
    ['a seed that is no integer', { seed: 1.5 }, RangeError],
    ['an unknown kernel', { kernel: '4.19' }, TypeError],
    ['an unknown filesystem', { filesystem: 'btrfs' }, TypeError],
    ['dax on tmpfs', { filesystem: 'tmpfs', dax: true }, TypeError],
    ['no capacity', { capacityBytes: 100 }, RangeError],
    ['a fault that is no function', { faults: [{}] }, TypeError],
  ])('%s is refused', (_, options, error) => {
    expect(() => mockDriver(options as MockOptions)).toThrow(error);
  });

  it('set-up calls check what they are given', async () => {
    const { driver } = await scenario();
    const calls: [() => unknown, new (...args: never[]) => Error][] = [
      [() => { driver.poison('/nowhere', { offset: 0, length: 1 }); }, MockSystemError],
      [() => { driver.poison(PATH, { offset: 0, length: 0 }); }, RangeError],
      [() => { driver.poison(PATH, { offset: 10 * PAGE, length: 1 }); }, RangeError],
      [() => { driver.poison(PATH, { offset: -1, length: 1 }); }, RangeError],
      [() => { driver.poison(PATH, 5 as never); }, TypeError],
      [() => { driver.writeFile('', new Uint8Array(1)); }, TypeError],
      [() => { driver.writeFile(PATH, 'text' as never); }, TypeError],
      [() => { driver.writeFile(PATH, new Uint8Array(1), { extentBytes: 100 }); }, RangeError],
      [() => { driver.writeFile('/pmem', new Uint8Array(1)); }, MockSystemError],
      [() => { driver.truncate(PATH, -1); }, RangeError],
      [() => { driver.truncate('/nowhere', 1); }, MockSystemError],
      [() => { driver.unlink('/nowhere'); }, MockSystemError],
      [() => driver.physicalOf(PATH, 0.5), RangeError],
    ];
    for (const [call, error] of calls) expect(call).toThrow(error);
    driver.punch(PATH, { offset: PAGE, length: PAGE });
    expect(() => { driver.poison(PATH, { offset: PAGE, length: 1 }); }).toThrow(/hole/);
  });

  it('set-up is no operation and no observer sees it', async () => {
    const { driver } = await scenario({ filesystem: 'xfs' });
    const before = driver.operations;
    driver.observe(({ name }) => {
      throw new Error(`${name} was seen`);
    });
    driver.punch(PATH, { offset: P, length: PAGE });
    driver.writeFile('/pmem/other', pattern(PAGE));
    expect(driver.poisoned).toEqual([]);
    expect(driver.operations).toBe(before);
  });

  it('poison by default reaches pages that are mapped already', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0 });
    loaded(file, 0, 10 * PAGE);
    driver.poison(PATH, { offset: P, length: 1 });
    expect(file.read(new Uint8Array(1), P)).toBeDefined();
  });

  it('poisonPhysical reaches free space', () => {
    const driver = mockDriver();
    const [free] = driver.freePool.ranges;
    driver.poisonPhysical({ offset: free?.offset ?? 0, length: 1 });
    expect(driver.freePool.poisoned).toEqual([{ offset: free?.offset, length: 512 }]);
  });

  it('a profile says what of it was not measured; those with traces of every filesystem and device have nothing left to say', () => {
    const measured = Object.entries(KERNEL_PROFILES).filter(([, { unmeasured }]) => unmeasured.length === 0).map(([kernel]) => kernel);
    expect(measured).toEqual(['6.12', 'dax-zeroinit']);
  });
});
