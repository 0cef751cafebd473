/** Several processes on one machine: what is each one's own, and what its death ends. */
import { describe, expect, it } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { Errno, type CompleteFile } from '@safe-pmem/core';
import { type MockDriver, mockDriver, type MockProcess, SimulatedCrash } from '../src/index.js';

const PATH = '/pmem/file';
const PAGE = 4096;
const REQUEST = { readOnly: false, create: false, sizeBytes: undefined, preallocate: false } as const;

async function opened(driver: MockDriver | MockProcess): Promise<CompleteFile> {
  const outcome = await driver.open(PATH, REQUEST);
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  return outcome.file;
}

function machine(options: Parameters<typeof mockDriver>[0] = {}): MockDriver {
  const driver = mockDriver(options);
  driver.writeFile(PATH, new Uint8Array(2 * PAGE).fill(1));
  return driver;
}

describe('locks belong to an open file', () => {
  it('two opens exclude each other, in one process and in two; one does not exclude itself', async () => {
    const driver = machine();
    const a = driver.process('a');
    const [first, second, other] = [await opened(a), await opened(a), await opened(driver.process('b'))];
    expect(first.lock(100, 10)).toBeUndefined();
    expect(first.lock(105, 10)).toBeUndefined();
    expect(second.lock(109, 1)?.errno).toBe(Errno.EAGAIN);
    expect(other.lock(109, 1)?.errno).toBe(Errno.EAGAIN);
    expect(other.lock(115, 1)).toBeUndefined();
  });

  it('close gives them back, also if close(2) fails', async () => {
    const driver = machine();
    const [first, other] = [await opened(driver.process('a')), await opened(driver.process('b'))];
    first.lock(0, 1);
    const stop = driver.observe(({ name }) => (name === 'close' ? { errno: Errno.EIO } : undefined));
    expect((await first.close())?.errno).toBe(Errno.EIO);
    stop();
    expect(other.lock(0, 1)).toBeUndefined();
    expect((await first.close())?.errno).toBe(Errno.EBADF);
  });

  it('they follow the file through a rename, and a hard link leads to the same ones', async () => {
    const driver = machine();
    const first = await opened(driver);
    first.lock(0, 1);
    driver.link(PATH, '/pmem/second');
    driver.rename(PATH, '/pmem/third');
    for (const path of ['/pmem/second', '/pmem/third']) {
      const outcome = await driver.process('b').open(path, REQUEST);
      if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
      expect(outcome.file.lock(0, 1)?.errno, path).toBe(Errno.EAGAIN);
    }
  });

  it('a filesystem without locks says ENOLCK', async () => {
    const file = await opened(machine({ locks: false }));
    expect(file.lock(0, 1)).toEqual({ errno: 37, syscall: 'fcntl' });
  });
});

describe('a process is killed', () => {
  it('its locks are free and its stores stay; its files are dead; the others go on', async () => {
    const driver = machine();
    const a = driver.process('a');
    const [dying, other] = [await opened(a), await opened(driver.process('b'))];
    dying.lock(0, 1);
    dying.write(Uint8Array.of(7), 5);
    a.kill();
    expect(a.alive).toBe(false);
    expect(() => dying.write(Uint8Array.of(8), 5)).toThrow(SimulatedCrash);
    await expect(dying.close()).rejects.toThrow(SimulatedCrash);
    const bytes = new Uint8Array(1);
    expect(other.lock(0, 1)).toBeUndefined();
    other.read(bytes, 5);
    expect(bytes[0]).toBe(7);
    await expect(a.open(PATH, REQUEST)).rejects.toThrow("process 'a' was killed");
    expect(driver.process('a')).not.toBe(a);
    await opened(driver.process('a'));
  });

  it('what it had stored and nothing persisted is lost with the power after it', async () => {
    const driver = machine();
    const file = await opened(driver.process('a'));
    file.write(Uint8Array.of(7), 5);
    driver.process('a').kill();
    driver.crash('lose-all');
    expect(driver.readFile(PATH)[5]).toBe(1);
  });

  it('a file that it alone held, without a name, is gone with it', async () => {
    const driver = machine();
    await opened(driver.process('a'));
    driver.unlink(PATH);
    const before = driver.freePool.freeBytes;
    driver.process('a').kill();
    expect(driver.freePool.freeBytes).toBe(before + 2 * PAGE);
  });

  it('an observer kills it before an operation, which does not happen', async () => {
    const driver = machine();
    const a = driver.process('a');
    const file = await opened(a);
    const stop = driver.observe(({ name, process }) => {
      if (name === 'write' && process === 'a') a.kill();
      return undefined;
    });
    expect(() => file.write(Uint8Array.of(7), 0)).toThrow(SimulatedCrash);
    expect(driver.readFile(PATH)[0]).toBe(1);
    stop();
    // The next to do something, unobserved, is not taken for the dead.
    const other = await PmemFile.open(PATH, { driver: driver.process('b') });
    driver.poison(PATH, { offset: PAGE, length: 1 });
    expect((await other.repair({ offset: PAGE, length: PAGE }, { fill: 9 })).units[0]?.outcome).toBe('cleared');
  });

  it('between two calls of one operation: the first has happened, the second never does', async () => {
    const driver = machine();
    const a = driver.process('a');
    const file = await PmemFile.open(PATH, { driver: a });
    driver.poison(PATH, { offset: PAGE, length: 1 });
    driver.observe(({ step }) => {
      if (step === 'temporary') a.kill();
      return undefined;
    });
    await expect(file.repair({ offset: PAGE, length: PAGE }, { fill: 9 })).rejects.toThrow(SimulatedCrash);
    expect(driver.listFiles()).not.toContain(`${PATH}.repair`);
    expect(driver.poisoned).toHaveLength(1);
  });
});

describe('asynchronous calls that take turns', () => {
  it('happen in a later turn of the event loop, in the order in which they were made', async () => {
    const driver = machine({ turns: true });
    const file = await opened(driver);
    const before = driver.operations;
    const calls = [file.pwrite(Uint8Array.of(2), 0), file.sync(), file.fileSize()];
    expect(driver.operations).toBe(before);
    await Promise.resolve();
    expect(driver.operations).toBe(before);
    await Promise.all(calls);
    expect(driver.operations).toBe(before + 3);
  });

  it('close comes after the calls in flight, and calls of a process that is killed meanwhile never happen', async () => {
    const driver = machine({ turns: true });
    const file = await opened(driver);
    const write = file.pwrite(Uint8Array.of(2), 0);
    expect(await file.close()).toBeUndefined();
    expect(await write).toEqual({ transferredBytes: 1, errno: 0 });
    const other = await opened(driver.process('b'));
    const never = other.pwrite(Uint8Array.of(3), 0);
    driver.process('b').kill();
    await expect(never).rejects.toThrow(SimulatedCrash);
    expect(driver.readFile(PATH)[0]).toBe(2);
  });

  it('PmemFile works on them, repair included', async () => {
    const driver = machine({ turns: true });
    const file = await PmemFile.open(PATH, { driver });
    driver.poison(PATH, { offset: PAGE, length: 1 });
    const { units } = await file.repair({ offset: PAGE, length: PAGE }, { fill: 9 });
    expect(units[0]?.outcome).toBe('cleared');
    await file.close();
    expect(driver.readFile(PATH)[PAGE]).toBe(9);
  });
});
