/** What other processes do to a file that is open: names, sizes, contents; quotas, and a filesystem that has given up. */
import { describe, expect, it } from 'vitest';
import { Errno, type CompleteFile } from '@safe-pmem/core';
import { type MockDriver, mockDriver } from '../src/index.js';

const PATH = '/pmem/file';
const PAGE = 4096;

async function opened(driver: MockDriver, path = PATH): Promise<CompleteFile> {
  const outcome = await driver.open(path, { readOnly: false, create: false, sizeBytes: undefined, preallocate: false });
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  return outcome.file;
}

function first(file: CompleteFile): number {
  const bytes = new Uint8Array(1);
  const fault = file.read(bytes, 0);
  if (fault !== undefined) throw new Error(`signal ${fault.signalCode}`);
  return bytes[0] ?? -1;
}

function machine(options: Parameters<typeof mockDriver>[0] = {}): MockDriver {
  const driver = mockDriver(options);
  driver.writeFile(PATH, new Uint8Array(PAGE).fill(1));
  return driver;
}

describe('names', () => {
  it('an open file follows its inode through a rename, and a new file of the old name is another', async () => {
    const driver = machine();
    const file = await opened(driver);
    driver.rename(PATH, '/pmem/old');
    driver.writeFile(PATH, new Uint8Array(PAGE).fill(2));
    file.write(Uint8Array.of(7), 0);
    expect([driver.readFile('/pmem/old')[0], driver.readFile(PATH)[0], first(await opened(driver))]).toEqual([7, 2, 2]);
    expect((await opened(driver, '/pmem/old')).facts.inode).toBe(file.facts.inode);
  });

  it('a file that is replaced stays with those who have it open, until they close it', async () => {
    const driver = machine();
    const file = await opened(driver);
    const { freeBytes } = driver.freePool;
    driver.replaceFile(PATH, new Uint8Array(PAGE).fill(2));
    expect([first(file), first(await opened(driver)), driver.listFiles()]).toEqual([1, 2, [PATH]]);
    expect(driver.freePool.freeBytes).toBe(freeBytes - PAGE);
    await file.close();
    expect(driver.freePool.freeBytes).toBe(freeBytes);
  });

  it('two names of one file: either can go, and the last takes the blocks along', () => {
    const driver = machine();
    const { freeBytes } = driver.freePool;
    driver.link(PATH, '/pmem/second');
    driver.unlink(PATH);
    expect(driver.readFile('/pmem/second')[0]).toBe(1);
    expect(driver.freePool.freeBytes).toBe(freeBytes);
    driver.unlink('/pmem/second');
    expect(driver.freePool.freeBytes).toBe(freeBytes + PAGE);
  });

  it('a rename onto another name of the same file changes nothing; EEXIST and ENOENT are said', () => {
    const driver = machine();
    driver.link(PATH, '/pmem/second');
    driver.rename(PATH, '/pmem/second');
    expect(driver.listFiles()).toEqual([PATH, '/pmem/second']);
    expect(() => { driver.link(PATH, '/pmem/second'); }).toThrow('EEXIST');
    expect(() => { driver.rename('/pmem/none', PATH); }).toThrow('ENOENT');
  });

  it('what they did is durable', () => {
    const driver = machine();
    driver.link(PATH, '/pmem/second');
    driver.rename(PATH, '/pmem/third');
    driver.append('/pmem/third', Uint8Array.of(9));
    driver.crash('lose-all');
    expect(driver.listFiles()).toEqual(['/pmem/second', '/pmem/third']);
    expect(driver.readFile('/pmem/second')[PAGE]).toBe(9);
  });
});

describe('contents', () => {
  it('bytes that were appended lie past the mapping; the size is asked for', async () => {
    const driver = machine();
    const file = await opened(driver);
    driver.append(PATH, new Uint8Array(10).fill(5));
    expect([file.mappedBytes, await file.fileSize()]).toEqual([PAGE, { sizeBytes: PAGE + 10 }]);
  });

  it('a file that is rewritten in place is empty for a moment, and then whole in the same mapping', async () => {
    const driver = machine();
    const file = await opened(driver);
    driver.truncate(PATH, 0);
    expect(() => first(file)).toThrow('signal');
    driver.overwrite(PATH, new Uint8Array(PAGE).fill(3), 0);
    expect(first(file)).toBe(3);
  });
});

describe('space that statfs does not know the end of', () => {
  it('a quota: EDQUOT, a store that faults, and free space all the same', async () => {
    const driver = machine();
    driver.truncate(PATH, 3 * PAGE);
    const file = await opened(driver);
    driver.setQuota(PAGE);
    expect(await file.pwrite(new Uint8Array(PAGE), PAGE)).toEqual({ transferredBytes: PAGE, errno: 0 });
    expect(await file.pwrite(new Uint8Array(PAGE), 2 * PAGE)).toEqual({ transferredBytes: 0, errno: Errno.EDQUOT });
    expect(file.write(Uint8Array.of(1), 2 * PAGE)).toMatchObject({ position: 2 * PAGE });
    const probe = file.probe(2 * PAGE, PAGE);
    expect(probe).toMatchObject({ hole: true, readErrno: 0 });
    expect('freeBytes' in probe && probe.freeBytes > 100 * PAGE).toBe(true);
    driver.setQuota(undefined);
    expect(file.write(Uint8Array.of(1), 2 * PAGE)).toBeUndefined();
  });

  it('a store to a page that another file shares needs a block: on a full filesystem it faults, and the bytes stay', async () => {
    const driver = machine({ filesystem: 'xfs' });
    driver.reflink(PATH, '/pmem/copy');
    driver.exhaust();
    const file = await opened(driver);
    expect(file.write(Uint8Array.of(9), 0)).toMatchObject({ position: 0 });
    expect(await file.pwrite(new Uint8Array(PAGE), 0)).toEqual({ transferredBytes: 0, errno: Errno.ENOSPC });
    expect(first(file)).toBe(1);
  });
});

describe('a filesystem that has given up', () => {
  it('answers EIO and SIGBUS until it is mounted again', async () => {
    const driver = machine({ filesystem: 'xfs' });
    const file = await opened(driver);
    driver.shutDown();
    expect(() => first(file)).toThrow('signal');
    expect(await file.sync()).toEqual({ errno: Errno.EIO, syscall: 'fdatasync' });
    driver.crash();
    expect(first(await opened(driver))).toBe(1);
  });
});
