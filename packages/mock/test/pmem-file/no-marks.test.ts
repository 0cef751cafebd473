/** Renames, links, rotations and copies on a filesystem that keeps no extended attributes: NFS 3, vfat. */
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver } from '../../src/index.js';
import { bad, expectLoss, size, whole, withLoss as lossOn } from './lost-page.js';
import { failure, filled, openIn, PAGE, part, PATH, read } from './opened.js';

const JOURNAL = `${PATH}.repair`;
const MOVED = '/pmem/moved';

const withLoss = (): Promise<MockDriver> => lossOn({ extendedAttributes: false });

async function expectWhole(driver: MockDriver, path: string): Promise<void> {
  const file = await PmemFile.open(path, { driver });
  expect(read(file, 0, size)).toEqual(whole);
  await file.close();
}

async function rebuild(driver: MockDriver, path: string): Promise<void> {
  const file = await PmemFile.open(path, { driver });
  await file.repair(bad, { rebuild: (range) => part(whole, range) });
  await file.close();
}

describe('a file with a loss gets another name while it is closed', () => {
  it('by rename: lost under the new name, and rebuilt there', async () => {
    const driver = await withLoss();
    driver.rename(PATH, MOVED);
    await expectLoss(driver, MOVED);
    await rebuild(driver, MOVED);
    await expectWhole(driver, MOVED);
    expect(driver.listFiles()).toEqual([MOVED]);
  });

  it('by rename, with its journal: as before', async () => {
    const driver = await withLoss();
    driver.rename(PATH, MOVED);
    driver.rename(JOURNAL, `${MOVED}.repair`);
    await expectLoss(driver, MOVED);
  });

  it('twice: lost bytes written under the new name are readable under the next one', async () => {
    const driver = await withLoss();
    driver.rename(PATH, MOVED);
    const file = await PmemFile.open(MOVED, { driver });
    file.write(part(whole, bad), bad.offset);
    file.persist();
    await file.close();
    driver.rename(MOVED, PATH);
    await expectWhole(driver, PATH);
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('by a link: lost under each name, and rebuilt under each', async () => {
    const driver = await withLoss();
    driver.link(PATH, MOVED);
    for (const path of [PATH, MOVED]) await expectLoss(driver, path);
    driver.unlink(PATH);
    await expectLoss(driver, MOVED);
    await rebuild(driver, MOVED);
    await expectWhole(driver, MOVED);
  });

  it('a reader finds the loss as well', async () => {
    const driver = await withLoss();
    driver.rename(PATH, MOVED);
    const file = await PmemFile.open(MOVED, { driver, readOnly: true });
    await failure('ERR_PMEM_LOST', () => read(file, 0, size));
    await file.close();
  });

  it('a second process that repairs it ends the loss of one that has it open', async () => {
    const driver = await withLoss();
    driver.rename(PATH, MOVED);
    const here = await PmemFile.open(MOVED, { driver });
    const there = await PmemFile.open(MOVED, { driver: driver.process('b') });
    await failure('ERR_PMEM_LOST', () => read(here, 0, size));
    await there.repair(bad, { rebuild: (range) => part(whole, range) });
    expect(read(here, 0, size)).toEqual(whole);
  });
});

describe('a file with a loss is rotated, and a new one takes its name', () => {
  it.each([
    ['made by open()', async (driver: MockDriver) => (await filled(driver, size)).close()],
    ['made by another program', (driver: MockDriver) => { driver.writeFile(PATH, whole); return Promise.resolve(); }],
  ])('%s: one has the loss, the other is as good as new, and has losses of its own', async (_, make) => {
    const driver = await withLoss();
    driver.rename(PATH, `${PATH}.1`);
    await make(driver);
    await expectWhole(driver, PATH);
    await expectLoss(driver, `${PATH}.1`);
    const fresh = await PmemFile.open(PATH, { driver });
    const last = { offset: 3 * PAGE, length: PAGE };
    driver.poison(PATH, last);
    await fresh.repair(last);
    await fresh.close();
    const again = await openIn(driver, 'later');
    expect((await failure('ERR_PMEM_LOST', () => read(again, 0, size))).ranges).toEqual([last]);
    await again.close();
    await expectLoss(driver, `${PATH}.1`);
    await rebuild(driver, `${PATH}.1`);
    await expectWhole(driver, `${PATH}.1`);
  });

  it('and what is left of a file that was removed is not believed by a new one', async () => {
    const driver = await withLoss();
    driver.unlink(PATH);
    await (await filled(driver, size)).close();
    await expectWhole(driver, PATH);
    expect(driver.listFiles()).toEqual([PATH]);
  });
});

describe('a file and its journal are copied', () => {
  it.each([MOVED, '/backup/file'])('to %s: what is lost in the one is lost in the other', async (to) => {
    const driver = await withLoss();
    driver.writeFile(to, driver.readFile(PATH));
    driver.writeFile(`${to}.repair`, driver.readFile(JOURNAL));
    for (const path of [PATH, to]) await expectLoss(driver, path);
    await rebuild(driver, PATH);
    await expectWhole(driver, PATH);
    await expectLoss(driver, to);
  });
});
