/**
 * 2 MiB that one entry maps, through a driver's file: what the scenarios huge-* of the traces have recorded. A page
 * that goes bad after its mapping was made goes on working, so it tells whether it was mapped along with another.
 */
import { completeFile, Errno, type CompleteFile, type Driver } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { mockDriver, type MockDriver, type MockOptions } from '../src/index.js';

const PAGE = 4096;
const HUGE = 2 * 1024 * 1024;
const PATH = '/pmem/file';
const bad = 5 * PAGE;
const later = 9 * PAGE;

/** A machine whose files lie on the device as in themselves. */
function machine(options: MockOptions = {}): MockDriver {
  const placement = ({ path, offset }: { path: string | undefined; offset: number }): number | undefined => {
    return path === PATH ? HUGE + offset : undefined;
  };
  return mockDriver({ kernel: '6.12', placement, ...options });
}

async function opened(driver: Driver, preallocate: boolean, create: boolean): Promise<CompleteFile> {
  const sizeBytes = create ? HUGE : undefined;
  const outcome = await driver.open(PATH, { readOnly: false, create, sizeBytes, preallocate });
  if ('failure' in outcome) throw new Error(`cannot open: ${outcome.failure.errno}`);
  return completeFile(outcome.file);
}

async function written(options: MockOptions = {}) {
  const driver = machine(options);
  const file = await opened(driver, true, true);
  await file.pwrite(new Uint8Array(HUGE).fill(1), 0);
  return { driver, file };
}

/** Poison that the kernel lists, in pages that may be mapped: these stay so. */
function poison(driver: MockDriver, offset: number): void {
  driver.poison(PATH, { offset, length: 512 }, { keepMapped: true });
}

const loads = (file: CompleteFile, offset: number): boolean => file.read(new Uint8Array(8), offset) === undefined;
const stores = (file: CompleteFile, offset: number): boolean => {
  return file.write(new Uint8Array(8).fill(2), offset) === undefined;
};

/** What FIEMAP says of the 2 MiB: how many bytes of them were written. */
async function writtenBytes(file: CompleteFile): Promise<number> {
  const found = await file.extents(0, HUGE);
  if ('failure' in found) throw new Error('no extents');
  return found.extents.filter(({ unwritten }) => !unwritten).reduce((sum, { length }) => sum + length, 0);
}

describe('2 MiB in one piece', () => {
  it('are mapped by one load, and lost from the mapping together', async () => {
    const { driver, file } = await written();
    expect(loads(file, 0)).toBe(true);
    poison(driver, bad);
    expect(loads(file, bad)).toBe(true);
    file.remap(0, PAGE);
    expect([loads(file, bad), loads(file, 6 * PAGE)]).toEqual([false, true]);
  });

  it('are mapped page by page where that is asked for', async () => {
    const { driver, file } = await written();
    file.avoidHugePages?.();
    expect(loads(file, 0)).toBe(true);
    poison(driver, bad);
    expect(loads(file, bad)).toBe(false);
  });

  it('are mapped by one store, unless a page is bad: then it maps its page and unmaps the others', async () => {
    const { driver, file } = await written();
    expect(stores(file, 0)).toBe(true);
    poison(driver, bad);
    expect(stores(file, bad + 8)).toBe(true);
    const second = await written();
    expect(loads(second.file, 0)).toBe(true);
    poison(second.driver, bad);
    expect([loads(second.file, bad), stores(second.file, later), loads(second.file, bad)]).toEqual([true, true, false]);
  });

  it('stay page by page for all mappings once a page was mapped by itself, also after the repair', async () => {
    const { driver, file } = await written();
    poison(driver, bad);
    expect([loads(file, 0), loads(file, bad)]).toEqual([true, false]);
    expect((await file.pwrite(new Uint8Array(PAGE).fill(3), bad)).errno).toBe(0);
    const other = await opened(driver, false, false);
    expect(loads(other, 0)).toBe(true);
    poison(driver, later);
    expect(loads(other, later)).toBe(false);
  });

  it('are mapped by one entry again after the machine was started again', async () => {
    const { driver, file } = await written();
    await file.sync();
    poison(driver, bad);
    expect([loads(file, 0), loads(file, bad)]).toEqual([true, false]);
    await file.pwrite(new Uint8Array(PAGE).fill(3), bad);
    await file.sync();
    driver.crash();
    const other = await opened(driver, false, false);
    expect(loads(other, 0)).toBe(true);
    poison(driver, later);
    expect(loads(other, later)).toBe(true);
  });

  const filesystems = ['ext4', 'xfs'] as const;
  it.each(filesystems)('get storage by one store, and what is bad in them is cleared (%s)', async (filesystem) => {
    for (const preallocate of [true, false]) {
      const driver = machine({ filesystem });
      const file = await opened(driver, preallocate, true);
      if (preallocate) driver.poison(PATH, { offset: bad, length: 512 });
      expect([loads(file, PAGE), stores(file, 3 * PAGE)]).toEqual([true, true]);
      expect(await writtenBytes(file)).toBe(HUGE);
      expect(loads(file, bad)).toBe(true);
    }
  });

  it('get storage page by page where a bad one among them cannot be cleared', async () => {
    const driver = machine({ filesystem: 'xfs', clearable: false });
    const file = await opened(driver, true, true);
    driver.poison(PATH, { offset: bad, length: 512 });
    expect(stores(file, 3 * PAGE)).toBe(true);
    expect(await writtenBytes(file)).toBe(PAGE);
  });

  it('are written after a store that could not zero them, on ext4; after a pwrite, when next written', async () => {
    for (const access of ['store', 'write'] as const) {
      const driver = machine({ clearable: false });
      const file = await opened(driver, true, true);
      driver.poison(PATH, { offset: bad, length: 512 });
      if (access === 'store') expect(stores(file, 3 * PAGE)).toBe(true);
      else expect((await file.pwrite(new Uint8Array(HUGE).fill(1), 0)).errno).toBe(Errno.EIO);
      expect(await writtenBytes(file)).toBe(access === 'store' ? HUGE : 0);
      expect((await file.pwrite(new Uint8Array(PAGE), bad)).errno).toBe(Errno.EFAULT);
      expect(await writtenBytes(file)).toBe(access === 'store' ? HUGE : PAGE);
    }
  });

  it('are mapped page by page where they lie otherwise on the device', async () => {
    const driver = machine({ placement: ({ path, offset }) => (path === PATH ? HUGE + PAGE + offset : undefined) });
    const file = await opened(driver, true, true);
    await file.pwrite(new Uint8Array(HUGE).fill(1), 0);
    expect(loads(file, 0)).toBe(true);
    poison(driver, bad);
    expect(loads(file, bad)).toBe(false);
  });
});
