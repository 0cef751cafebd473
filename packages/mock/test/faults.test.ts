import { describe, expect, it } from 'vitest';
import { Errno } from '@safe-pmem/core';
import { crashAt, failNth, type MockOperation, mockDriver, poisonAtRate, poisonNth, SimulatedCrash } from '../src/index.js';
import { expectBytes, JOURNAL, journalFile, loaded, open, P, PAGE, PATH, pattern, physicalOf, preadOf, scenario } from './scenario.js';

describe('observer', () => {
  it('sees every operation in order, with the bytes concerned and the steps inside', async () => {
    const seen: MockOperation[] = [];
    const { driver, file } = await scenario();
    const stop = driver.observe((operation) => {
      seen.push(operation);
      return undefined;
    });
    file.write(Uint8Array.of(1), 7);
    file.persist(0, 64);
    await file.pwrite(pattern(PAGE), P);
    await file.writeJournal(JOURNAL, journalFile(pattern(3)));
    expect(seen.map(({ name, step }) => (step === undefined ? name : `${name}:${step}`))).toEqual([
      'write', 'persist', 'pwrite', 'pwrite:cleared', 'writeJournal', 'writeJournal:temporary', 'writeJournal:renamed',
    ]);
    expect(seen[0]).toMatchObject({ name: 'write', path: PATH, position: 7, length: 1 });
    const indexes = seen.map(({ index }) => index);
    expect(indexes).toEqual(indexes.map((_, i) => (indexes[0] ?? 0) + i));
    expect(driver.operations).toBe(indexes.at(-1));
    stop();
    file.persist(0, 64);
    expect(seen.length).toBe(7);
  });

  it('sees XFS free the blocks of a zero-range before others take their place', async () => {
    const seen: string[] = [];
    const { driver, file } = await scenario({ filesystem: 'xfs' });
    driver.observe(({ name, step }) => {
      seen.push(step === undefined ? name : `${name}:${step}`);
      return undefined;
    });
    await file.zeroRange(P, PAGE);
    expect(seen).toEqual(['zeroRange', 'zeroRange:freed']);
  });

  it('counts the same whether an observer watches or not', async () => {
    const counts: number[] = [];
    for (const onOperation of [undefined, () => undefined]) {
      const { driver, file } = await scenario({ onOperation });
      file.write(Uint8Array.of(1), 7);
      await file.pwrite(pattern(PAGE), P);
      await file.writeJournal(JOURNAL, journalFile(pattern(3)));
      await file.close();
      counts.push(driver.operations);
    }
    expect(counts[0]).toBe(counts[1]);
    expect(counts[0]).toBe(8);
  });

  it('can make a transfer short', async () => {
    const { file, bytes } = await scenario({ onOperation: ({ name }) => (name === 'pread' ? { shortBytes: 100 } : undefined) });
    expectBytes((await preadOf(file, 0, PAGE)).bytes, bytes.subarray(0, 100));
  });
});

describe('fault plan', () => {
  it('failNth fails the n-th matching operation once, or from then on', async () => {
    for (const persistent of [false, true]) {
      const { file } = await scenario({ faults: [failNth({ operation: 'sync', nth: 2, errno: Errno.ENOSPC, persistent })] });
      expect(await file.sync()).toBeUndefined();
      expect(await file.sync()).toEqual({ errno: Errno.ENOSPC, syscall: 'fdatasync' });
      expect(await file.sync()).toEqual(persistent ? { errno: Errno.ENOSPC, syscall: 'fdatasync' } : undefined);
    }
  });

  it('failNth raises SIGBUS in a load or store', async () => {
    const { file } = await scenario({ faults: [failNth({ operation: ['read', 'write'], nth: 1, errno: Errno.EIO, signalCode: 5 })] });
    expect(file.read(new Uint8Array(2), 9)).toEqual({ position: 9, signalCode: 5, granuleLog2: 0 });
    expect(file.read(new Uint8Array(2), 9)).toBeUndefined();
  });

  it('every method reports an injected errno, and open does', async () => {
    const names = ['open', 'persist', 'pread', 'pwrite', 'sync', 'zeroRange', 'resize', 'truncate', 'extents', 'lock', 'unlock',
      'remap', 'readJournal', 'writeJournal', 'removeJournal', 'writeMark', 'badBlocks', 'probe', 'close'] as const;
    for (const operation of names) {
      const { driver, file } = await scenario();
      driver.observe(failNth({ operation, nth: 1, errno: Errno.ENOMEM }));
      const outcomes: Record<(typeof names)[number], () => unknown> = {
        open: () => driver.open(PATH, { create: false, readOnly: false, sizeBytes: undefined, preallocate: false }),
        persist: () => file.persist(0, 1),
        pread: () => file.pread(new Uint8Array(1), 0),
        pwrite: () => file.pwrite(new Uint8Array(1), 0),
        sync: () => file.sync(),
        zeroRange: () => file.zeroRange(0, PAGE),
        resize: () => file.resize(PAGE, false),
        truncate: () => file.truncate(PAGE),
        extents: () => file.extents(0, PAGE),
        lock: () => file.lock(0, 1),
        unlock: () => file.unlock(0, 1),
        remap: () => file.remap(0, PAGE),
        readJournal: () => file.readJournal(JOURNAL, 10),
        writeJournal: () => file.writeJournal(JOURNAL, journalFile(new Uint8Array(1))),
        writeMark: () => file.writeMark(new Uint8Array(1)),
        removeJournal: () => file.removeJournal(JOURNAL),
        badBlocks: () => file.badBlocks(),
        probe: () => file.probe(0, PAGE),
        close: () => file.close(),
      };
      const outcome = JSON.stringify(await outcomes[operation]());
      expect(outcome, operation).toMatch(operation === 'badBlocks' ? /ENOMEM/ : /rrno":12\b/);
    }
  });

  it('poisonNth poisons what the n-th access is about to touch, listed or latent', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0 });
    driver.observe(poisonNth({ operation: 'read', nth: 2 }));
    loaded(file, P, 100);
    expect(file.read(new Uint8Array(100), P)).toMatchObject({ position: P });
    expect(driver.poisoned).toEqual([{ offset: physicalOf(driver, P), length: 512 }]);
  });

  it('poisonAtRate is decided by its seed', async () => {
    const hits = async (seed: number): Promise<string> => {
      const { driver, file } = await scenario({ poisonBytes: 0, faults: [poisonAtRate({ rate: 0.2, seed })] });
      for (let page = 0; page < 10; page++) file.read(new Uint8Array(1), page * PAGE);
      return JSON.stringify(driver.poisoned);
    };
    expect(await hits(1)).toBe(await hits(1));
    expect(new Set(await Promise.all([1, 2, 3, 4, 5].map(hits))).size).toBeGreaterThan(1);
    const never = await scenario({ poisonBytes: 0, faults: [poisonAtRate({ rate: 0, seed: 1 })] });
    loaded(never.file, 0, 10 * PAGE);
    expect(never.driver.poisoned).toEqual([]);
  });

  it('crashAt fails power at one operation', async () => {
    const driver = mockDriver({ faults: [crashAt(3)] });
    const file = await open(driver, PATH, { create: true, sizeBytes: PAGE });
    file.write(Uint8Array.of(1), 0);
    expect(() => file.persist(0, 1)).toThrow(expect.objectContaining({ operation: expect.objectContaining({ name: 'persist', index: 3 }) as MockOperation }));
    expect(() => file.persist(0, 1)).toThrow(SimulatedCrash);
  });

  it('refuses nonsense', () => {
    expect(() => failNth({ nth: 0, errno: 5 })).toThrow(RangeError);
    expect(() => poisonNth({ nth: 1.5 })).toThrow(RangeError);
    expect(() => poisonAtRate({ rate: 2, seed: 1 })).toThrow(RangeError);
    expect(() => crashAt(0)).toThrow(RangeError);
  });
});

describe('latent poison', () => {
  it('a load meets it at its exact byte, as a machine check on every kernel; then the kernel lists it', async () => {
    for (const kernel of ['5.10', '6.1', '6.12'] as const) {
      const { driver, file, bytes } = await scenario({ kernel, poisonBytes: 0 });
      loaded(file, P, PAGE);
      driver.poison(PATH, { offset: P + 600, length: 1 }, { latent: true });
      expect(await file.badBlocks()).toEqual({ supported: true, ranges: [] });
      expectBytes(loaded(file, P, 512), bytes.subarray(P, P + 512));
      expect(file.read(new Uint8Array(PAGE), P)).toEqual({ position: P + 512, signalCode: 4, granuleLog2: 12 });
      expect(await file.badBlocks()).toEqual({ supported: true, ranges: [{ offset: physicalOf(driver, P) + 512, length: 512 }] });
      expect(file.read(new Uint8Array(1), P)).toMatchObject({ position: P, signalCode: kernel === '6.12' ? 4 : 2 });
    }
  });

  it('a store meets it too', async () => {
    const { file } = await scenario({ poison: { latent: true } });
    expect(file.write(pattern(100), P + 20)).toEqual({ position: P + 20, signalCode: 4, granuleLog2: 12 });
  });

  it('a pread gives the bytes before it, then EIO; then it is listed', async () => {
    const { driver, file, bytes } = await scenario({ poisonBytes: 0 });
    driver.poison(PATH, { offset: P + 600, length: 1 }, { latent: true });
    const first = await preadOf(file, 4 * PAGE, 4 * PAGE);
    expectBytes(first.bytes, bytes.subarray(4 * PAGE, P + 512));
    expect(await file.pread(new Uint8Array(10), P + 512)).toEqual({ transferredBytes: 0, errno: Errno.EIO });
    expect(await file.badBlocks()).toMatchObject({ ranges: [{ length: 512 }] });
    const direct = await scenario({ poison: { latent: true } });
    expect(await direct.file.pread(new Uint8Array(10), P)).toEqual({ transferredBytes: 0, errno: Errno.EIO });
  });

  it('a pwrite over it succeeds and does not cure it: only what is listed is cleared', async () => {
    const { file } = await scenario({ poison: { latent: true } });
    expect(await file.pwrite(pattern(PAGE, 2), P)).toEqual({ transferredBytes: PAGE, errno: 0 });
    expect(file.read(new Uint8Array(1), P)).toBeDefined();
    expect(await file.pwrite(pattern(PAGE, 2), P)).toEqual({ transferredBytes: PAGE, errno: 0 });
    expectBytes(loaded(file, P, PAGE), pattern(PAGE, 2));
  });
});
