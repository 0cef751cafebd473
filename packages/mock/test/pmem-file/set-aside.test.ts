/**
 * XFS keeps room for copies of the 32 pages around one that it has copied, also of those that no other file shares.
 * Until that room is gone, a write of a bad page among them is refused as that of a shared one is (scenarios
 * set-aside-* of the traces).
 */
import { PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { mockDriver, type KernelName } from '../../src/index.js';
import { content, failure, PAGE, part, PATH, read } from './opened.js';

const whole = content(32 * PAGE);
const own = { offset: 20 * PAGE, length: PAGE };
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

/** A file whose first half is shared with a clone, but for page 5, which was written since. Page 20 is bad. */
async function besideACopy(kernel: KernelName = '6.12') {
  const driver = mockDriver({ kernel, filesystem: 'xfs' });
  driver.writeFile(PATH, part(whole, { offset: 0, length: 16 * PAGE }));
  driver.reflink(PATH, '/pmem/clone');
  const file = await PmemFile.open(PATH, { driver });
  await file.resize(whole.length);
  file.write(part(whole, { offset: 16 * PAGE, length: 16 * PAGE }), 16 * PAGE);
  file.write(part(whole, { offset: 5 * PAGE, length: PAGE }), 5 * PAGE);
  file.persist();
  driver.poison(PATH, own);
  await failure('ERR_PMEM_MEDIA', () => read(file, own.offset, PAGE));
  return { driver, file };
}

function requireWhole(file: PmemFile): void {
  expect(Buffer.compare(read(file, 0, whole.length), whole)).toBe(0);
}

describe('a bad page beside one that XFS has copied', () => {
  it('stays with its file unless relocation is allowed, and the error says what that would do', async () => {
    const { driver, file } = await besideACopy();
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(own, { rebuild }), RepairError);
    expect(error.attempts).toMatchObject([{ strategy: 'recovery-write', step: 'pwrite' }]);
    expect(error.message).toContain('allowRelocation: true would move the file off its bad blocks');
    expect(driver.freePool.poisoned).toEqual([]);
    expect((await file.badBlocks()).status).toBe('known');
  });

  it('is moved off its block if that is allowed', async () => {
    const { driver, file } = await besideACopy();
    const { units } = await file.repair(own, { rebuild, allowRelocation: true });
    expect(units).toMatchObject([{ outcome: 'relocated', strategy: 'zero-range' }]);
    requireWhole(file);
    expect(driver.freePool.poisoned).toHaveLength(1);
  });

  it('is repaired in place once the room is gone: the machine has started again', async () => {
    const { driver } = await besideACopy();
    driver.crash();
    const file = await PmemFile.open(PATH, { driver });
    const { units } = await file.repair(own, { rebuild });
    expect(units).toMatchObject([{ outcome: 'cleared', strategy: 'recovery-write' }]);
    requireWhole(file);
  });

  it('is repaired in place by a zero-range that clears', async () => {
    const { driver, file } = await besideACopy('dax-zeroinit');
    const { units } = await file.repair(own, { rebuild });
    expect(units).toMatchObject([{ outcome: 'cleared', strategy: 'zero-range' }]);
    requireWhole(file);
    expect(driver.freePool.poisoned).toEqual([]);
    expect(file.info().zeroRange).toBe('clears-in-place');
  });
});
