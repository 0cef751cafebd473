import { Errno } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import {
  expectBytes, extentsOf, isListed, loaded, open, P, PAGE, PATH, physicalOf, preadOf, scenario, type ScenarioOptions,
} from './scenario.js';

const CLONE = '/pmem/clone';
const on = (options: ScenarioOptions = {}) => scenario({ kernel: 'dax-zeroinit', ...options });

describe.each(['ext4', 'xfs'] as const)('zero-range of a kernel that clears in place, %s', (filesystem) => {
  it('zeroes good and bad pages alike: each keeps its block, and none is listed', async () => {
    const { driver, file, bytes } = await on({ filesystem });
    const before = await extentsOf(file);
    const physical = physicalOf(driver, P);
    expect(await file.zeroRange(P - PAGE, 3 * PAGE)).toBeUndefined();
    expect(await extentsOf(file)).toEqual(before);
    expect(await isListed(file, physical)).toBe(false);
    expectBytes(loaded(file, 0, bytes.length), Uint8Array.from(bytes).fill(0, P - PAGE, P + 2 * PAGE));
  });

  it('if one page cannot be cleared, no page of the range has changed, and no hole has got a block', async () => {
    const { driver, file, bytes } = await on({ filesystem, clearable: false });
    driver.poison(PATH, { offset: 8 * PAGE, length: 512 });
    const before = await extentsOf(file);
    expect(await file.zeroRange(3 * PAGE, 10 * PAGE)).toEqual({ errno: Errno.EIO, syscall: 'fallocate' });
    expect(await extentsOf(file)).toEqual(before);
    expectBytes((await preadOf(file, 0, P)).bytes, bytes.subarray(0, P));
    expectBytes(loaded(file, 9 * PAGE, PAGE), bytes.subarray(9 * PAGE));
  });

  it('an edge inside a bad page is EIO, and the pages before it keep what they hold', async () => {
    const { driver, file, bytes } = await on({ filesystem });
    for (const [offset, length] of [[P - PAGE, PAGE + 100], [P + 100, 2 * PAGE]] as const) {
      expect(await file.zeroRange(offset, length)).toEqual({ errno: Errno.EIO, syscall: 'fallocate' });
    }
    expect(await isListed(file, physicalOf(driver, P))).toBe(true);
    for (const page of [P - PAGE, P + PAGE]) expectBytes(loaded(file, page, PAGE), bytes.subarray(page, page + PAGE));
  });

  it('edges inside good pages are zeroed to the byte', async () => {
    const { file, bytes } = await on({ filesystem, poisonBytes: 0 });
    expect(await file.zeroRange(PAGE + 100, 2 * PAGE)).toBeUndefined();
    expectBytes(loaded(file, 0, bytes.length), Uint8Array.from(bytes).fill(0, PAGE + 100, 3 * PAGE + 100));
  });

  it('an unwritten page is cleared, also if only a part of it is in the range, and stays unwritten', async () => {
    const { driver, file } = await on({ filesystem, poisonBytes: 0 });
    await file.zeroRange(20 * PAGE, PAGE);
    const physical = physicalOf(driver, 20 * PAGE);
    driver.poisonPhysical({ offset: physical, length: 512 });
    expect(await file.zeroRange(20 * PAGE + 100, 100)).toBeUndefined();
    expect(await isListed(file, physical)).toBe(false);
    expect((await extentsOf(file)).at(-1)).toMatchObject({ physicalOffset: physical, unwritten: true });
  });

  it('without free space zeroes what has blocks; a hole is ENOSPC, and the pages before it keep what they hold', async () => {
    const { driver, file, bytes } = await on({ filesystem });
    driver.exhaust();
    expect(await file.zeroRange(8 * PAGE, 3 * PAGE)).toEqual({ errno: Errno.ENOSPC, syscall: 'fallocate' });
    expectBytes(loaded(file, 8 * PAGE, 2 * PAGE), bytes.subarray(8 * PAGE));
    expect(await file.zeroRange(P, PAGE)).toBeUndefined();
    expectBytes(loaded(file, P, PAGE), new Uint8Array(PAGE));
  });
});

describe('zero-range of blocks that another file shares', () => {
  const shared = async (options: ScenarioOptions = {}) => {
    const made = await on({ filesystem: 'xfs', poisonBytes: 0, ...options });
    made.driver.reflink(PATH, CLONE);
    return { ...made, clone: await open(made.driver, CLONE) };
  };

  it('gives this file zeroed blocks of its own, also for bad ones; the other keeps its block and the poison in it', async () => {
    const { driver, file, clone, bytes } = await shared();
    driver.poison(PATH, { offset: P, length: 512 });
    const physical = physicalOf(driver, P, CLONE);
    expect(await file.zeroRange(P - PAGE, 2 * PAGE)).toBeUndefined();
    expectBytes(loaded(file, 0, bytes.length), Uint8Array.from(bytes).fill(0, P - PAGE, P + PAGE));
    expect(physicalOf(driver, P, CLONE)).toBe(physical);
    expect(physicalOf(driver, P)).not.toBe(physical);
    expect(await isListed(clone, physical)).toBe(true);
    expectBytes(loaded(clone, P - PAGE, PAGE), bytes.subarray(P - PAGE, P));
  });

  it('copies what is outside the range; an edge inside a bad page is EIO', async () => {
    const { driver, file, clone, bytes } = await shared();
    expect(await file.zeroRange(PAGE + 100, 200)).toBeUndefined();
    expectBytes(loaded(file, 0, bytes.length), Uint8Array.from(bytes).fill(0, PAGE + 100, PAGE + 300));
    expectBytes(loaded(clone, 0, bytes.length), bytes);
    driver.poison(PATH, { offset: P, length: 512 });
    expect(await file.zeroRange(P + 100, 200)).toEqual({ errno: Errno.EIO, syscall: 'fallocate' });
  });

  it('without free space is ENOSPC', async () => {
    const { driver, file, bytes } = await shared();
    driver.exhaust();
    expect(await file.zeroRange(0, PAGE)).toEqual({ errno: Errno.ENOSPC, syscall: 'fallocate' });
    expectBytes(loaded(file, 0, PAGE), bytes.subarray(0, PAGE));
  });
});
