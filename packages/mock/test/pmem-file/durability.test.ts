// Durability is not claimed for what is gone: for bytes that the file has lost, and for bytes that a failed msync has dropped.
import { Errno, type PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, PATH, read } from './opened.js';

/** Every way to persist a range, as a function of it. */
const ways = {
  persist: (file: PmemFile, offset: number, length: number) => { file.persist(offset, length); },
  persistAsync: (file: PmemFile, offset: number, length: number) => file.persistAsync(offset, length),
  persistRanges: (file: PmemFile, offset: number, length: number) => {
    file.persistRanges([{ offset, length: 1 }, { offset: offset + 1, length: length - 1 }]);
  },
};
const names = Object.keys(ways) as (keyof typeof ways)[];

describe('with msync, a file that another process has cut short', () => {
  it.each(names)('%s names the bytes that are gone, also within the last page, and calls no others lost', async (way) => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    driver.truncate(PATH, 2 * PAGE + 100);
    const error = await failure('ERR_PMEM_TRUNCATED', () => ways[way](file, PAGE, 2 * PAGE));
    expect(error.ranges).toEqual([{ offset: 2 * PAGE + 100, length: PAGE - 100 }]);
    const edge = await failure('ERR_PMEM_TRUNCATED', () => ways[way](file, 2 * PAGE + 90, 11));
    expect(edge.ranges).toEqual([{ offset: 2 * PAGE + 100, length: 1 }]);
    await ways[way](file, PAGE, PAGE + 100);
    driver.writeFile(PATH, content(4 * PAGE));
    await ways[way](file, 0, 4 * PAGE);
  });

  it('writeAndPersist into the last page, beyond the end of the file', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    driver.truncate(PATH, 2 * PAGE + 100);
    const error = await failure('ERR_PMEM_TRUNCATED', () => { file.writeAndPersist(new Uint8Array(20), 2 * PAGE + 90); });
    expect(error.ranges).toEqual([{ offset: 2 * PAGE + 100, length: 10 }]);
  });
});

describe('after an msync that failed', () => {
  it.each(names)('%s does not report success until every byte is written again', async (way) => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    file.write(content(10), PAGE);
    driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EIO }));
    const first = await failure('ERR_PMEM_IO', () => ways[way](file, PAGE, PAGE));
    expect(first.cause).toMatchObject({ code: 'EIO', syscall: 'msync' });
    for (const again of names) {
      const error = await failure('ERR_PMEM_IO', () => ways[again](file, 0, 4 * PAGE));
      expect(error.message).toContain('an earlier flush of this file failed');
      expect(error.ranges[0]?.offset).toBe(0);
    }
    // All bytes are readable, and what is written again can be persisted.
    expect(read(file, 0, 4 * PAGE)[PAGE + 10]).toBe(content(4 * PAGE)[PAGE + 10]);
    file.write(content(100), PAGE);
    await ways[way](file, PAGE, 100);
    const rest = await failure('ERR_PMEM_IO', () => ways[way](file, PAGE, PAGE));
    expect(rest.ranges[0]?.offset).toBeGreaterThan(PAGE);
    file.write(content(4 * PAGE), 0);
    await ways[way](file, 0, 4 * PAGE);
  });

  it.each(names)('%s of other bytes does not succeed: the kernel told it once, of any range', async (way) => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    file.write(content(10), 0);
    file.write(content(10), 2 * PAGE);
    driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EIO }));
    const first = await failure('ERR_PMEM_IO', () => ways[way](file, 2 * PAGE, 10));
    expect(first.ranges[0]?.offset).toBe(2 * PAGE);
    expect((await failure('ERR_PMEM_IO', () => ways[way](file, 0, 10))).ranges[0]?.offset).toBe(0);
    file.write(content(10), 0);
    await ways[way](file, 0, 10);
  });

  it('writeAndPersist of the same bytes is enough', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EDQUOT }));
    const error = await failure('ERR_PMEM_NO_SPACE', () => { file.writeAndPersist(content(10), 5); });
    expect(error.ranges).toEqual([{ offset: 5, length: 10 }]);
    await failure('ERR_PMEM_IO', () => { file.persist(5, 10); });
    file.writeAndPersist(content(10), 5);
    file.persist(5, 10);
  });

  it('a resize forgets those that it cuts off', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EIO }));
    await failure('ERR_PMEM_IO', () => { file.persist(2 * PAGE, PAGE); });
    await file.resize(2 * PAGE);
    await file.resize(4 * PAGE);
    file.persist(2 * PAGE, 2 * PAGE);
    expect((await failure('ERR_PMEM_IO', () => { file.persist(); })).ranges).toEqual([{ offset: 0, length: 2 * PAGE }]);
  });

  it('a closed file is no failed msync', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, PAGE);
    await file.close();
    await failure('ERR_PMEM_CLOSED', () => { file.persist(); });
  });
});

it('with MAP_SYNC there is no system call that could fail, and nothing is remembered', async () => {
  const driver = mockDriver();
  const file = await filled(driver, 4 * PAGE);
  driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EIO }));
  await failure('ERR_PMEM_IO', () => { file.persist(); });
  file.persist();
});
