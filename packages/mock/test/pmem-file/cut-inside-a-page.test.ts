// Another process truncates the file inside a page. The kernel fills the rest of that page with zeros, which load
// without a fault: they are not bytes of the file, and are never returned for any.
import { Errno, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, type MockOptions, mockDriver } from '../../src/index.js';
import { changing, content, failure, filled, PAGE, PATH, read } from './opened.js';

const SIZE = 2 * PAGE + 1000;
const CUT = 2 * PAGE + 300;
const gone = { offset: CUT, length: SIZE - CUT };
const machines: MockOptions[] = [
  { filesystem: 'ext4' }, { filesystem: 'xfs' }, { dax: false }, { filesystem: 'tmpfs' },
];

async function cut(options: MockOptions): Promise<[MockDriver, PmemFile]> {
  const driver = mockDriver(options);
  const file = await filled(driver, SIZE);
  driver.truncate(PATH, CUT);
  return [driver, file];
}

describe.each(machines)('%o: a file that another process has cut off inside its last page', (options) => {
  it('reads end where the file does: the rest is truncated, to the byte', async () => {
    const [, file] = await cut(options);
    expect(read(file, 0, CUT)).toEqual(content(SIZE).slice(0, CUT));
    for (const [position, lengthBytes] of [[0, SIZE], [CUT, 1], [CUT - 4, 8], [SIZE - 8, 8]] as const) {
      const error = await failure('ERR_PMEM_TRUNCATED', () => read(file, position, lengthBytes));
      const start = Math.max(CUT, position);
      expect(error.ranges).toEqual([{ offset: start, length: position + lengthBytes - start }]);
    }
    const after = await failure('ERR_PMEM_TRUNCATED', () => file.readUInt32LE(CUT + 10));
    expect(after.ranges).toEqual([{ offset: CUT + 10, length: 4 }]);
    const across = await failure('ERR_PMEM_TRUNCATED', () => file.readBigUInt64BE(CUT - 4));
    expect(across.ranges).toEqual([{ offset: CUT, length: 4 }]);
    expect(file.readUInt32LE(CUT - 4)).not.toBe(0);
  });

  it('salvage has a gap there and no zeros, and a view is not verified', async () => {
    const [, file] = await cut(options);
    const { pieces, gaps } = await file.salvage();
    expect(gaps).toEqual([{ ...gone, reason: 'truncated' }]);
    expect(pieces.map(({ offset, bytes }) => [offset, bytes.byteLength])).toEqual([[0, CUT]]);
    const whole = { offset: 0, length: SIZE };
    const error = await failure('ERR_PMEM_TRUNCATED', () => file.withView(whole, (view) => view[CUT]));
    expect(error.ranges).toEqual([gone]);
    expect(file.withView({ offset: 0, length: CUT }, (view) => view[CUT - 1])).toBe(content(SIZE)[CUT - 1]);
  });

  it.each([
    { what: 'inside a page', end: PAGE + 300, ranges: [{ offset: PAGE + 300, length: PAGE - 300 }] },
    { what: 'between two pages', end: PAGE, ranges: [] },
  ])('cut $what once a view has loaded all of it: the pages behind are what they were', async ({ end, ranges }) => {
    const driver = mockDriver(options);
    await (await filled(driver, SIZE)).close();
    let isLoaded = false;
    const cutting = changing(driver, (opened) => {
      const size = opened.fileSizeSync.bind(opened);
      opened.fileSizeSync = () => {
        if (isLoaded) driver.truncate(PATH, end);
        return size();
      };
    });
    const file = await PmemFile.open(PATH, { driver: cutting });
    const view = file.view({ offset: 0, length: SIZE });
    isLoaded = true;
    if (ranges.length === 0) view.verify();
    else expect((await failure('ERR_PMEM_TRUNCATED', () => { view.verify(); })).ranges).toEqual(ranges);
  });

  it('and grown again: the zeros are what the file holds now', async () => {
    const [driver, file] = await cut(options);
    driver.truncate(PATH, SIZE);
    expect(read(file, CUT, SIZE - CUT)).toEqual(new Uint8Array(SIZE - CUT));
    expect((await file.salvage()).gaps).toEqual([]);
    file.withView({ offset: CUT, length: 10 }, (view) => view[0]);
  });

  it('zeros that the application has stored are read as before', async () => {
    const driver = mockDriver(options);
    const file = await filled(driver, SIZE);
    file.write(new Uint8Array(600), SIZE - 600);
    expect(read(file, SIZE - 600, 600)).toEqual(new Uint8Array(600));
    expect(file.readUInt32LE(SIZE - 8)).toBe(0);
  });
});

it('bytes that a failed persist may have dropped, and that were then cut off, are truncated', async () => {
  const driver = mockDriver({ dax: false });
  const file = await filled(driver, SIZE);
  const stop = driver.observe(({ name }) => (name === 'persist' ? { errno: Errno.EIO } : undefined));
  await failure('ERR_PMEM_IO', () => { file.persist(); });
  stop();
  driver.truncate(PATH, CUT);
  const error = await failure('ERR_PMEM_TRUNCATED', () => read(file, SIZE - 8, 8));
  expect(error.ranges).toEqual([{ offset: SIZE - 8, length: 8 }]);
  expect(read(file, CUT - 8, 8)).toEqual(content(SIZE).slice(CUT - 8, CUT));
});

it('a filesystem that no longer tells the size hides no zeros', async () => {
  const driver = mockDriver({ filesystem: 'xfs' });
  const file = await filled(driver, SIZE);
  file.write(new Uint8Array(8), 64);
  read(file, 64, 8);
  driver.shutDown();
  expect(read(file, 64, 8)).toEqual(new Uint8Array(8));
});
