/** Unwritten blocks on ext4: small extents are zeroed whole, and where that fails ext4's two views of the file part. */
import { Errno } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { mockDriver, type MockDriver, type MockOptions } from '../src/index.js';
import { expectBytes, extentsOf, loaded, open, PAGE, PATH, pattern, preadOf, scenario } from './scenario.js';

/** First page, page after the last, and state of each extent. */
async function stateOf(driver: MockDriver, pageBytes = PAGE): Promise<string> {
  const file = await open(driver);
  const extents = await extentsOf(file);
  await file.close();
  const texts = extents.map(({ offset, length, unwritten }) => {
    const pages = `${offset / pageBytes}-${(offset + length) / pageBytes}`;
    return unwritten ? `${pages} unwritten` : pages;
  });
  return texts.join(', ');
}

async function allocated(pages: number, options: MockOptions = {}) {
  const driver = mockDriver(options);
  const sizeBytes = pages * (options.pageBytes ?? PAGE);
  const file = await open(driver, PATH, { create: true, sizeBytes, preallocate: true });
  return { driver, file };
}

describe('the first write into an unwritten extent of ext4', () => {
  it.each([
    [7, 3, '0-7'],
    [8, 3, '0-3 unwritten, 3-8'],
    [16, 5, '0-6, 6-16 unwritten'],
    [16, 7, '0-7 unwritten, 7-8, 8-16 unwritten'],
    [16, 12, '0-12 unwritten, 12-16'],
    [9, 1, '0-1 unwritten, 1-9'],
    [10, 1, '0-2, 2-10 unwritten'],
    [40, 20, '0-20 unwritten, 20-21, 21-40 unwritten'],
  ])('of %i pages, at page %i, makes %s', async (pages, at, expected) => {
    for (const how of ['pwrite', 'store'] as const) {
      const { driver, file } = await allocated(pages);
      if (how === 'pwrite') expect((await file.pwrite(pattern(100), at * PAGE)).errno).toBe(0);
      else expect(file.write(pattern(100), at * PAGE)).toBeUndefined();
      expect(await stateOf(driver)).toBe(expected);
    }
  });

  it.each([
    [16_384, 2, '0-2'],
    [16_384, 3, '0-1, 1-3 unwritten'],
    [65_536, 2, '0-1, 1-2 unwritten'],
  ])('with blocks of %i bytes, of %i pages, at the first, makes %s', async (pageBytes, pages, expected) => {
    const { driver, file } = await allocated(pages, { pageBytes });
    expect((await file.pwrite(pattern(100), 0)).errno).toBe(0);
    expect(await stateOf(driver, pageBytes)).toBe(expected);
  });

  it('zeroes nothing along where it can join a written neighbour, or beyond the end of the file', async () => {
    const { driver, file } = await allocated(8);
    await file.pwrite(pattern(8 * PAGE), 0);
    await file.zeroRange(2 * PAGE, 4 * PAGE);
    await file.pwrite(pattern(10), 2 * PAGE);
    expect(await stateOf(driver)).toBe('0-3, 3-6 unwritten, 6-8');
    await file.pwrite(pattern(10), 5 * PAGE);
    expect(await stateOf(driver)).toBe('0-3, 3-5 unwritten, 5-8');
    const beyond = await allocated(4);
    await beyond.file.truncate(2 * PAGE);
    await beyond.file.zeroRange(0, 6 * PAGE);
    await beyond.file.pwrite(pattern(10), PAGE);
    expect(await stateOf(beyond.driver)).toBe('0-1 unwritten, 1-2, 2-6 unwritten');
  });

  it('clears the poison of the others, and XFS does nothing of the kind', async () => {
    for (const filesystem of ['ext4', 'xfs'] as const) {
      const { driver, file } = await allocated(7, { filesystem });
      driver.poison(PATH, { offset: 6 * PAGE, length: 1 });
      expect((await file.pwrite(pattern(PAGE), 3 * PAGE)).errno).toBe(0);
      expect(driver.poisoned.length).toBe(filesystem === 'ext4' ? 0 : 1);
      expect(await stateOf(driver)).toBe(filesystem === 'ext4' ? '0-7' : '0-3 unwritten, 3-4, 4-7 unwritten');
    }
  });
});

describe('poison in a small unwritten extent, on a device that cannot clear', () => {
  it('ahead of the written page: what zero-range had hidden comes back, until a crash', async () => {
    const { driver, file, bytes } = await scenario({ clearable: false, poisonBytes: 0 });
    await file.zeroRange(3 * PAGE, 5 * PAGE);
    driver.poison(PATH, { offset: 6 * PAGE, length: 512 });
    expectBytes((await preadOf(file, 3 * PAGE, 5 * PAGE)).bytes, new Uint8Array(5 * PAGE));
    expect((await file.pwrite(pattern(PAGE, 2), 4 * PAGE)).errno).toBe(0);
    // The zeroing went as far as page 5 and stopped at page 6; ext4 takes all of 5 to 7 for written.
    expect(await stateOf(driver)).toBe('0-3, 3-4 unwritten, 4-10');
    expectBytes((await preadOf(file, 5 * PAGE, PAGE)).bytes, new Uint8Array(PAGE));
    expect((await preadOf(file, 6 * PAGE, PAGE)).errno).toBe(Errno.EIO);
    expectBytes((await preadOf(file, 7 * PAGE, PAGE)).bytes, bytes.subarray(7 * PAGE, 8 * PAGE));
    expect((await file.pwrite(pattern(PAGE), 6 * PAGE)).errno).toBe(Errno.EFAULT);
    driver.crash('keep-all');
    expect(await stateOf(driver)).toBe('0-3, 3-4 unwritten, 4-5, 5-8 unwritten, 8-10');
    expectBytes((await preadOf(await open(driver), 6 * PAGE, 2 * PAGE)).bytes, new Uint8Array(2 * PAGE));
  });

  it('in the written page: zeros until the next write finds it bad, or the next mount does', async () => {
    for (const again of ['write', 'crash'] as const) {
      const { driver, file } = await allocated(16, { clearable: false });
      driver.poison(PATH, { offset: 5 * PAGE, length: 512 });
      expect((await file.pwrite(pattern(100), 5 * PAGE)).errno).toBe(Errno.EIO);
      expect(await stateOf(driver)).toBe('0-5, 5-16 unwritten');
      expectBytes(loaded(file, 5 * PAGE, PAGE), new Uint8Array(PAGE));
      if (again === 'write') expect((await file.pwrite(pattern(100), 5 * PAGE)).errno).toBe(Errno.EFAULT);
      else driver.crash('keep-all');
      expect((await preadOf(await open(driver), 5 * PAGE, PAGE)).errno).toBe(Errno.EIO);
    }
  });

  it.each([
    ['6.12', 'before a written block', 2, 0, '0-1 unwritten, 1-2', 0],
    ['7.3', 'before a written block', 2, 0, '0-2', Errno.EIO],
    ['7.3', 'after a written block', 2, 1, '0-2', Errno.EIO],
    ['7.3', 'between written blocks', 3, 1, '0-1, 1-2 unwritten, 2-3', 0],
  ] as const)('in a write of all of an unwritten extent, on %s, %s', async (kernel, _, pages, page, state, errno) => {
    const { driver, file } = await allocated(pages, { kernel, clearable: false });
    await file.pwrite(pattern(pages * PAGE), 0);
    driver.poison(PATH, { offset: page * PAGE, length: PAGE });
    expect(await file.zeroRange(page * PAGE, PAGE)).toBeUndefined();
    expect((await file.pwrite(pattern(PAGE), page * PAGE)).errno).toBe(Errno.EIO);
    expect(await stateOf(driver)).toBe(state);
    expect((await preadOf(file, page * PAGE, PAGE)).errno).toBe(errno);
  });

  it.each([
    ['6.12', '0-5, 5-9 unwritten'],
    ['7.3', '0-6, 6-9 unwritten'],
  ] as const)('in a write that joins a written neighbour: what the next store finds written, on %s', async (kernel, state) => {
    const { driver, file } = await allocated(9, { kernel, clearable: false });
    await file.pwrite(pattern(4 * PAGE), 0);
    driver.poison(PATH, { offset: 4 * PAGE, length: PAGE });
    expect((await file.pwrite(pattern(PAGE), 4 * PAGE + 3584)).errno).toBe(Errno.EIO);
    expect(await stateOf(driver)).toBe('0-4, 4-9 unwritten');
    expect(file.write(pattern(PAGE), 4 * PAGE)).toMatchObject({ signalCode: 4 });
    expect(await stateOf(driver)).toBe(state);
    driver.crash('keep-all');
    expect(await stateOf(driver)).toBe('0-6, 6-9 unwritten');
  });

  it('a zero-range starts over', async () => {
    const { driver, file } = await allocated(16, { clearable: false });
    driver.poison(PATH, { offset: 5 * PAGE, length: 512 });
    await file.pwrite(pattern(100), 5 * PAGE);
    expect(await file.zeroRange(5 * PAGE, PAGE)).toBeUndefined();
    expect((await file.pwrite(pattern(100), 5 * PAGE)).errno).toBe(Errno.EIO);
  });
});

describe('the content of a block that was never written', () => {
  it('shows where ext4 calls blocks written that it could not zero, and nowhere else', async () => {
    for (const filesystem of ['ext4', 'xfs'] as const) {
      const { driver, file } = await allocated(5, { filesystem, clearable: false, staleByte: 0xee });
      driver.poison(PATH, { offset: 2 * PAGE, length: PAGE });
      expect((await file.pwrite(pattern(PAGE), 100)).errno).toBe(0);
      const last = await preadOf(file, 4 * PAGE, PAGE);
      expectBytes(last.bytes, new Uint8Array(PAGE).fill(filesystem === 'ext4' ? 0xee : 0));
    }
    const { file } = await allocated(5, { staleByte: 0xee });
    expect((await file.pwrite(pattern(PAGE), 100)).errno).toBe(0);
    expectBytes(loaded(file, 2 * PAGE, 3 * PAGE), new Uint8Array(3 * PAGE));
    expect(() => mockDriver({ staleByte: 256 })).toThrow(RangeError);
  });
});

describe('a write before a bad written block that adjoins it, on XFS of 5.10', () => {
  it.each([
    ['a hole', false, { transferredBytes: PAGE, errno: 0 }],
    ['an unwritten block', true, { transferredBytes: 0, errno: Errno.EIO }],
  ])('into %s', async (_, preallocate, expected) => {
    const placement = ({ offset }: { offset: number }): number => PAGE + offset;
    const driver = mockDriver({ kernel: '5.10', filesystem: 'xfs', placement });
    const file = await open(driver, PATH, { create: true, sizeBytes: 3 * PAGE, preallocate });
    for (const page of [0, 2]) expect(file.write(pattern(PAGE), page * PAGE)).toBeUndefined();
    driver.poison(PATH, { offset: 2 * PAGE, length: PAGE });
    expect(await file.pwrite(pattern(PAGE + 100), PAGE)).toEqual(expected);
  });
});

describe('a write into an unwritten block of XFS', () => {
  it('goes on through the written block after it, whose old mapping it ends', async () => {
    const { driver, file } = await allocated(2, { filesystem: 'xfs', clearable: false });
    expect(file.write(pattern(PAGE), PAGE)).toBeUndefined();
    driver.poison(PATH, { offset: PAGE, length: PAGE }, { keepMapped: true });
    loaded(file, PAGE, 8);
    expect(await file.pwrite(pattern(3 * PAGE), 0)).toEqual({ transferredBytes: PAGE, errno: 0 });
    expect(file.read(new Uint8Array(8), PAGE)).toMatchObject({ position: PAGE, signalCode: 4 });
  });

  it('ends no mapping of a block that it does not reach', async () => {
    const { driver, file } = await allocated(3, { filesystem: 'xfs', clearable: false });
    expect(file.write(pattern(PAGE), PAGE)).toBeUndefined();
    driver.poison(PATH, { offset: PAGE, length: PAGE }, { keepMapped: true });
    expect((await file.pwrite(pattern(PAGE), 0)).errno).toBe(0);
    loaded(file, PAGE, 8);
  });
});
