// A flush that fails speaks of the whole file: the kernel tells it once, by whichever flush comes next, and calls the
// pages clean.
import { type CompleteFile, Errno, type PersistProblem, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, mockDriver, type MockDriver } from '../../src/index.js';
import { changing, content, failure, filled, openIn, PAGE, pageOf, PATH, read } from './opened.js';

interface Flushes {
  /** The next flush fails; those after it find the pages clean, and write none. */
  fail: boolean;
}

/** A file without DAX whose page 1 is lost, and written over here. */
async function writtenOverALoss(driver: MockDriver, flushes: Flushes): Promise<PmemFile> {
  let dropped = false;
  const flush = (really: () => PersistProblem): PersistProblem => {
    if (!flushes.fail) return dropped ? undefined : really();
    flushes.fail = false;
    dropped = true;
    return { errno: Errno.EIO, syscall: 'msync' };
  };
  const file = await filled(driver, 4 * PAGE, {
    driver: changing(driver, (opened) => {
      const persist = opened.persist.bind(opened);
      const persistRanges = opened.persistRanges.bind(opened);
      opened.persist = (position, length) => flush(() => persist(position, length));
      opened.persistRanges = (ranges) => flush(() => persistRanges(ranges));
      opened.persistAsync = (position, length) => Promise.resolve(opened.persist(position, length));
    }),
  });
  driver.poison(PATH, pageOf(1));
  await file.repair(pageOf(1));
  file.write(content(PAGE), PAGE);
  flushes.fail = true;
  await failure('ERR_PMEM_IO', () => { file.persist(PAGE, PAGE); });
  return file;
}

const persists = {
  persist: (file: PmemFile) => { file.persist(PAGE, PAGE); },
  persistAsync: (file: PmemFile) => file.persistAsync(PAGE, PAGE),
  persistRanges: (file: PmemFile) => { file.persistRanges([pageOf(1)]); },
  'close()': (file: PmemFile) => file.close(),
};

describe('lost bytes are written over, and their flush fails', () => {
  it.each(Object.entries(persists))('%s, which finds the pages clean, leaves them lost', async (_, again) => {
    const driver = mockDriver({ dax: false });
    const file = await writtenOverALoss(driver, { fail: false });
    await failure('ERR_PMEM_IO', () => again(file));
    driver.crash('lose-all');
    const reopened = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_LOST', () => read(reopened, PAGE, PAGE));
  });

  it('once they are written again, they are no longer lost', async () => {
    const driver = mockDriver({ dax: false });
    const file = await writtenOverALoss(driver, { fail: false });
    file.write(new Uint8Array(PAGE), PAGE);
    file.persist(PAGE, PAGE);
    await file.close();
    expect(read(await PmemFile.open(PATH, { driver }), PAGE, PAGE)).toEqual(new Uint8Array(PAGE));
  });
});

describe('persistAsync() fails on its thread, and is not heard of yet', () => {
  it.each(Object.entries({
    persist: (file: PmemFile) => { file.persist(PAGE, PAGE); },
    persistRanges: (file: PmemFile) => { file.persistRanges([pageOf(1)]); },
    writeAndPersist: (file: PmemFile) => { file.writeAndPersist(content(10), PAGE); },
    persistAsync: (file: PmemFile) => file.persistAsync(PAGE, PAGE),
  }))('%s beside it fails as well: the kernel would not tell it again', async (_, beside) => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    file.write(content(PAGE), PAGE);
    driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EIO }));
    const inFlight = failure('ERR_PMEM_IO', () => file.persistAsync(PAGE, PAGE));
    await failure('ERR_PMEM_IO', () => beside(file));
    await inFlight;
    file.write(content(PAGE), PAGE);
    file.persist(PAGE, PAGE);
  });

  it('the mark of a journal fails as well, now and on its thread: it is flushed by the same fsync', async () => {
    const driver = mockDriver({ dax: false });
    driver.writeFile(PATH, content(4 * PAGE));
    let opened: CompleteFile | undefined;
    const file = await PmemFile.open(PATH, { driver: changing(driver, (each) => { opened = each; }) });
    driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EIO }));
    const inFlight = failure('ERR_PMEM_IO', () => file.persistAsync(PAGE, PAGE));
    const marking = opened?.writeMark(Uint8Array.of(1));
    expect(opened?.writeMarkSync(Uint8Array.of(1))).toEqual({ errno: Errno.EIO, syscall: 'msync' });
    expect(await marking).toEqual({ errno: Errno.EIO, syscall: 'msync' });
    await inFlight;
    expect(opened?.writeMarkSync(Uint8Array.of(1))).toBeUndefined();
  });
});

describe('bytes in doubt are written again while persistAsync() of them runs', () => {
  it('it throws, for the flush may have come before what was written', async () => {
    const driver = mockDriver({ dax: false, turns: true });
    const file = await filled(driver, 4 * PAGE);
    file.write(content(2 * PAGE), PAGE);
    driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EIO }));
    await failure('ERR_PMEM_IO', () => { file.persist(0, PAGE); });
    file.write(content(PAGE), 2 * PAGE);
    const inFlight = failure('ERR_PMEM_IO', () => file.persistAsync(PAGE, 2 * PAGE));
    file.write(content(PAGE), PAGE);
    expect((await inFlight).ranges).toEqual([pageOf(1)]);
    await file.persistAsync(PAGE, 2 * PAGE);
  });

  it('a loss among them stays one, until they are persisted once more', async () => {
    const driver = mockDriver({ dax: false });
    const file = await writtenOverALoss(driver, { fail: false });
    const inFlight = failure('ERR_PMEM_IO', () => file.persistAsync(PAGE, PAGE));
    file.write(content(PAGE), PAGE);
    await inFlight;
    driver.crash('lose-all');
    const reopened = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_LOST', () => read(reopened, PAGE, PAGE));
  });

  it('what resize() has cut off meanwhile is not asked for', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE, {
      driver: changing(driver, (opened) => {
        const persistAsync = opened.persistAsync.bind(opened);
        opened.persistAsync = async (position, length) => {
          const outcome = await persistAsync(position, length);
          await file.resize(2 * PAGE);
          return outcome;
        };
      }),
    });
    driver.observe(failNth({ operation: 'persist', nth: 1, errno: Errno.EIO }));
    await failure('ERR_PMEM_IO', () => { file.persist(0, PAGE); });
    file.write(content(2 * PAGE), 0);
    await file.persistAsync();
  });
});

describe('a bad page is left out of persistAsync(), and can be read again before that ends', () => {
  it('it is flushed as well', async () => {
    const driver = mockDriver({ dax: false, turns: true });
    const flushed: number[] = [];
    const file = await filled(driver, 4 * PAGE, {
      driver: changing(driver, (opened) => {
        const persistAsync = opened.persistAsync.bind(opened);
        opened.persistAsync = async (position, length) => {
          flushed.push(position, length);
          if (position === 2 * PAGE) read(file, PAGE, PAGE);
          return persistAsync(position, length);
        };
      }),
    });
    driver.poison(PATH, pageOf(1));
    await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, PAGE));
    const there = await PmemFile.open(PATH, { driver: driver.process('there') });
    await there.repair(pageOf(1), { fill: 7 });
    await file.persistAsync();
    expect(flushed).toEqual([0, PAGE, 2 * PAGE, 2 * PAGE, PAGE, PAGE]);
  });
});

describe('a flush of the file fails that no persist has asked for', () => {
  it('the fdatasync of a repair: what was stored elsewhere is not called durable', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, pageOf(1));
    file.write(content(10), 3 * PAGE);
    driver.observe(failNth({ operation: 'sync', nth: 1, errno: Errno.EIO }));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(pageOf(1), { fill: 7 }));
    const error = await failure('ERR_PMEM_IO', () => { file.persist(3 * PAGE, 10); });
    expect(error.ranges).toEqual([{ offset: 3 * PAGE, length: 10 }]);
    await file.repair(pageOf(1), { fill: 7 });
    file.persist(PAGE, PAGE);
    file.write(content(10), 3 * PAGE);
    file.persist(3 * PAGE, 10);
  });

  it('that of what others have stored over an intent: what was stored elsewhere is not called durable', async () => {
    const driver = mockDriver({ dax: false });
    driver.writeFile(PATH, content(3 * PAGE));
    const [killed, there] = [await openIn(driver, 'killed'), await openIn(driver, 'there')];
    driver.poison(PATH, pageOf(1));
    driver.observe(({ name, process }) => {
      if (name !== 'sync') return undefined;
      if (process === 'killed') driver.process('killed').kill();
      return process === 'there' ? { errno: Errno.EIO } : undefined;
    });
    await expect(killed.repair(pageOf(1), { fill: 7 })).rejects.toThrow('killed');
    there.write(content(10), PAGE + 10);
    there.write(content(10), 2 * PAGE);
    await failure('ERR_PMEM_IO', () => there.repair(pageOf(1), { fill: 7 }));
    await failure('ERR_PMEM_IO', () => { there.persist(2 * PAGE, 10); });
  });

  it.each([
    ['fsync', true], ['fsetxattr', false],
  ] as const)('the %s of the mark of a journal: that is a flush (%s)', async (syscall, isFlush) => {
    const driver = mockDriver({ dax: false });
    let fails = false;
    const file = await filled(driver, 4 * PAGE, {
      driver: changing(driver, (opened) => {
        const writeMark = opened.writeMark.bind(opened);
        opened.writeMark = (mark) => (fails ? Promise.resolve({ errno: Errno.EIO, syscall }) : writeMark(mark));
      }),
    });
    driver.poison(PATH, pageOf(1));
    file.write(content(10), 3 * PAGE);
    fails = true;
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(pageOf(1), { fill: 7 }));
    if (isFlush) await failure('ERR_PMEM_IO', () => { file.persist(3 * PAGE, 10); });
    else file.persist(3 * PAGE, 10);
  });
});
