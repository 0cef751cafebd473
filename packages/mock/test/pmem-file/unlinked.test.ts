// A file loses its last name while it is open, and is repaired then. Its journal does not stay at that name, where a
// new file may come, and none of its bytes that are lost is data to who has it open still.
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver, type MockOptions } from '../../src/index.js';
import { content, failure, filled, openIn, PAGE, pageOf, PATH, read } from './opened.js';

const SIZE = 4 * PAGE;
const machines: MockOptions[] = [{ filesystem: 'ext4' }, { filesystem: 'xfs' }, { dax: false }];

/** Has no name any more, and page 1 of it is lost. */
async function lostUnlinked(driver: MockDriver): Promise<PmemFile> {
  await (await filled(driver, SIZE)).close();
  const file = await openIn(driver, 'here');
  driver.poison(PATH, pageOf(1));
  driver.unlink(PATH);
  await file.repair(pageOf(1));
  return file;
}

describe.each(machines)('%o', (options) => {
  it.each([true, false])('closed, it leaves nothing; a new file of its name (%s) is as good as new', async (before) => {
    const driver = mockDriver(options);
    const file = await lostUnlinked(driver);
    const made = before ? await filled(driver, SIZE) : undefined;
    await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
    await file.close();
    expect(driver.listFiles()).toEqual(before ? [PATH] : []);
    const fresh = made ?? (await filled(driver, SIZE));
    expect(read(fresh, 0, SIZE)).toEqual(content(SIZE));
    driver.poison(PATH, pageOf(2));
    await fresh.repair(pageOf(2));
    expect(driver.listFiles()).toEqual([PATH, `${PATH}.repair`]);
  });

  it('others have it open: what is lost stays lost to them, and the last one leaves nothing', async () => {
    const driver = mockDriver(options);
    await (await filled(driver, SIZE)).close();
    const [here, there] = [await openIn(driver, 'here'), await openIn(driver, 'there')];
    const reader = await openIn(driver, 'reader', { readOnly: true });
    driver.poison(PATH, pageOf(1));
    for (const file of [there, reader]) await failure('ERR_PMEM_MEDIA', () => read(file, PAGE, 1));
    driver.unlink(PATH);
    await here.repair(pageOf(1));
    for (const file of [there, reader]) await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
    await here.close();
    await failure('ERR_PMEM_LOST', () => read(there, PAGE, 1));
    expect(driver.listFiles()).toEqual([`${PATH}.repair`]);
    await there.close();
    expect(driver.listFiles()).toEqual([]);
    expect((await reader.salvage()).gaps).toMatchObject([{ ...pageOf(1), reason: 'lost' }]);
    await failure('ERR_PMEM_JOURNAL', () => read(reader, PAGE, 1));
    expect(read(reader, 0, PAGE)).toEqual(content(PAGE));
    await reader.close();
  });

  it('a file that has another name keeps its journal', async () => {
    const driver = mockDriver(options);
    await (await filled(driver, SIZE)).close();
    driver.link(PATH, '/pmem/second');
    const file = await openIn(driver, 'here');
    driver.poison(PATH, pageOf(1));
    driver.unlink(PATH);
    await file.repair(pageOf(1));
    await file.close();
    const again = await PmemFile.open('/pmem/second', { driver });
    await failure('ERR_PMEM_LOST', () => read(again, PAGE, 1));
  });

  it('another file has the name of its journal: that is left alone', async () => {
    const driver = mockDriver(options);
    driver.writeFile(`${PATH}.repair`, Uint8Array.of(1, 2, 3));
    const file = await lostUnlinked(driver);
    await file.close();
    expect(driver.listFiles()).toEqual([`${PATH}.repair`]);
    expect(driver.readFile(`${PATH}.repair`)).toEqual(Uint8Array.of(1, 2, 3));
  });
});

it('without marks a journal that is gone would not be missed: it stays', async () => {
  const driver = mockDriver({ extendedAttributes: false });
  await (await filled(driver, SIZE)).close();
  const [file, reader] = [await openIn(driver, 'here'), await openIn(driver, 'reader', { readOnly: true })];
  driver.poison(PATH, pageOf(1));
  await failure('ERR_PMEM_MEDIA', () => read(reader, PAGE, 1));
  await file.repair(pageOf(1));
  await failure('ERR_PMEM_LOST', () => read(reader, PAGE, 1));
  driver.unlink(PATH);
  await file.close();
  await failure('ERR_PMEM_LOST', () => read(reader, PAGE, 1));
});
