import { describe, expect, it } from 'vitest';
import { Errno } from '@safe-pmem/core';
import { expectBytes, isListed, loaded, P, PAGE, pattern, physicalOf, preadOf, scenario } from './scenario.js';

const KERNELS = ['5.10', '6.1', '6.12'] as const;
const FILESYSTEMS = ['ext4', 'xfs'] as const;

describe.each(KERNELS)('table "Access to a poisoned page", kernel %s', (kernel) => {
  describe.each(FILESYSTEMS)('%s', (filesystem) => {
    it('pread of any range that touches the page, even 512 good bytes of it: EIO', async () => {
      const { file } = await scenario({ kernel, filesystem, poisonBytes: 512 });
      for (const [position, length] of [[P, PAGE], [P + 1024, 512], [P - 512, 1024], [P + PAGE - 1, 2]] as const) {
        expect((await preadOf(file, position, length)).errno).toBe(Errno.EIO);
      }
    });

    it('pread and load of the neighbouring pages: ok', async () => {
      const { file, bytes } = await scenario({ kernel, filesystem });
      expectBytes((await preadOf(file, 0, P)).bytes, bytes.subarray(0, P));
      expectBytes((await preadOf(file, P + PAGE, PAGE)).bytes, bytes.subarray(P + PAGE, P + 2 * PAGE));
      expectBytes(loaded(file, 0, P), bytes.subarray(0, P));
      expectBytes(loaded(file, P + PAGE, 4 * PAGE), bytes.subarray(P + PAGE));
    });

    it('load or store through a mapping made afterwards: SIGBUS, its code by kernel, exact address', async () => {
      const { file } = await scenario({ kernel, filesystem });
      const signal = kernel === '6.12' ? { signalCode: 4, granuleLog2: 12 } : { signalCode: 2, granuleLog2: 0 };
      expect(file.read(new Uint8Array(10), P + 100)).toEqual({ position: P + 100, ...signal });
      expect(file.read(new Uint8Array(3 * PAGE), P - PAGE - 7)).toEqual({ position: P, ...signal });
      expect(file.write(new Uint8Array(10), P + 200)).toEqual({ position: P + 200, ...signal });
    });

    it('page-aligned whole-page pwrite, clearable: EIO and stays on 5.10, clears in place since', async () => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const physical = physicalOf(driver, P);
      const { errno } = await file.pwrite(pattern(PAGE, 2), P);
      expect(errno).toBe(kernel === '5.10' ? Errno.EIO : 0);
      expect(await isListed(file, physical)).toBe(kernel === '5.10');
      expect(physicalOf(driver, P)).toBe(physical);
      if (kernel === '5.10') expect(file.read(new Uint8Array(1), P)).toBeDefined();
      else expectBytes(loaded(file, P, PAGE), pattern(PAGE, 2));
    });

    it('sub-page pwrite, or one that covers the page in part: EIO on 5.10, EFAULT since', async () => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const refusal = kernel === '5.10' ? Errno.EIO : Errno.EFAULT;
      for (const [position, length] of [[P + 5, 100], [P, PAGE - 1], [P + 1, PAGE - 1]] as const) {
        expect(await file.pwrite(pattern(length, 2), position)).toEqual({ transferredBytes: 0, errno: refusal });
      }
      expect(await isListed(file, physicalOf(driver, P))).toBe(true);
    });

    it('msync / fdatasync of the file: ok', async () => {
      const { file } = await scenario({ kernel, filesystem });
      expect(await file.sync()).toBeUndefined();
      const buffered = await scenario({ kernel, filesystem, dax: false });
      expect(buffered.file.persist(0, 10 * PAGE)).toBeUndefined();
    });
  });
});

describe.each(FILESYSTEMS)('table "Access to a poisoned page", %s', (filesystem) => {
  it('page-aligned whole-page pwrite, unclearable, 6.12: EFAULT and nothing changes', async () => {
    const { driver, file } = await scenario({ filesystem, clearable: false });
    const physical = physicalOf(driver, P);
    expect(await file.pwrite(pattern(PAGE, 2), P)).toEqual({ transferredBytes: 0, errno: Errno.EFAULT });
    expect(await isListed(file, physical)).toBe(true);
    expect(physicalOf(driver, P)).toBe(physical);
    expectBytes(driver.readFile('/pmem/file').subarray(P, P + PAGE), pattern(10 * PAGE).subarray(P, P + PAGE));
  });

  it('a load past end of file gives the same signal as poison before 6.12; fstat tells them apart', async () => {
    const { driver, file } = await scenario({ filesystem, kernel: '6.1', poisonBytes: 0 });
    driver.truncate('/pmem/file', P);
    expect(file.read(new Uint8Array(1), P + 9)).toEqual({ position: P + 9, signalCode: 2, granuleLog2: 0 });
    expect(file.probe(P, PAGE)).toMatchObject({ fileSizeBytes: P, readErrno: 0 });
  });

  it('a store into a hole on a full filesystem gives it too; the probe sees a hole and no space', async () => {
    const { driver, file } = await scenario({ filesystem, poisonBytes: 0 });
    driver.punch('/pmem/file', { offset: P, length: PAGE });
    driver.exhaust();
    expectBytes(loaded(file, P, PAGE), new Uint8Array(PAGE));
    expect(file.write(new Uint8Array(1), P + 9)).toEqual({ position: P + 9, signalCode: 2, granuleLog2: 0 });
    // XFS keeps a few blocks that no file can get, and statfs counts them.
    const freeBytes = filesystem === 'xfs' ? 4 * PAGE : 0;
    expect(file.probe(P, PAGE)).toEqual({ fileSizeBytes: 10 * PAGE, readErrno: 0, writeErrno: 0, hole: true, freeBytes });
  });

  it('a pread probe of a bad page says EIO', async () => {
    const { file } = await scenario({ filesystem });
    expect(file.probe(P, PAGE)).toMatchObject({ readErrno: Errno.EIO, hole: false });
  });

  it('a page mapped before the kernel learned of the bad block keeps working, a new fault does not', async () => {
    const { driver, file, bytes } = await scenario({ filesystem, poisonBytes: 0 });
    loaded(file, P, 1);
    driver.poison('/pmem/file', { offset: P, length: 512 }, { keepMapped: true });
    expectBytes(loaded(file, P, PAGE), bytes.subarray(P, P + PAGE));
    // The page is mapped for loads alone: a store is a new fault.
    expect(file.write(Uint8Array.of(1), P + 8)).toEqual({ position: P + 8, signalCode: 4, granuleLog2: 12 });
    expectBytes(loaded(file, P, PAGE), bytes.subarray(P, P + PAGE));
    expect(file.remap(P, PAGE)).toBeUndefined();
    expect(file.read(new Uint8Array(1), P)).toBeDefined();
  });

  it('a page mapped for stores goes on taking them, until it is written back', async () => {
    const { driver, file } = await scenario({ filesystem, poisonBytes: 0 });
    const writable = { offset: P, length: 512 };
    expect(file.write(Uint8Array.of(1), P)).toBeUndefined();
    driver.poison('/pmem/file', writable, { keepMapped: true });
    expect(file.write(Uint8Array.of(2), P)).toBeUndefined();
    expect(await file.sync()).toBeUndefined();
    expect(file.write(Uint8Array.of(3), P)).toEqual({ position: P, signalCode: 4, granuleLog2: 12 });
    expectBytes(loaded(file, P, 1), Uint8Array.of(2));
  });

  it('the kernel lists 512-byte sectors, in bytes on the device that extents refer to', async () => {
    const { driver, file } = await scenario({ filesystem, poisonBytes: 1 });
    expect(await file.badBlocks()).toEqual({ supported: true, ranges: [{ offset: physicalOf(driver, P), length: 512 }] });
  });
});
