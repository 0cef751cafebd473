/** Repairs of all of a file that is mostly holes, as `repair({ offset: 0, length: file.size })` is. */
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { failure, openIn, PAGE, PATH, read } from './opened.js';

const GiB = 2 ** 30;

describe('a repair of all of a sparse file', () => {
  const whole = { offset: 0, length: GiB };
  const bad = { offset: GiB / 2, length: PAGE };

  it.each([true, false])('reads what the file has blocks for, and no hole; DAX: %s', async (dax) => {
    const driver = mockDriver({ dax });
    const file = await PmemFile.open(PATH, { driver, create: true, size: GiB });
    file.write(new Uint8Array(PAGE).fill(5), bad.offset);
    file.write(Uint8Array.of(6), GiB - 1);
    file.persist();
    driver.poison(PATH, bad);
    let readBytes = 0;
    driver.observe(({ name, length }) => {
      if (name === 'pread') readBytes += length;
      return undefined;
    });
    const { units } = await file.repair(whole, { fill: 8 });
    expect(readBytes).toBeLessThan(64 * PAGE);
    expect(units.filter(({ outcome }) => outcome !== 'healthy').map(({ range }) => range)).toEqual([bad]);
    expect(read(file, bad.offset, 1)).toEqual(Uint8Array.of(8));
    expect(read(file, GiB - 1, 1)).toEqual(Uint8Array.of(6));
  });

  it('finds what went bad in a hole that another process filled while the repair ran', async () => {
    const driver = mockDriver();
    const file = await PmemFile.open(PATH, { driver, create: true, size: GiB });
    file.write(new Uint8Array(PAGE).fill(5), 0);
    file.persist();
    const there = await openIn(driver, 'another');
    driver.poison(PATH, { offset: 0, length: PAGE });
    let asked = 0;
    const rebuild = ({ length }: { length: number }): Uint8Array => {
      if (asked++ > 0) return new Uint8Array(length).fill(5);
      there.write(new Uint8Array(PAGE).fill(6), bad.offset);
      there.persist(bad.offset, PAGE);
      driver.poison(PATH, bad);
      return new Uint8Array(length).fill(5);
    };
    const { units } = await file.repair(whole, { rebuild });
    const bads = units.filter(({ outcome }) => outcome !== 'healthy').map(({ range }) => range.offset);
    expect(bads).toContain(bad.offset);
  });

  it('reads all of it where the filesystem does not tell', async () => {
    const driver = mockDriver({ filesystem: 'tmpfs' });
    const sizeBytes = 16 * 2 ** 20;
    const file = await PmemFile.open(PATH, { driver, create: true, size: sizeBytes });
    let readBytes = 0;
    driver.observe(({ name, length }) => {
      if (name === 'pread') readBytes += length;
      return undefined;
    });
    await file.repair({ offset: 0, length: sizeBytes });
    expect(readBytes).toBe(sizeBytes);
  });

  it('keeps a loss that lies in a hole by now', async () => {
    const driver = mockDriver();
    const file = await PmemFile.open(PATH, { driver, create: true, size: GiB });
    file.write(new Uint8Array(PAGE).fill(5), bad.offset);
    file.persist();
    driver.poison(PATH, bad);
    await file.repair(bad);
    driver.punch(PATH, bad);
    await file.repair(whole);
    await failure('ERR_PMEM_LOST', () => read(file, bad.offset, 1));
    await file.repair(whole, { fill: 1 });
    expect(read(file, bad.offset, 1)).toEqual(Uint8Array.of(1));
  });
});
