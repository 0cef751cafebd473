import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver, MockSystemError } from '../src/index.js';
import { content, failure, filled, PAGE, PATH, read } from './pmem-file/opened.js';

describe('settle()', () => {
  it.each([true, false])('makes what was stored in open files durable (dax %s)', async (dax) => {
    const driver = mockDriver({ dax });
    const file = await PmemFile.open(PATH, { driver, create: true, size: 2 * PAGE });
    file.write(content(2 * PAGE), 0);
    driver.settle();
    file.write(new Uint8Array(PAGE).fill(9), 0);
    driver.crash('lose-all');
    expect(driver.readFile(PATH)).toEqual(content(2 * PAGE));
  });

  it('fails on a filesystem that has shut down', () => {
    const driver = mockDriver();
    driver.shutDown();
    expect(() => { driver.settle(); }).toThrow(MockSystemError);
  });
});

describe('clone()', () => {
  it('has the files, their names, what they lost and the poison of the original', async () => {
    const driver = mockDriver({ filesystem: 'xfs', capacityBytes: 1 << 20 });
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: PAGE, length: 1 });
    await file.repair({ offset: PAGE, length: PAGE });
    driver.poison(PATH, { offset: 3 * PAGE, length: 1 }, { latent: true });
    driver.reflink(PATH, '/pmem/shared');
    driver.link(PATH, '/pmem/linked');
    driver.makeDirectory('/pmem/empty');
    const copy = driver.clone();
    expect(copy.listFiles()).toEqual(driver.listFiles());
    expect(copy.poisoned).toEqual(driver.poisoned);
    expect(copy.freePool).toEqual(driver.freePool);
    for (const path of ['/pmem/shared', '/pmem/linked', PATH]) {
      const opened = await PmemFile.open(path, { driver: copy });
      expect(read(opened, 2 * PAGE, PAGE)).toEqual(content(4 * PAGE).slice(2 * PAGE, 3 * PAGE));
      await failure('ERR_PMEM_MEDIA', () => read(opened, 3 * PAGE, 1));
    }
    const opened = await PmemFile.open('/pmem/linked', { driver: copy });
    await failure('ERR_PMEM_LOST', () => read(opened, PAGE, 1));
  });

  it('goes a way of its own, and so does the original', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 2 * PAGE);
    const copy = driver.clone();
    copy.writeFile('/pmem/new', new Uint8Array(PAGE).fill(1));
    copy.poison(PATH, { offset: 0, length: 1 });
    const other = await PmemFile.open(PATH, { driver: copy });
    other.write(new Uint8Array(PAGE).fill(7), PAGE);
    file.write(new Uint8Array(PAGE).fill(5), PAGE);
    expect(read(file, 0, PAGE)).toEqual(content(PAGE));
    expect([driver.readFile(PATH)[PAGE], copy.readFile(PATH)[PAGE]]).toEqual([5, 7]);
    expect(driver.listFiles()).toEqual([PATH]);
    expect(driver.freePool.freeBytes - copy.freePool.freeBytes).toBe(PAGE);
    copy.crash('lose-all');
    expect(read(file, 0, PAGE)).toEqual(content(PAGE));
  });

  it('has durable what the original may still lose, and nothing open', async () => {
    const driver = mockDriver();
    const file = await PmemFile.open(PATH, { driver, create: true, size: PAGE, exclusive: true });
    file.write(content(PAGE), 0);
    driver.writeFile('/pmem/gone', new Uint8Array(PAGE));
    const gone = await PmemFile.open('/pmem/gone', { driver });
    driver.unlink('/pmem/gone');
    const copy = driver.clone();
    copy.crash('lose-all');
    expect(copy.readFile(PATH)).toEqual(content(PAGE));
    expect(copy.freePool.freeBytes - driver.freePool.freeBytes).toBe(PAGE);
    await (await PmemFile.open(PATH, { driver: copy, exclusive: true })).close();
    await gone.close();
    driver.crash('lose-all');
    expect(driver.readFile(PATH)).not.toEqual(content(PAGE));
  });

  it('is random as the original is from there on', async () => {
    const driver = mockDriver({ seed: 7 });
    driver.writeFile(PATH, content(PAGE));
    const crashed = async (machine: MockDriver): Promise<Uint8Array> => {
      const file = await PmemFile.open(PATH, { driver: machine });
      file.write(new Uint8Array(PAGE).fill(9), 0);
      machine.crash();
      return machine.readFile(PATH);
    };
    await crashed(driver);
    const copy = driver.clone();
    expect(await crashed(copy)).toEqual(await crashed(driver));
  });

  it('has a kernel that lists what the kernel of the original lists', async () => {
    const driver = mockDriver();
    driver.writeFile(PATH, content(4 * PAGE));
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
    driver.poison(PATH, { offset: 0, length: 1 }, { latent: true });
    const file = await PmemFile.open(PATH, { driver: driver.clone() });
    expect(await file.badBlocks()).toEqual({ status: 'known', ranges: [{ offset: 2 * PAGE, length: PAGE }] });
  });

  it('has the observer of its options, not those that were added', async () => {
    const seen = { options: 0, added: 0 };
    const count = (who: keyof typeof seen) => (): undefined => {
      seen[who]++;
    };
    const driver = mockDriver({ onOperation: count('options') });
    driver.observe(count('added'));
    await (await filled(driver.clone(), PAGE)).close();
    expect(seen.options).toBeGreaterThan(0);
    expect(seen.added).toBe(0);
  });
});
