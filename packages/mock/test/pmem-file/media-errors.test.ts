import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { MediaErrorEvent, RepairEvent } from '@safe-pmem/core';
import { MEDIA_ERROR_CHANNEL, MediaError, PmemFile, REPAIR_CHANNEL } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { failNth, mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, PATH, read } from './opened.js';

/** Each method that reads a number, and how many bytes that takes. */
const NUMBER_READS = [
  ['readUInt8', 1], ['readInt8', 1], ['readUInt16LE', 2], ['readUInt16BE', 2], ['readInt16LE', 2], ['readInt16BE', 2],
  ['readUInt32LE', 4], ['readUInt32BE', 4], ['readInt32LE', 4], ['readInt32BE', 4], ['readFloatLE', 4],
  ['readFloatBE', 4], ['readBigUInt64LE', 8], ['readBigUInt64BE', 8], ['readBigInt64LE', 8], ['readBigInt64BE', 8],
  ['readDoubleLE', 8], ['readDoubleBE', 8],
] as const;

describe('reading and writing around media errors', () => {
  it('fills everything but the pages it names', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 10 * PAGE);
    for (const page of [2, 3, 7]) driver.poison(PATH, { offset: page * PAGE + 99, length: 1 });
    const target = new Uint8Array(9 * PAGE).fill(0xee);
    const error = await failure('ERR_PMEM_MEDIA', () => { file.read(target, PAGE / 2); }, MediaError);
    expect(error).toMatchObject({ operation: 'read', source: 'sigbus', path: PATH });
    expect(error.ranges).toEqual([{ offset: 2 * PAGE, length: 2 * PAGE }, { offset: 7 * PAGE, length: PAGE }]);
    expect(error.message).toContain('[8192, 16384), [28672, 32768)');
    const expected = content(10 * PAGE).slice(PAGE / 2, PAGE / 2 + 9 * PAGE);
    for (const [from, to] of [[0, 1.5], [3.5, 6.5], [7.5, 9]] as const) {
      expect(target.slice(from * PAGE, to * PAGE)).toEqual(expected.slice(from * PAGE, to * PAGE));
    }
  });

  it.each(NUMBER_READS)('%s() that is the first to meet poison fails, and reads beside it', async (name, bytes) => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    const expected = Buffer.from(content(4 * PAGE));
    expect(file[name](PAGE)).toBe(expected[name](PAGE));
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 }, { latent: true });
    for (const position of [2 * PAGE, 3 * PAGE - bytes]) {
      const error = await failure('ERR_PMEM_MEDIA', () => { file[name](position); }, MediaError);
      expect(error.ranges).toEqual([{ offset: 2 * PAGE, length: PAGE }]);
    }
    for (const position of [2 * PAGE - bytes, 3 * PAGE]) expect(file[name](position)).toBe(expected[name](position));
    await failure('ERR_PMEM_CLOSED', async () => {
      await file.close();
      file[name](0);
    });
  });

  it('touches each bad page once, and never again until it is repaired', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 10 * PAGE);
    driver.poison(PATH, { offset: 5 * PAGE, length: 1 });
    await failure('ERR_PMEM_MEDIA', () => read(file, 0, 10 * PAGE));
    const touched: number[] = [];
    driver.observe(({ name, position, length }) => {
      if (['read', 'write', 'pread', 'persist'].includes(name) && position < 6 * PAGE && position + length > 5 * PAGE) touched.push(position);
      return undefined;
    });
    await failure('ERR_PMEM_MEDIA', () => read(file, 4 * PAGE, 3 * PAGE));
    await failure('ERR_PMEM_MEDIA', () => { file.write(content(2 * PAGE), 4 * PAGE + 5); });
    await failure('ERR_PMEM_MEDIA', () => { file.persist(); });
    await failure('ERR_PMEM_MEDIA', () => file.persistAsync());
    await file.salvage();
    await file.scrub();
    expect(touched).toEqual([]);
  });

  it('persist makes everything durable but the pages it names', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    file.write(new Uint8Array(4 * PAGE).fill(9), 0);
    driver.poison(PATH, { offset: PAGE, length: 1 });
    await file.badBlocks();
    const error = await failure('ERR_PMEM_MEDIA', () => { file.persist(); }, MediaError);
    expect(error).toMatchObject({ operation: 'persist', source: 'known', ranges: [{ offset: PAGE, length: PAGE }] });
    file.persist(0, PAGE);
    driver.crash('lose-all');
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, 2 * PAGE, 2 * PAGE)).toEqual(new Uint8Array(2 * PAGE).fill(9));
  });

  it('a file with bad blocks on the kernel’s list knows them from open', async () => {
    const driver = mockDriver();
    await (await filled(driver, 10 * PAGE)).close();
    driver.poison(PATH, { offset: 5 * PAGE, length: 1 });
    const file = await PmemFile.open(PATH, { driver });
    const error = await failure('ERR_PMEM_MEDIA', () => read(file, 0, 10 * PAGE), MediaError);
    expect(error).toMatchObject({ source: 'known', ranges: [{ offset: 5 * PAGE, length: PAGE }] });
    expect(await file.badBlocks()).toEqual({ status: 'known', ranges: [{ offset: 5 * PAGE, length: PAGE }] });
  });

  it('badBlocks learns that another process repaired', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: PAGE, length: 1 });
    await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 1));
    expect((await file.badBlocks()).status).toBe('known');
    const other = await PmemFile.open(PATH, { driver });
    await other.repair({ offset: PAGE, length: 1 }, { fill: 5 });
    expect(await file.badBlocks()).toEqual({ status: 'none' });
    expect(read(file, PAGE, 1)).toEqual(Uint8Array.of(5));
  });

  it('badBlocks says unsupported if nothing can tell', async () => {
    const driver = mockDriver({ filesystem: 'tmpfs' });
    const file = await filled(driver, PAGE);
    expect(await file.badBlocks()).toMatchObject({ status: 'unsupported', reason: expect.stringMatching(/./) as string });
    expect(file.info()).toMatchObject({ dax: false, persistMethod: 'msync', canClear: 'unknown' });
  });

  it('an allocated block that was never written is listed, reads as zeros, and repairs without loss', async () => {
    const driver = mockDriver();
    const file = await PmemFile.open(PATH, { driver, create: true, size: 4 * PAGE, preallocate: true });
    driver.poison(PATH, { offset: PAGE, length: 1 });
    expect(await file.badBlocks()).toEqual({ status: 'known', ranges: [{ offset: PAGE, length: PAGE }] });
    file.persist();
    expect(read(file, PAGE, 8)).toEqual(new Uint8Array(8));
    const { units } = await file.repair({ offset: PAGE, length: 1 });
    expect(units).toMatchObject([{ outcome: 'cleared', lost: [], tombstoned: [] }]);
    expect(await file.badBlocks()).toEqual({ status: 'none' });
  });

  it('a full filesystem is no media error, for a store nor for the repair of a sparse file', async () => {
    const driver = mockDriver({ capacityBytes: 64 * PAGE });
    const file = await PmemFile.open(PATH, { driver, create: true, size: 8 * PAGE });
    file.write(content(PAGE), 0);
    file.persist();
    driver.exhaust();
    const error = await failure('ERR_PMEM_NO_SPACE', () => { file.write(content(3 * PAGE), PAGE / 2); });
    expect(error.ranges).toEqual([{ offset: PAGE, length: 2.5 * PAGE }]);
    expect(read(file, PAGE / 2, PAGE / 2)).toEqual(content(PAGE / 2));
    expect(await file.repair({ offset: PAGE, length: 7 * PAGE }, { fill: 1 })).toMatchObject({
      units: [{ range: { offset: PAGE, length: 7 * PAGE }, outcome: 'healthy' }],
    });
  });

  it('what salvage has met is known from then on', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 3 * PAGE);
    driver.poison(PATH, { offset: PAGE, length: 1 }, { latent: true });
    const { gaps } = await file.salvage({ offset: PAGE, length: PAGE });
    expect(gaps).toEqual([{ offset: PAGE, length: PAGE, reason: 'media' }]);
    const done: string[] = [];
    driver.observe(({ name }) => { done.push(name); return undefined; });
    expect((await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 1), MediaError)).source).toBe('known');
    // The kernel is asked, and the page is not loaded.
    expect(new Set(done)).toEqual(new Set(['probe']));
  });

  it('salvage notices a resize and a close between its megabytes', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 1024 * PAGE);
    const salvaging = file.salvage();
    await file.resize(300 * PAGE);
    const { pieces, gaps } = await salvaging;
    const reached = pieces.reduce((sum, piece) => sum + piece.bytes.byteLength, 0);
    expect(reached).toBeGreaterThanOrEqual(256 * PAGE);
    expect(gaps).toEqual([{ offset: reached, length: 1024 * PAGE - reached, reason: 'truncated' }]);
    await file.resize(1024 * PAGE);
    const interrupted = failure('ERR_PMEM_CLOSED', () => file.salvage());
    await file.close();
    await interrupted;
  });

  it('publishes what comes to light once, and repairs', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    const seen: unknown[] = [];
    const onError = (event: unknown): void => { seen.push((event as MediaErrorEvent).error.ranges); };
    const onRepair = (event: unknown): void => { seen.push((event as RepairEvent).receipt.units.length); };
    subscribe(MEDIA_ERROR_CHANNEL, onError);
    subscribe(REPAIR_CHANNEL, onRepair);
    try {
      driver.poison(PATH, { offset: PAGE, length: 1 });
      for (let i = 0; i < 3; i++) await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 1));
      await file.repair({ offset: PAGE, length: 1 }, { fill: 0 });
    } finally {
      unsubscribe(MEDIA_ERROR_CHANNEL, onError);
      unsubscribe(REPAIR_CHANNEL, onRepair);
    }
    expect(seen).toEqual([[{ offset: PAGE, length: PAGE }], 1]);
  });
});

describe('scrub', () => {
  it('finds latent errors, each page exactly, whatever the extents are', async () => {
    const driver = mockDriver();
    driver.writeFile(PATH, content(600 * PAGE), { extentBytes: 37 * PAGE });
    const file = await PmemFile.open(PATH, { driver });
    const pages = [0, 36, 37, 300, 301, 599];
    for (const page of pages) driver.poison(PATH, { offset: page * PAGE, length: 1 }, { latent: true });
    expect(await file.badBlocks()).toEqual({ status: 'none' });
    const progress: number[] = [];
    const report = await file.scrub({ onProgress: ({ doneBytes }) => { progress.push(doneBytes); } });
    expect(report.found).toEqual([
      { offset: 0, length: PAGE },
      { offset: 36 * PAGE, length: 2 * PAGE },
      { offset: 300 * PAGE, length: 2 * PAGE },
      { offset: 599 * PAGE, length: PAGE },
    ]);
    expect(progress.at(-1)).toBe(600 * PAGE);
    expect(await file.scrub()).toMatchObject({ found: [], mediaErrors: report.found });
    await file.repair(report.found, { fill: 3 });
    expect((await file.scrub()).mediaErrors).toEqual([]);
  });

  it('stops at a signal, at truncation, and at an errno that is no media error', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 600 * PAGE);
    await expect(file.scrub({ signal: AbortSignal.abort(new Error('not now')) })).rejects.toThrow('not now');
    const stop = driver.observe(failNth({ operation: 'pread', nth: 1, errno: 12 }));
    await failure('ERR_PMEM_IO', () => file.scrub());
    stop();
    for (const errno of [5, 14, 133]) {
      const unplug = driver.observe(failNth({ operation: ['pread', 'probe'], nth: 1, errno, persistent: true }));
      const page = { offset: errno * PAGE, length: PAGE };
      expect((await file.scrub({ range: page })).found, `errno ${errno}`).toEqual([page]);
      unplug();
    }
    driver.truncate(PATH, 3 * PAGE);
    const error = await failure('ERR_PMEM_TRUNCATED', () => file.scrub());
    expect(error.ranges[0]?.offset).toBe(3 * PAGE);
  });
});

describe('resize and poison', () => {
  it.each(['ext4', 'xfs'] as const)('%s: refuses to cut a bad page in two, and goes on after a repair', async (filesystem) => {
    const driver = mockDriver({ filesystem });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
    const error = await failure('ERR_PMEM_MEDIA', () => file.resize(2 * PAGE + 10));
    expect(error).toMatchObject({ operation: 'resize', ranges: [{ offset: 2 * PAGE, length: PAGE }] });
    expect(file.size).toBe(4 * PAGE);
    expect(driver.readFile(PATH).byteLength).toBe(4 * PAGE);
    await file.repair(error.ranges, { fill: 8 });
    await file.resize(2 * PAGE + 10);
    expect(driver.readFile(PATH).byteLength).toBe(2 * PAGE + 10);
  });

  it('refuses to grow a file whose last page is bad', async () => {
    const driver = mockDriver();
    const file = await filled(driver, PAGE + 10);
    driver.poison(PATH, { offset: PAGE, length: 1 });
    await failure('ERR_PMEM_MEDIA', () => file.resize(3 * PAGE));
    await file.repair({ offset: PAGE, length: 10 }, { fill: 8 });
    await file.resize(3 * PAGE);
    expect(read(file, PAGE, 12)).toEqual(Uint8Array.of(8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 0, 0));
  });

  it('does not hand poison that cannot be cleared to the next file, unless told to', async () => {
    const driver = mockDriver({ filesystem: 'xfs', clearable: false });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: 3 * PAGE, length: 1 });
    const error = await failure('ERR_PMEM_MEDIA', () => file.resize(2 * PAGE));
    expect(error.ranges).toEqual([{ offset: 3 * PAGE, length: PAGE }]);
    expect(file.size).toBe(4 * PAGE);
    expect(driver.freePool.poisoned).toEqual([]);
    await file.resize(2 * PAGE, { allowRelease: true });
    expect(driver.freePool.poisoned).toHaveLength(1);
  });

  it('drops a bad page that it cuts off whole', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: 3 * PAGE, length: 1 });
    await file.resize(3 * PAGE);
    expect(await file.badBlocks()).toEqual({ status: 'none' });
    expect(read(file, 0, 3 * PAGE)).toEqual(content(3 * PAGE));
  });
});
