/** What a change of size or of blocks does to pages that are mapped already, and to bytes beyond the end of the file. */
import assert from 'node:assert/strict';
import { type CompleteFile, Errno } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver } from '../src/index.js';
import { loaded, open, P, PAGE, PATH, pattern, scenario } from './scenario.js';

type Call = (file: CompleteFile, driver: MockDriver) => unknown;

const elsewhere = { offset: 8 * PAGE, length: PAGE };
/** Calls that leave the bad page alone, and the filesystems on which they end its old mapping. */
const calls: readonly (readonly [name: string, call: Call, ends: readonly ('ext4' | 'xfs')[]])[] = [
  ['ftruncate to a larger size', (file) => file.truncate(12 * PAGE), ['ext4', 'xfs']],
  ['ftruncate to a smaller size', (file) => file.truncate(9 * PAGE), ['ext4', 'xfs']],
  ['ftruncate to the same size', (file) => file.truncate(10 * PAGE), ['ext4', 'xfs']],
  ['zero-range of another page', (file) => file.zeroRange(elsewhere.offset, PAGE), ['ext4', 'xfs']],
  ['zero-range of a part of another page', (file) => file.zeroRange(elsewhere.offset + 100, 100), ['ext4', 'xfs']],
  ['a hole in another page', (_, driver) => { driver.punch(PATH, elsewhere); }, ['ext4', 'xfs']],
  ['a hole behind the end of the file', (_, driver) => { driver.punch(PATH, { offset: 20 * PAGE, length: PAGE }); }, ['ext4', 'xfs']],
  ['allocation', (_, driver) => { driver.preallocate(PATH, { offset: 0, length: 10 * PAGE }); }, ['xfs']],
  ['a write of another page', (file) => file.pwrite(pattern(PAGE), elsewhere.offset), []],
  ['fdatasync', (file) => file.sync(), []],
];

describe.each(['ext4', 'xfs'] as const)('a page of %s that was mapped before it went bad', (filesystem) => {
  it.each(calls)('and %s', async (_, call, ends) => {
    const { driver, file, bytes } = await scenario({ filesystem, poisonBytes: 0 });
    loaded(file, P, 1);
    driver.poison(PATH, { offset: P, length: PAGE }, { keepMapped: true });
    assert.deepEqual(loaded(file, P, 10), bytes.slice(P, P + 10));
    await call(file, driver);
    expect(file.read(new Uint8Array(1), P)?.signalCode).toBe(ends.includes(filesystem) ? 4 : undefined);
  });

  it('works on where the page cache is between, whatever the file does', async () => {
    const { driver, file } = await scenario({ filesystem, dax: false, poisonBytes: 0 });
    loaded(file, P, 1);
    driver.poison(PATH, { offset: P, length: PAGE }, { keepMapped: true });
    await file.truncate(12 * PAGE);
    expect(file.read(new Uint8Array(1), P)).toBeUndefined();
  });
});

/** Calls that free and convert no block: ext4 6.1 looks at that first. */
const harmless: readonly (readonly [name: string, call: Call])[] = [
  ['a zero-range of a part of another page', (file) => file.zeroRange(elsewhere.offset + 100, 100)],
  ['a hole behind the end of the file', (_, driver) => { driver.punch(PATH, { offset: 20 * PAGE, length: PAGE }); }],
];

it.each(harmless)('ext4 6.1 keeps old mappings over %s', async (_, call) => {
  const { driver, file } = await scenario({ kernel: '6.1', filesystem: 'ext4', poisonBytes: 0 });
  loaded(file, P, 1);
  driver.poison(PATH, { offset: P, length: PAGE }, { keepMapped: true });
  await call(file, driver);
  expect(file.read(new Uint8Array(1), P)).toBeUndefined();
});

it('XFS ends old mappings by an ftruncate that fails, too', async () => {
  const { driver, file } = await scenario({ filesystem: 'xfs', poisonBytes: 0 });
  loaded(file, P, 1);
  driver.poison(PATH, { offset: P, length: PAGE }, { keepMapped: true });
  expect(await file.truncate(P + 100)).toEqual({ errno: Errno.EIO, syscall: 'ftruncate' });
  expect(file.read(new Uint8Array(1), P)?.signalCode).toBe(4);
});

describe('bytes that a mapping has stored beyond the end of the file', () => {
  it.each([
    ['5.10', 'ext4', 7], ['6.1', 'ext4', 7], ['6.12', 'ext4', 0], ['7.3', 'ext4', 0],
    ['5.10', 'xfs', 0], ['6.1', 'xfs', 0], ['6.12', 'xfs', 0], ['7.3', 'xfs', 0],
  ] as const)('on %s %s read as %d once ftruncate has made the file larger', async (kernel, filesystem, expected) => {
    const { file } = await scenario({ kernel, filesystem, poisonBytes: 0 });
    await file.truncate(P + 100);
    expect(file.write(new Uint8Array(PAGE).fill(7), P)).toBeUndefined();
    await file.truncate(P + PAGE);
    expect(await file.fileSize()).toEqual({ sizeBytes: P + PAGE });
    assert.deepEqual([...loaded(file, P + 98, 4)], [7, 7, expected, expected]);
  });

  it('ext4 6.12 grows a file all the same where it cannot zero them', async () => {
    const { driver, file } = await scenario({ kernel: '6.12', filesystem: 'ext4', poisonBytes: 0 });
    await file.truncate(P + 100);
    driver.poison(PATH, { offset: P, length: 100 });
    expect(await file.truncate(P + PAGE)).toBeUndefined();
    expect(await file.fileSize()).toEqual({ sizeBytes: P + PAGE });
  });
});

it('a pwrite past the end that fails leaves a file of its position less 5 (EIO) or 14 (EFAULT) on ext4', async () => {
  const write = 8 * PAGE - 100;
  for (const [kernel, errno] of [['5.10', Errno.EIO], ['6.1', Errno.EFAULT], ['6.12', Errno.EFAULT]] as const) {
    for (const filesystem of ['ext4', 'xfs'] as const) {
      const { driver, file } = await scenario({ kernel, filesystem, poisonBytes: 0 });
      await file.truncate(7 * PAGE + 100);
      driver.poison(PATH, { offset: 7 * PAGE, length: PAGE });
      const outcome = await file.pwrite(pattern(PAGE), write);
      expect(outcome.transferredBytes).toBe(0);
      const grows = filesystem === 'ext4';
      if (grows) expect(outcome.errno).toBe(errno);
      expect(await file.fileSize()).toEqual({ sizeBytes: grows ? write - errno : 7 * PAGE + 100 });
    }
  }
});

it('a resize on XFS that has shut itself down fails in fstat, which comes first', async () => {
  const { driver, file } = await scenario({ filesystem: 'xfs', clearable: false });
  driver.punch(PATH, { offset: P, length: PAGE });
  const other = await open(driver, '/pmem/other', { create: true });
  expect((await other.pwrite(pattern(PAGE), 0)).errno).toBe(Errno.EIO);
  expect(await file.resize(20 * PAGE, true)).toEqual({ errno: Errno.EIO, syscall: 'fstat' });
  expect(await file.resize(PAGE, false)).toEqual({ errno: Errno.EIO, syscall: 'fstat' });
});

it('ext4 keeps no file of 16 TiB, and XFS does', async () => {
  for (const [filesystem, errno] of [['ext4', Errno.EFBIG], ['xfs', 0]] as const) {
    const outcome = await mockDriver({ filesystem }).open('/pmem/large', {
      create: true, readOnly: false, preallocate: false, sizeBytes: 2 ** 44,
    });
    expect('failure' in outcome ? outcome.failure.errno : 0).toBe(errno);
  }
});
