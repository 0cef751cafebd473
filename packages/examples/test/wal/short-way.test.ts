/** Commits that stay in their page: what they flush on either thread, and what they do after a refusal. */
import { expect, test, vi } from 'vitest';
import type { PmemFile } from '@safe-pmem/core';
import type { LostRecords, Wal, WalOptions } from '../../src/wal/index.js';
import type { LogMachineOptions } from './log-machine.js';
import { LogMachine, PAGE, PERSIST_WAYS, accountFor, itemsOf, payloadOf } from './log-machine.js';

const PAGES = 8;
const [FILLED, NEXT] = [1, 2];
const ENOSPC = 28;
const EIO = 5;
const MSYNC = { dax: false, mirrored: false };

class Scene {
  readonly machine: LogMachine;
  readonly records = new Map<number, Uint8Array>();
  wal!: Wal;

  constructor(options: Partial<LogMachineOptions>) {
    this.machine = new LogMachine({ pages: PAGES, ...options });
  }

  async open(options: Partial<WalOptions> = {}): Promise<this> {
    this.wal = await this.machine.open({ create: true, ...options });
    return this;
  }

  append(lengthBytes: number): void {
    const payload = payloadOf(this.wal.nextSequence ?? 0, lengthBytes);
    this.records.set(this.wal.append(payload), payload);
  }

  commit(...lengths: readonly number[]): void {
    for (const length of lengths) this.append(length);
    this.wal.commit();
  }

  async commitAsync(lengthBytes: number): Promise<void> {
    this.append(lengthBytes);
    await this.wal.commitAsync();
  }

  poison(page: number): void {
    this.machine.poison('log', page);
    if (this.machine.mirrored) this.machine.poison('mirror', page);
  }

  /** Pages that are stored to until the returned function is called. */
  storedPages(): () => number[] {
    const pages = new Set<number>();
    const stop = this.machine.driver.observe(({ name, position }) => {
      if (name === 'write') pages.add(Math.floor(position / PAGE));
      return undefined;
    });
    return () => {
      stop();
      return [...pages].sort();
    };
  }

  /** Pages of which anything is flushed from now on. */
  flushedPages(): ReadonlySet<number> {
    const pages = new Set<number>();
    const note = (offset: number, length: number): void => {
      for (let page = Math.floor(offset / PAGE); page * PAGE < offset + length; page++) pages.add(page);
    };
    for (const file of this.machine.files) {
      const [here, away] = [file.persistRanges.bind(file), file.persistAsync.bind(file)];
      vi.spyOn(file, 'persistRanges').mockImplementation((ranges) => {
        for (const { offset, length } of ranges) note(offset, length);
        here(ranges);
      });
      vi.spyOn(file, 'persistAsync').mockImplementation((offset = 0, length = file.size) => {
        note(offset, length);
        return away(offset, length);
      });
    }
    return pages;
  }

  /** The next `count` flushes fail. */
  failFlushes(count: number, errno: number): () => void {
    let left = count;
    return this.machine.driver.observe(({ name }) => (name === 'persist' && left-- > 0 ? { errno } : undefined));
  }
}

function scene(options: Partial<LogMachineOptions>, log?: Partial<WalOptions>): Promise<Scene> {
  return new Scene(options).open(log);
}

test.each(PERSIST_WAYS)('they flush their page and the next one and nothing else, persisted %s', async (_, options) => {
  for (const blockMs of [0, Infinity]) {
    const there = await scene(options, { blockMs });
    await there.commitAsync(100);
    const flushed = there.flushedPages();
    for (const length of [50, 60]) await there.commitAsync(length);
    expect([...flushed].sort()).toEqual([FILLED, NEXT]);
  }
});

test.each(PERSIST_WAYS)('all is durable, also at the end of the ring, persisted %s', async (_, options) => {
  for (const blockMs of [0, Infinity]) {
    for (const isLast of [false, true]) {
      for (const lost of [undefined, 'page', 'next']) {
        const there = await scene(options, { blockMs });
        const pages = isLast ? PAGES - 3 : 0;
        for (let i = 0; i < pages; i++) there.commit(4030);
        if (isLast) there.wal.truncate(pages);
        for (const length of [100, 50, 60]) await there.commitAsync(length);
        there.machine.crash('lose-all');
        const filled = 1 + pages;
        if (lost !== undefined) there.poison(lost === 'page' ? filled : 1 + ((pages + 1) % (PAGES - 2)));
        const again = await there.machine.open();
        const { returned } = await accountFor(again, there.records);
        expect([again.lastSequence, returned.length]).toEqual([pages + 3, lost === 'page' ? 0 : 3]);
      }
    }
  }
});

test('once a page that has refused one of them takes it, the header copies are left alone again', async () => {
  const there = await scene({ filesystem: 'ext4' });
  there.commit(100);
  there.machine.poison('log', FILLED);
  there.append(50);
  expect(() => there.wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
  await there.wal.repair();
  there.commit(8);
  const stored = there.storedPages();
  for (const length of [8, 8, 8]) there.commit(length);
  expect(stored()).toEqual([FILLED, NEXT]);
  expect((await accountFor(await there.machine.open(), there.records)).lost).toEqual([]);
});

test('what was flushed piece by piece after a refusal has its near slot too', async () => {
  const there = await scene(MSYNC);
  there.commit(100);
  there.append(50);
  // On the short way, and on the long one.
  there.failFlushes(2, ENOSPC);
  expect(there.wal.commit()).toEqual({ lastSequence: 2, missing: [] });
  there.machine.crash('lose-all');
  there.poison(FILLED);
  const again = await there.machine.open();
  const losses = (await itemsOf(again)).filter((item): item is LostRecords => item.type === 'lost');
  expect([again.lastSequence, losses.map(({ first, last }) => [first, last])]).toEqual([2, [[1, 1], [2, 2]]]);
});

test('a group that a failed commit() overtakes stores nothing any more', async () => {
  const there = await scene(MSYNC);
  there.commit(100);
  const written = there.wal.appendDurable(payloadOf(2, 50));
  const failed = expect(written).rejects.toMatchObject({ code: 'ERR_WAL_FAILED' });
  there.failFlushes(1, EIO);
  expect(() => there.wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_IO' }));
  const stored = there.storedPages();
  await failed;
  expect(stored()).toEqual([]);
});

test('a flush off this thread that fails is a failure', async () => {
  for (const [errno, code] of [[ENOSPC, undefined], [EIO, 'ERR_PMEM_IO']] as const) {
    const there = await scene(MSYNC, { blockMs: 0 });
    await there.commitAsync(100);
    there.append(50);
    there.failFlushes(1, errno);
    const outcome = await there.wal.commitAsync().then(({ missing }) => missing, (error: unknown) => error);
    if (code === undefined) expect(outcome).toEqual([]);
    else expect(outcome).toMatchObject({ code });
    there.machine.crash('lose-all');
    expect((await there.machine.open()).lastSequence).toBe(code === undefined ? 2 : 1);
  }
});

test('a flush that failed leaves other bytes in doubt, and fails none after it off this thread', async () => {
  const there = await scene(MSYNC, { blockMs: 0 });
  await there.commitAsync(100);
  there.failFlushes(3, ENOSPC);
  for (const length of [50, 8, 8, 5000, 8]) await there.commitAsync(length);
  there.machine.crash('lose-all');
  expect((await accountFor(await there.machine.open(), there.records)).returned).toHaveLength(6);
});

test.each(['commit', 'truncate'])('a flush off this thread that has failed when %s() takes it over', async (how) => {
  for (const length of [50, 5000]) {
    const there = await scene(MSYNC, { blockMs: 0 });
    await there.commitAsync(100);
    const file = there.machine.files[0] as PmemFile;
    const away = file.persistAsync.bind(file);
    vi.spyOn(file, 'persistAsync').mockImplementationOnce((...range) => away(...range).catch((error: unknown) => {
      // The file knows of it, the job does not.
      if (how === 'truncate') there.wal.truncate(0);
      else there.commit(20);
      throw error;
    }));
    there.failFlushes(1, ENOSPC);
    await there.commitAsync(length);
    there.commit(8);
    there.machine.crash('lose-all');
    const { returned } = await accountFor(await there.machine.open(), there.records);
    expect(returned).toHaveLength(there.records.size);
  }
});

test('a flush that fails while a header copy is brought up to date does not spoil the commit', async () => {
  const there = await scene(MSYNC);
  there.commit(100);
  const stop = there.machine.driver.observe(({ name, position }) =>
    (name === 'write' && position > (PAGES - 1) * PAGE ? { signalCode: 4, granuleLog2: 12 } : undefined));
  there.append(4040);
  expect(there.wal.commit().missing).toHaveLength(1);
  stop();
  there.failFlushes(1, ENOSPC);
  there.commit(8);
  there.machine.crash('lose-all');
  expect((await accountFor(await there.machine.open(), there.records)).returned).toEqual([1, 2, 3]);
});

test('a repair whose flushes all fail leaves the commit point where it was, whatever survives then', async () => {
  for (const call of ['repair', 'scrub'] as const) {
    for (let seed = 1; seed < 20; seed++) {
      const there = await scene({ ...MSYNC, seed });
      for (const length of [100, 50]) there.commit(length);
      const stop = there.failFlushes(Infinity, ENOSPC);
      await there.wal[call]();
      stop();
      there.machine.crash();
      const again = await there.machine.open();
      expect([again.commitPointLost, again.lastSequence]).toEqual([false, 2]);
    }
  }
});
