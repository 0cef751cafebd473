import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { describe, expect, it } from 'vitest';
import { commandLineOn } from '../mock-surroundings.js';
import { content, damaged, DB, forbidSpace, PAGE, sectorOf } from './damaged-files.js';

describe('check', () => {
  it('names the file, the bytes and the sector, counts the rest, and ends with 1', async () => {
    const line = damaged();
    line.driver.poisonPhysical({ offset: 100 << 20, length: 512 });
    const { status, out } = await line.run('check', '/pmem');
    const sector = sectorOf(line.driver, DB, 5 * PAGE + 100);
    expect(out.split('\n')[0]).toBe(
      `${DB}   [20480, 24576)  4096 B   pmem0 sector ${sector}   device can clear: yes`,
    );
    expect(out).toContain('1 of 3 files damaged; 1 bad block in free space; 0 in no file that was looked at\n');
    expect(status).toBe(1);
  });

  it('says that no bad block is left over if every one is in a file, to every user', async () => {
    const line = damaged();
    forbidSpace(line);
    expect((await line.run('check', '/')).out).toContain(
      '1 of 3 files damaged; 0 bad blocks in free space; 0 without an owner\n',
    );
  });

  it('tells root what is free, without a name or of the filesystem, and others that root is told', async () => {
    const line = damaged();
    const { driver } = line;
    const open = await PmemFile.open('/pmem/other', { driver });
    driver.poison('/pmem/other', { offset: PAGE, length: 1 });
    driver.unlink('/pmem/other');
    driver.poisonPhysical({ offset: 100 << 20, length: 512 });
    driver.poisonPhysical({ offset: 0, length: 512 });
    const asRoot = await line.run('check', '/', '--json');
    expect(asRoot.records.at(-1)).toMatchObject({
      badBlocks: 4, badBlocksElsewhere: 3, badBlocksFree: 1, badBlocksOfFilesystem: 1,
    });
    expect((await line.run('check', '/')).out).toContain(
      "1 of 2 files damaged; 1 bad block in free space; 1 without an owner; 1 in the filesystem's own data\n",
    );
    forbidSpace(line);
    const { out } = await line.run('check', '/');
    expect(out).toContain('1 of 2 files damaged; 3 bad blocks of pmem0 in none of them');
    expect(out).toContain('root is told which');
    await open.close();
  });

  it.each([
    [4096, 2],
    [65_536, 1],
  ])('counts blocks of %i bytes as the filesystem does, also if no file has a bad one', async (pageBytes, count) => {
    const driver = mockDriver({ pageBytes });
    driver.writeFile(DB, content(16));
    for (const offset of [100 << 20, (100 << 20) + 8192]) driver.poisonPhysical({ offset, length: 512 });
    const { records } = await commandLineOn(driver, { pageBytes }).run('check', '/', '--json');
    expect(records.at(-1)).toMatchObject({ damaged: 0, badBlocks: count, badBlocksFree: count });
  });

  it('looks at no file where the device lists nothing, and ends with 0', async () => {
    const line = commandLineOn(mockDriver());
    line.driver.writeFile(DB, content(16));
    const { status, out } = await line.run('check', '/pmem');
    expect({ status, looks: line.looks }).toEqual({ status: 0, looks: [] });
    expect(out).toBe('/pmem: pmem0 lists no bad blocks; no file had to be looked at\n');
  });

  it('says that an empty list says little on a bus that does not list what programs meet', async () => {
    const onE820 = commandLineOn(mockDriver());
    onE820.driver.writeFile(DB, content(1));
    expect((await onE820.run('check', '/pmem')).err).toContain('(e820) does not list errors that programs meet');
    const onAcpi = commandLineOn(mockDriver({ clearable: false }));
    onAcpi.driver.writeFile(DB, content(1));
    expect((await onAcpi.run('check', '/pmem')).err).toBe('');
  });

  it('ends with 2 if nothing can tell, and never calls that healthy', async () => {
    const line = commandLineOn(mockDriver({ filesystem: 'tmpfs' }));
    line.driver.writeFile(DB, content(16));
    const { status, out } = await line.run('check', '/pmem');
    expect(status).toBe(2);
    expect(out).toContain('cannot tell');
  });

  it('ends with 2 if a file cannot be looked at, and with 1 if another is damaged', async () => {
    const line = damaged();
    const stop = line.driver.observe(({ name, path }) =>
      name === 'open' && path === '/pmem/other' ? { errno: 13 } : undefined,
    );
    const both = await line.run('check', '/pmem', '--json');
    expect(both.status).toBe(1);
    expect(both.records.at(-1)).toMatchObject({ type: 'summary', status: 'damaged', notLookedAt: 1, damaged: 1 });
    await line.run('repair', DB, '--fill', '0', '--yes');
    line.driver.poisonPhysical({ offset: 100 << 20, length: 512 });
    expect((await line.run('check', '/pmem')).status).toBe(2);
    stop();
    expect((await line.run('check', '/pmem')).status).toBe(0);
  });

  it('ends with the worst of several paths, in whatever order', async () => {
    const line = damaged();
    expect((await line.run('check', '/pmem/db', '/pmem/other')).status).toBe(1);
    expect((await line.run('check', '/pmem/other', '/pmem/db')).status).toBe(1);
    expect((await line.run('check', '/pmem/other')).status).toBe(0);
  });

  it('tells of losses that earlier repairs left in a file that is named', async () => {
    const line = damaged();
    await line.run('repair', DB, '--leave-lost', '--yes');
    expect(await line.run('check', DB)).toMatchObject({
      status: 1,
      out: expect.stringContaining('lost by an earlier repair') as string,
    });
  });

  it('gives machines everything that people get', async () => {
    const line = damaged();
    const { records } = await line.run('check', '/pmem', '--json');
    expect(records).toEqual([
      {
        version: 1,
        type: 'damage',
        path: DB,
        offset: 20480,
        length: 4096,
        device: '259:0',
        deviceName: 'pmem0',
        sector: sectorOf(line.driver, DB, 5 * PAGE + 100),
        unwritten: false,
        shared: false,
      },
      {
        version: 1,
        type: 'summary',
        path: '/pmem',
        device: '259:0',
        status: 'damaged',
        files: 3,
        damaged: 1,
        notLookedAt: 0,
        badBlocks: 1,
        badBlocksElsewhere: 0,
        badBlocksFree: 0,
        badBlocksOfFilesystem: 0,
        listsConsumedErrors: false,
      },
    ]);
  });
});
