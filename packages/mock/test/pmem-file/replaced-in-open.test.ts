// Another file is renamed over the name in the middle of open(): each inode keeps its own losses and its own journal.
// On real files: packages/native/test/neighbours/replaced-in-open.test.ts.
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver, type MockOptions } from '../../src/index.js';
import { changing, content, failure, openIn, PAGE, pageOf, PATH, read } from './opened.js';

const NEW = '/new/file';
const SIZE = 4 * PAGE;
const newer = new Uint8Array(SIZE).fill(8);
const machines: MockOptions[] = [{ filesystem: 'ext4' }, { filesystem: 'xfs' }, { dax: false }];

/** Makes a file, of which `page` is lost. */
async function makeFile(driver: MockDriver, path: string, bytes: Uint8Array, page?: number): Promise<void> {
  driver.writeFile(path, bytes);
  if (page === undefined) return;
  const file = await PmemFile.open(path, { driver });
  driver.poison(path, pageOf(page));
  await file.repair(pageOf(page));
  await file.close();
}

/** Opens the file at PATH. Before anything of it is looked at, the new file has its name, and its journal too. */
function openReplaced(driver: MockDriver): Promise<PmemFile> {
  const replacing = changing(driver, () => {
    for (const ending of ['', '.repair']) {
      if (driver.listFiles().includes(NEW + ending)) driver.rename(NEW + ending, PATH + ending);
    }
  });
  return PmemFile.open(PATH, { driver: replacing });
}

describe.each(machines)('%o', (options) => {
  it('the file that is opened has a loss, and the new one none', async () => {
    const driver = mockDriver(options);
    await makeFile(driver, PATH, content(SIZE), 1);
    await makeFile(driver, NEW, newer);
    const file = await openReplaced(driver);
    await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
    const fresh = await openIn(driver, 'later');
    await file.repair(pageOf(1), { fill: 7 });
    expect([read(file, PAGE, 1), read(fresh, 0, SIZE)]).toEqual([Uint8Array.of(7), newer]);
    for (const each of [file, fresh]) await each.close();
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('the new file has a loss, and the one that is opened none', async () => {
    const driver = mockDriver(options);
    await makeFile(driver, PATH, content(SIZE));
    await makeFile(driver, NEW, newer, 1);
    const file = await openReplaced(driver);
    expect(read(file, 0, SIZE)).toEqual(content(SIZE));
    await file.close();
    await failure('ERR_PMEM_LOST', async () => read(await openIn(driver, 'later'), PAGE, 1));
  });

  it('both have a loss: the journal of the old one is replaced with it, which its mark tells', async () => {
    const driver = mockDriver(options);
    await makeFile(driver, PATH, content(SIZE), 1);
    await makeFile(driver, NEW, newer, 2);
    await failure('ERR_PMEM_JOURNAL', () => openReplaced(driver));
    const fresh = await openIn(driver, 'later');
    expect((await fresh.salvage()).gaps).toMatchObject([{ ...pageOf(2), reason: 'lost' }]);
  });
});
