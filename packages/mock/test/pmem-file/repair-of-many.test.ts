/** Repairs of more than one unit: which go together, what a batch is, and what the end of one means for the next. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ByteRange, CompleteFile, Driver } from '@safe-pmem/core';
import { PmemFile, RepairError } from '@safe-pmem/core';
import { expect, it } from 'vitest';
import { failNth, mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, part, PATH, read } from './opened.js';

const whole = content(8 * PAGE);
const bad = { offset: 3 * PAGE, length: PAGE };
const rebuild = (range: ByteRange): Uint8Array => part(whole, range);

it('stops at an aborted signal, and reports progress in bytes', async () => {
  const driver = mockDriver();
  // A batch has 8 MiB.
  const batch = 2048;
  const pages = 2 * batch + 100;
  const file = await filled(driver, pages * PAGE);
  driver.poison(PATH, { offset: 0, length: pages * PAGE });
  const control = new AbortController();
  const done: number[] = [];
  const stopped = file.repair({ offset: 0, length: pages * PAGE }, {
    fill: 1,
    signal: control.signal,
    onProgress: ({ doneBytes, totalBytes }) => {
      expect(totalBytes).toBe(pages * PAGE);
      done.push(doneBytes);
      if (done.length === 2) control.abort(new Error('enough'));
    },
  });
  await expect(stopped).rejects.toThrow('enough');
  expect(done).toEqual([batch * PAGE, 2 * batch * PAGE]);
  expect(read(file, (2 * batch - 1) * PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(1));
  await failure('ERR_PMEM_MEDIA', () => read(file, 2 * batch * PAGE, 1));
  await file.repair({ offset: 0, length: pages * PAGE }, { fill: 2 });
  expect(read(file, 2 * batch * PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(2));
});

it('a rebuild that throws ends the repair, and the receipt tells of the batch that failed before it', async () => {
  const driver = mockDriver();
  const batch = 2048 * PAGE;
  const all = { offset: 0, length: batch + 4 * PAGE };
  const file = await filled(driver, all.length);
  driver.poison(PATH, all);
  const stop = driver.observe(failNth({ operation: 'sync', nth: 1, errno: 5, persistent: true }));
  const asked: number[] = [];
  const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(all, {
    rebuild: ({ offset, length }) => {
      asked.push(offset);
      if (offset > 0) throw new Error('nothing to rebuild it from');
      return new Uint8Array(length).fill(3);
    },
  }), RepairError);
  expect(asked).toEqual([0, batch]);
  expect(error.ranges).toEqual([{ offset: batch, length: 4 * PAGE }]);
  const { units: reached } = error.receipt;
  expect(reached).toHaveLength(2048);
  expect(reached.every(({ outcome, attempts }) => outcome === 'failed' && attempts.length > 0)).toBe(true);
  stop();
  await file.repair(all, { fill: 4 });
  // What rebuild had returned for the first batch was kept nowhere.
  expect(read(file, batch - 1, 2)).toEqual(Uint8Array.of(4, 4));
});

it('bad pages with healthy ones between them, in one call', async () => {
  const driver = mockDriver();
  const file = await filled(driver, 8 * PAGE);
  for (const page of [1, 3, 4, 6]) driver.poison(PATH, { offset: page * PAGE, length: PAGE });
  const { units } = await file.repair({ offset: 0, length: 8 * PAGE }, { rebuild });
  expect(units.map(({ outcome }) => outcome === 'healthy')).toEqual([true, false, true, false, false, true, false, true]);
  expect(read(file, 0, 8 * PAGE)).toEqual(whole);
});

it('rebuilds each of many pages that do not adjoin from its own bytes', async () => {
  const driver = mockDriver();
  const file = await filled(driver, 600 * PAGE);
  const odd = Array.from({ length: 300 }, (_, i) => ({ offset: (2 * i + 1) * PAGE, length: PAGE }));
  for (const page of odd) driver.poison(PATH, page);
  const bytesOf = ({ offset, length }: ByteRange): Uint8Array => new Uint8Array(length).fill(offset / PAGE);
  const { units } = await file.repair(odd, { rebuild: bytesOf });
  expect(units.filter(({ outcome }) => outcome === 'cleared')).toHaveLength(300);
  for (const page of odd) expect(read(file, page.offset, PAGE)).toEqual(bytesOf(page));
});

it.each(['readJournal', 'badBlocks', 'extents', 'writeJournal', 'sync'] as const)('a file that is closed at its %s says that it is closed', async (operation) => {
  const driver = mockDriver();
  const file = await filled(driver, 8 * PAGE);
  driver.poison(PATH, bad);
  let closing: Promise<void> | undefined;
  driver.observe(({ name, step }) => {
    if (name === operation && step === undefined) closing ??= new Promise((resolve) => { queueMicrotask(() => { resolve(file.close()); }); });
    return undefined;
  });
  await failure('ERR_PMEM_CLOSED', () => file.repair(bad, { rebuild }));
  await closing;
  const again = await PmemFile.open(PATH, { driver });
  await again.repair(bad, { rebuild });
  expect(read(again, 0, 8 * PAGE)).toEqual(whole);
});

// By the write: a zero-range unmaps the whole file.
it('a bad page between two written ones stays mapped from before, and gives its bytes later', async () => {
  const driver = mockDriver();
  const file = await filled(driver, 8 * PAGE);
  read(file, 0, 8 * PAGE);
  const between = { offset: 3 * PAGE, length: PAGE };
  for (const page of [2, 3, 4]) driver.poison(PATH, { offset: page * PAGE, length: PAGE }, { keepMapped: page === 3 });
  expect(await file.badBlocks()).toMatchObject({ status: 'known' });
  await file.repair([{ offset: 2 * PAGE, length: PAGE }, { offset: 4 * PAGE, length: PAGE }], { fill: 9, strategy: 'recovery-write' });
  const { units } = await file.repair(between);
  expect(units).toMatchObject([{ outcome: 'cleared', lost: [] }]);
  expect(read(file, between.offset, PAGE)).toEqual(part(whole, between));
});

it('does not keep what it has written', async () => {
  const machine = mockDriver();
  const written: WeakRef<ArrayBufferLike>[] = [];
  const driver: Driver<CompleteFile> = {
    name: 'mock that looks on',
    open: async (path, request) => {
      const outcome = await machine.open(path, request);
      if ('failure' in outcome) return outcome;
      const { file } = outcome;
      const rewrite = file.rewrite.bind(file);
      file.rewrite = (pieces, bytes) => {
        written.push(new WeakRef(bytes.buffer));
        return rewrite(pieces, bytes);
      };
      return { file };
    },
  };
  const batches = 4;
  const all = { offset: 0, length: batches * 2048 * PAGE };
  const file = await PmemFile.open(PATH, { driver, create: true, size: all.length, preallocate: true });
  file.write(content(all.length), 0);
  machine.poison(PATH, all);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held: number[] = [];
  await file.repair(all, {
    rebuild: ({ length }) => new Uint8Array(length).fill(5),
    onProgress: () => {
      collect();
      held.push(written.filter((buffer) => buffer.deref() !== undefined).length);
    },
  });
  // The last ones may still be values of promises; which, differs between engines.
  expect(held, 'batches held, after each of them').toHaveLength(batches);
  expect(Math.max(...held), held.join()).toBeLessThan(batches);
});
