/**
 * Machine checks on a bus that lists none (e820, virtio-pmem), as e2e/real-pmem/machine-checks has recorded them: the
 * page is out of the kernel's memory map, no list has it, and a kernel that zeroes it is gone.
 */
import type { CompleteFile } from '@safe-pmem/core';
import { Errno, MediaError, PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { KernelOops, mockDriver, type MockDriver, type MockOptions } from '../../src/index.js';
import { content, failure, filled, PAGE, part, PATH, read } from './opened.js';

const bad = { offset: 5 * PAGE, length: PAGE };
const sizeBytes = 16 * PAGE;
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(content(sizeBytes), range);

/** A file whose bad page 5 this process has met; no other process knows of it. */
async function consumed(options: MockOptions = {}): Promise<{ readonly driver: MockDriver; readonly file: PmemFile }> {
  const driver = mockDriver({ listsConsumedErrors: false, ...options });
  const file = await filled(driver, sizeBytes);
  driver.poison(PATH, bad, { latent: true });
  const error = await failure('ERR_PMEM_MEDIA', () => read(file, 4 * PAGE, 3 * PAGE), MediaError);
  expect([error.source, error.ranges]).toEqual(['sigbus', [bad]]);
  return { driver, file };
}

async function plain(driver: MockDriver): Promise<CompleteFile> {
  const request = { create: false, readOnly: false, sizeBytes: undefined, preallocate: false };
  const outcome = await driver.open(PATH, request);
  if ('failure' in outcome) throw new Error('cannot open');
  return outcome.file;
}

describe.each(['ext4', 'xfs'] as const)('an error that no list has, on %s', (filesystem) => {
  it('badBlocks() says none; pread, and pwrite of the whole page, say EFAULT; the neighbours are there', async () => {
    const { driver, file } = await consumed({ filesystem });
    expect([file.info().listsConsumedErrors, await file.badBlocks()]).toEqual(['no', { status: 'none' }]);
    const other = await plain(driver);
    const bytes = new Uint8Array(PAGE);
    expect(await other.pread(bytes, bad.offset)).toEqual({ transferredBytes: 0, errno: Errno.EFAULT });
    expect(await other.pwrite(bytes, bad.offset)).toEqual({ transferredBytes: 0, errno: Errno.EFAULT });
    expect(await other.pread(new Uint8Array(3 * PAGE), 4 * PAGE)).toEqual({ transferredBytes: PAGE, errno: 0 });
    expect(await other.pwrite(new Uint8Array(3 * PAGE), 4 * PAGE)).toMatchObject({ transferredBytes: PAGE });
  });

  it('repair() is refused, changes nothing, and works once root has listed the page', async () => {
    const { driver, file } = await consumed({ filesystem });
    const error = await failure('ERR_PMEM_HELD_BACK', () => file.repair(bad, { rebuild }), RepairError);
    expect(error.attempts.map(({ strategy, errno }) => [strategy, errno])).toEqual([['recovery-write', Errno.EFAULT]]);
    driver.poison(PATH, bad);
    const { units } = await file.repair(bad, { rebuild });
    expect(units.map(({ outcome, strategy }) => [outcome, strategy])).toEqual([['cleared', 'recovery-write']]);
    expect(read(file, 0, sizeBytes)).toEqual(content(sizeBytes));
    const whole = await (await plain(driver)).pread(new Uint8Array(sizeBytes), 0);
    expect(whole).toEqual({ transferredBytes: sizeBytes, errno: 0 });
  });

  it('one that another process has met, and that a repair could not write, is not loaded here either', async () => {
    const driver = mockDriver({ listsConsumedErrors: false, filesystem });
    const file = await filled(driver, sizeBytes);
    const other = await plain(driver);
    driver.poison(PATH, bad, { latent: true });
    expect(other.read(new Uint8Array(1), bad.offset)).toMatchObject({ position: bad.offset });
    await failure('ERR_PMEM_HELD_BACK', () => file.repair(bad, { rebuild }));
    const error = await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 1), MediaError);
    expect([error.source, error.ranges]).toEqual(['known', [bad]]);
  });

  it('zero-range by name is not tried', async () => {
    const { file } = await consumed({ filesystem });
    const options = { rebuild, strategy: 'zero-range' } as const;
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, options), RepairError);
    expect(error.attempts).toEqual([]);
  });

  it('the end of the file is not moved into the page, by this process or one that knows of nothing', async () => {
    const { driver, file } = await consumed({ filesystem });
    const other = await PmemFile.open(PATH, { driver });
    for (const [opened, source] of [[file, 'known'], [other, 'errno']] as const) {
      const error = await failure('ERR_PMEM_MEDIA', () => opened.resize(bad.offset + 1000), MediaError);
      expect([error.source, error.ranges, opened.size]).toEqual([source, [bad], sizeBytes]);
    }
    await other.resize(8 * PAGE + 1000);
    expect(read(other, 0, bad.offset)).toEqual(part(content(sizeBytes), { offset: 0, length: bad.offset }));
  });

  it('the page is not cut off, for the next file to zero, unless the caller says so', async () => {
    const { file } = await consumed({ filesystem });
    expect((await failure('ERR_PMEM_MEDIA', () => file.resize(4 * PAGE), MediaError)).ranges).toEqual([bad]);
    await file.resize(4 * PAGE, { allowRelease: true });
    expect(file.size).toBe(4 * PAGE);
  });

  it('a restart of the machine forgets it, and maps the page again', async () => {
    const { driver } = await consumed({ filesystem });
    driver.crash('keep-all');
    // Poison is in the medium still: pread meets it as anything unknown.
    const met = await (await plain(driver)).pread(new Uint8Array(PAGE), bad.offset);
    expect(met).toEqual({ transferredBytes: 0, errno: Errno.EIO });
    const again = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_MEDIA', () => read(again, 0, sizeBytes), MediaError);
  });
});

describe('what the library does not do', () => {
  it('ftruncate into the page, and a write after a zero-range of it on ext4, end the machine', async () => {
    const { driver } = await consumed();
    expect(() => { driver.truncate(PATH, bad.offset + 1000); }).toThrow(KernelOops);
    const second = await consumed();
    const other = await plain(second.driver);
    expect(await other.zeroRange(bad.offset, PAGE)).toBeUndefined();
    await expect(async () => other.pwrite(new Uint8Array(PAGE), bad.offset)).rejects.toThrow(KernelOops);
  });

  it('on XFS zero-range moves the file off the page: if the caller allows that', async () => {
    const { file } = await consumed({ filesystem: 'xfs' });
    const { units } = await file.repair(bad, { rebuild, allowRelocation: true });
    expect(units.map(({ outcome, strategy }) => [outcome, strategy])).toEqual([['relocated', 'zero-range']]);
    expect(read(file, 0, sizeBytes)).toEqual(content(sizeBytes));
  });
});
