// Storage that is healthy and answers oddly: full, over quota, remounted, rewritten by others, far away, shut down. Nothing of
// it is a media error, nothing of it is remembered, and no byte that can be read is hidden.
import { Errno, MediaError, PmemFile, type PmemErrorCode } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver } from '../../src/index.js';
import { failNth, mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, PATH, part, read } from './opened.js';

/** Nothing that happened before may show. */
async function expectHealthy(file: PmemFile, expected = content(file.size)): Promise<void> {
  expect(read(file, 0, file.size)).toEqual(expected);
  expect((await file.scrub()).mediaErrors).toEqual([]);
  expect((await file.salvage()).gaps).toEqual([]);
  expect((await file.badBlocks()).status).not.toBe('known');
}

/** Does `action` once, when the driver is asked for an operation of this name. */
function once(driver: MockDriver, name: string, action: () => void): void {
  let done = false;
  driver.observe((operation) => {
    if (!done && operation.name === name && operation.step === undefined) {
      done = true;
      action();
    }
    return undefined;
  });
}

describe('a store that finds no space over bytes that are there', () => {
  it('a reflinked XFS file on a full filesystem keeps its old bytes, and is written once there is space', async () => {
    const driver = mockDriver({ filesystem: 'xfs', capacityBytes: 64 * PAGE });
    const file = await filled(driver, 8 * PAGE);
    driver.reflink(PATH, '/pmem/snapshot');
    const filler = driver.exhaust();
    const error = await failure('ERR_PMEM_NO_SPACE', () => { file.write(new Uint8Array(10), 3 * PAGE + 5); });
    expect(error.ranges).toEqual([{ offset: 3 * PAGE + 5, length: 10 }]);
    expect(error.message).toContain('statfs tells of');
    await expectHealthy(file);
    driver.unlink(filler);
    file.write(Uint8Array.of(9), 3 * PAGE + 5);
    expect(read(file, 3 * PAGE + 5, 1)).toEqual(Uint8Array.of(9));
  });

  it('a quota that statfs does not show: a hole, and a snapshotted block', async () => {
    const driver = mockDriver({ filesystem: 'xfs', capacityBytes: 64 * PAGE });
    const file = await filled(driver, 8 * PAGE);
    driver.reflink(PATH, '/pmem/snapshot');
    driver.punch(PATH, { offset: 5 * PAGE, length: PAGE });
    driver.setQuota(0);
    expect(driver.freePool.freeBytes).toBeGreaterThan(40 * PAGE);
    await failure('ERR_PMEM_NO_SPACE', () => { file.write(new Uint8Array(PAGE), 5 * PAGE); });
    await failure('ERR_PMEM_NO_SPACE', () => { file.write(new Uint8Array(PAGE), PAGE); });
    await failure('ERR_PMEM_NO_SPACE', () => { file.writeAndPersist(new Uint8Array(PAGE), PAGE); });
    const expected = content(8 * PAGE);
    expected.fill(0, 5 * PAGE, 6 * PAGE);
    await expectHealthy(file, expected);
    driver.setQuota(undefined);
    file.write(content(PAGE), 5 * PAGE);
  });

  it('a filesystem that an error made read-only is not full', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    const stop = driver.observe(({ name, step }) => {
      if (name === 'write') return { signalCode: 2 };
      return name === 'probe' && step === 'pwrite' ? { errno: Errno.EROFS } : undefined;
    });
    const error = await failure('ERR_PMEM_IO', () => { file.write(new Uint8Array(10), PAGE); });
    expect(error.cause).toMatchObject({ code: 'EROFS', syscall: 'pwrite' });
    stop();
    await expectHealthy(file);
  });
});

describe('a file that another process rewrites in place: O_TRUNC, then write', () => {
  it('a read that meets the gap, and asks after it, gets the new bytes', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    const fresh = content(5 * PAGE).slice(PAGE);
    driver.truncate(PATH, 0);
    once(driver, 'probe', () => { driver.writeFile(PATH, fresh); });
    expect(read(file, PAGE, PAGE)).toEqual(part(fresh, { offset: PAGE, length: PAGE }));
    await expectHealthy(file, fresh);
  });

  it('a read that meets the gap and finds it there is told of a truncation, and the next one of nothing', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.truncate(PATH, 0);
    expect((await failure('ERR_PMEM_TRUNCATED', () => read(file, PAGE, 2 * PAGE))).ranges).toEqual([{ offset: PAGE, length: 2 * PAGE }]);
    driver.writeFile(PATH, content(4 * PAGE));
    await expectHealthy(file);
  });

  const ways = ['read', 'write', 'salvage', 'scrub', 'view'] as const;
  it.each(ways)('a page that was listed is asked again by %s', async (how) => {
    const driver = mockDriver();
    driver.writeFile(PATH, content(4 * PAGE));
    driver.poison(PATH, { offset: PAGE, length: 512 });
    const file = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 8));
    const fresh = content(5 * PAGE).slice(PAGE);
    driver.writeFile(PATH, fresh);
    const bytes = fresh.slice(PAGE, 2 * PAGE);
    switch (how) {
      case 'read': expect(read(file, PAGE, PAGE)).toEqual(bytes); break;
      case 'write': file.write(bytes, PAGE); break;
      case 'salvage': expect((await file.salvage()).gaps).toEqual([]); break;
      case 'scrub': expect((await file.scrub()).mediaErrors).toEqual([]); break;
      case 'view': expect(Uint8Array.from(file.view({ offset: PAGE, length: PAGE }))).toEqual(bytes); break;
    }
    await expectHealthy(file, fresh);
  });

  it('a listed page that was cut off is truncated, and no media error', async () => {
    const driver = mockDriver();
    driver.writeFile(PATH, content(4 * PAGE));
    driver.poison(PATH, { offset: PAGE, length: 512 });
    const file = await PmemFile.open(PATH, { driver });
    driver.truncate(PATH, PAGE);
    await failure('ERR_PMEM_TRUNCATED', () => read(file, PAGE, 8));
    expect((await file.salvage()).gaps).toEqual([{ offset: PAGE, length: 3 * PAGE, reason: 'truncated' }]);
  });

  it('a page that is cut off while its repair is verified: what others put there can be read', async () => {
    const driver = mockDriver();
    driver.writeFile(PATH, content(4 * PAGE));
    driver.poison(PATH, { offset: PAGE, length: PAGE });
    const file = await PmemFile.open(PATH, { driver });
    once(driver, 'remap', () => { driver.truncate(PATH, 0); });
    const repairing = file.repair({ offset: PAGE, length: PAGE }, { rebuild: () => new Uint8Array(PAGE).fill(7) });
    await expect(repairing).rejects.toMatchObject({ code: 'ERR_PMEM_REPAIR_FAILED' });
    driver.writeFile(PATH, content(4 * PAGE));
    await expectHealthy(file);
  });

  it('a file that others rewrite to whole pages while its partial last page is repaired keeps its size', async () => {
    const driver = mockDriver();
    driver.writeFile(PATH, content(2 * PAGE + 100));
    driver.poison(PATH, { offset: 2 * PAGE, length: 512 });
    const file = await PmemFile.open(PATH, { driver });
    const rewrite = (): void => { driver.writeFile(PATH, content(3 * PAGE)); };
    once(driver, 'pwrite', () => { once(driver, 'pread', rewrite); });
    await file.repair({ offset: 2 * PAGE, length: 100 }, { fill: 7 }).catch(() => undefined);
    expect(driver.readFile(PATH)).toEqual(content(3 * PAGE));
  });

  it('a view that met the gap throws, since zeros have taken the place of the bytes; nothing of it stays', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    const stop = driver.observe(({ name }) => (name === 'view' ? { signalCode: 2 } : undefined));
    const view = file.view({ offset: PAGE, length: PAGE });
    stop();
    const error = await failure('ERR_PMEM_IO', () => { view.verify(); });
    expect(error.ranges).toEqual([{ offset: PAGE, length: PAGE }]);
    await expectHealthy(file);
  });

  it('a view that met a gap which is a hole by now speaks of no lack of space', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.truncate(PATH, PAGE);
    driver.truncate(PATH, 4 * PAGE);
    const stop = driver.observe(({ name }) => (name === 'view' ? { signalCode: 2 } : undefined));
    const view = file.view({ offset: PAGE, length: PAGE });
    stop();
    expect((await failure('ERR_PMEM_IO', () => { view.verify(); })).message).toContain('cut off under the view');
  });

  it('a store that persists and meets the gap is durable when it returns', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.truncate(PATH, 0);
    once(driver, 'probe', () => { driver.writeFile(PATH, content(4 * PAGE)); });
    file.writeAndPersist(Uint8Array.of(1, 2, 3), PAGE);
    driver.crash('lose-all');
    expect(part(driver.readFile(PATH), { offset: PAGE, length: 3 })).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('a flush that meets the gap is repeated, or it would have stopped there', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    file.write(Uint8Array.of(1, 2, 3), 3 * PAGE);
    driver.truncate(PATH, PAGE);
    const persists: number[] = [];
    driver.observe(({ name, step }) => {
      if (name === 'persist' && step === undefined) persists.push(1);
      return undefined;
    });
    once(driver, 'probe', () => { driver.truncate(PATH, 4 * PAGE); });
    file.persist();
    expect(persists).toHaveLength(2);
  });
});

describe('a network filesystem', () => {
  const names = ['EACCES', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN', 'ENOMEM', 'EINTR', 'EAGAIN'] as const;

  it.each(names)('%s, once: nothing has happened', async (name) => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    driver.observe(failNth({ operation: 'read', nth: 1, errno: 0 }));
    driver.observe(failNth({ operation: 'probe', nth: 1, errno: Errno[name] }));
    await expectHealthy(file);
  });

  it.each(names)('%s, for as long as the server is away: ERR_PMEM_IO with that errno, and then all is well', async (name) => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    const back = driver.observe(failNth({ operation: ['read', 'write', 'probe', 'pread', 'persist'], nth: 1, errno: Errno[name], persistent: true }));
    const code: PmemErrorCode = 'ERR_PMEM_IO';
    expect((await failure(code, () => read(file, PAGE, 10))).cause).toMatchObject({ code: name, syscall: 'pread' });
    expect((await failure(code, () => { file.write(new Uint8Array(1), PAGE); })).cause).toMatchObject({ code: name });
    if (name !== 'EACCES') expect((await failure(code, () => file.scrub())).cause).toMatchObject({ code: name, syscall: 'pread' });
    expect((await file.salvage()).gaps).toEqual([{ offset: 0, length: 4 * PAGE, reason: 'io' }]);
    back();
    await expectHealthy(file);
  });

  it.each(['ENOSPC', 'EDQUOT'] as const)('%s of a store: no space, and the old bytes stay readable', async (name) => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    const stop = driver.observe(failNth({ operation: ['write', 'probe'], nth: 1, errno: Errno[name], persistent: true }));
    await failure('ERR_PMEM_NO_SPACE', () => { file.write(new Uint8Array(1), PAGE); });
    stop();
    await expectHealthy(file);
  });
});

describe.each(['ext4', 'xfs'] as const)('%s that has shut down', (filesystem) => {
  it('gives ERR_PMEM_IO, and none of its EIO is believed to be the medium\'s', async () => {
    const driver = mockDriver({ filesystem });
    await (await filled(driver, 8 * PAGE)).close();
    const file = await PmemFile.open(PATH, { driver });
    const events: unknown[] = [];
    driver.shutDown();
    for (const access of [
      () => read(file, PAGE, 10),
      () => file.readUInt32LE(2 * PAGE),
      () => file.withView({ offset: 3 * PAGE, length: PAGE }, (view) => view[0]),
      () => { file.write(new Uint8Array(1), 4 * PAGE); },
      () => file.scrub(),
    ]) {
      const error = await failure('ERR_PMEM_IO', access);
      expect(error.cause).toMatchObject({ code: 'EIO', syscall: filesystem === 'xfs' ? 'fstat' : 'pread' });
      events.push(error instanceof MediaError);
    }
    expect(events).not.toContain(true);
    expect((await file.salvage()).gaps.map(({ reason }) => reason)).toEqual(['io']);
    await file.close();
    driver.crash('keep-all');
    await expectHealthy(await PmemFile.open(PATH, { driver }));
  });
});
