import { describe, expect, it } from 'vitest';
import { type CompleteFile, Errno } from '@safe-pmem/core';
import { expectBytes, extentsOf, isListed, JOURNAL, journalFile, loaded, open, P, PAGE, PATH, pattern, physicalOf, preadOf, scenario } from './scenario.js';

const KERNELS = ['5.10', '6.1', '6.12'] as const;
const SUB_PAGE = [[P, 100], [P + 100, PAGE - 100], [P + 7, 512], [P - 100, 200]] as const;

/** Makes a fresh block, as an ordinary writer would. */
async function otherFileWrites(file: CompleteFile): Promise<number> {
  return (await file.pwrite(pattern(PAGE, 3), 0)).errno;
}

describe.each(KERNELS)('table "Repair strategies", ext4, clearable, kernel %s', (kernel) => {
  it('ZERO_RANGE of the block: same physical block, unwritten, zeros at once, still listed', async () => {
    const { driver, file } = await scenario({ kernel });
    const physical = physicalOf(driver, P);
    expect(await file.zeroRange(P, PAGE)).toBeUndefined();
    expect(physicalOf(driver, P)).toBe(physical);
    expect((await extentsOf(file)).find((extent) => extent.offset === P)).toMatchObject({ length: PAGE, unwritten: true });
    expectBytes((await preadOf(file, P, PAGE)).bytes, new Uint8Array(PAGE));
    expectBytes(loaded(file, P, PAGE), new Uint8Array(PAGE));
    expect(await isListed(file, physical)).toBe(true);
  });

  it('the next write, or store fault, zeroes the media and clears it', async () => {
    for (const next of ['pwrite', 'store'] as const) {
      const { driver, file } = await scenario({ kernel });
      const physical = physicalOf(driver, P);
      await file.zeroRange(P, PAGE);
      if (next === 'store') expect(file.write(Uint8Array.of(9), P + 50)).toBeUndefined();
      else expect((await file.pwrite(Uint8Array.of(9), P + 50)).errno).toBe(0);
      expect(await isListed(file, physical)).toBe(false);
      const expected = new Uint8Array(PAGE);
      expected[50] = 9;
      expectBytes(loaded(file, P, PAGE), expected);
    }
  });

  it('ZERO_RANGE + pwrite of the page: clears in place', async () => {
    const { driver, file } = await scenario({ kernel });
    const physical = physicalOf(driver, P);
    await file.zeroRange(P, PAGE);
    expect((await file.pwrite(pattern(PAGE, 2), P)).errno).toBe(0);
    expect(physicalOf(driver, P)).toBe(physical);
    expect(await isListed(file, physical)).toBe(false);
    expectBytes(loaded(file, P, PAGE), pattern(PAGE, 2));
  });
});

describe.each(KERNELS)('table "Repair strategies", xfs, clearable, kernel %s', (kernel) => {
  it('ZERO_RANGE of the block: another physical block, zeros at once, the bad one free and still poisoned', async () => {
    const { driver, file } = await scenario({ kernel, filesystem: 'xfs' });
    const physical = physicalOf(driver, P);
    expect(await file.zeroRange(P, PAGE)).toBeUndefined();
    expect(physicalOf(driver, P)).not.toBe(physical);
    expectBytes(loaded(file, P, PAGE), new Uint8Array(PAGE));
    expect(await isListed(file, physical)).toBe(true);
    expect(driver.freePool.poisoned).toEqual([{ offset: physical, length: PAGE }]);
  });

  it('the bad block is cleared only when XFS allocates it again', async () => {
    const { driver, file } = await scenario({ kernel, filesystem: 'xfs' });
    const physical = physicalOf(driver, P);
    await file.zeroRange(P, PAGE);
    expect((await file.pwrite(pattern(PAGE, 2), P)).errno).toBe(0);
    await file.sync();
    expect(await isListed(file, physical)).toBe(true);
    const other = await open(driver, '/pmem/other', { create: true });
    expect(await otherFileWrites(other)).toBe(0);
    expect(physicalOf(driver, 0, '/pmem/other')).toBe(physical);
    expect(await isListed(file, physical)).toBe(false);
  });
});

describe.each(['ext4', 'xfs'] as const)('table "Repair strategies", %s', (filesystem) => {
  it.each(KERNELS)('ZERO_RANGE of part of a block: EIO (kernel %s)', async (kernel) => {
    const { file } = await scenario({ kernel, filesystem });
    for (const [position, length] of SUB_PAGE) {
      expect(await file.zeroRange(position, length)).toEqual({ errno: Errno.EIO, syscall: 'fallocate' });
    }
  });

  it.each(['6.1', '6.12'] as const)('recovery write: clears in place, the block never leaves the file (%s)', async (kernel) => {
    const { driver, file } = await scenario({ kernel, filesystem });
    const physical = physicalOf(driver, P);
    const free = driver.freePool;
    expect(await file.pwrite(pattern(PAGE, 2), P)).toEqual({ transferredBytes: PAGE, errno: 0 });
    expect(physicalOf(driver, P)).toBe(physical);
    expect(await isListed(file, physical)).toBe(false);
    expect(driver.freePool).toEqual(free);
  });

  it('recovery write, unclearable: EFAULT, nothing changes', async () => {
    const { driver, file, bytes } = await scenario({ filesystem, clearable: false });
    const physical = physicalOf(driver, P);
    const free = driver.freePool;
    expect((await file.pwrite(pattern(PAGE, 2), P)).errno).toBe(Errno.EFAULT);
    expect(physicalOf(driver, P)).toBe(physical);
    expect(driver.freePool).toEqual(free);
    expectBytes(driver.readFile(PATH), bytes);
    expect(await isListed(file, physical)).toBe(true);
  });

  it.each(KERNELS)('PUNCH_HOLE + pwrite: another block, the poison goes to the free pool (%s)', async (kernel) => {
    const { driver, file } = await scenario({ kernel, filesystem });
    const physical = physicalOf(driver, P);
    driver.punch(PATH, { offset: P, length: PAGE });
    expect(driver.freePool.poisoned).toEqual([{ offset: physical, length: PAGE }]);
    expect((await file.pwrite(pattern(PAGE, 2), P)).errno).toBe(0);
    expect(physicalOf(driver, P)).not.toBe(physical);
  });
});

describe('table "Repair strategies", unclearable', () => {
  it('ext4: ZERO_RANGE returns ok and reads as zeros, and then every write fails', async () => {
    const { driver, file } = await scenario({ clearable: false });
    const physical = physicalOf(driver, P);
    expect(await file.zeroRange(P, PAGE)).toBeUndefined();
    expectBytes(loaded(file, P, PAGE), new Uint8Array(PAGE));
    expect(await file.pwrite(pattern(PAGE, 2), P)).toEqual({ transferredBytes: 0, errno: Errno.EIO });
    // ext4 had converted the block before it failed to zero it: from the second write on it is a written, bad block.
    expectBytes((await preadOf(file, P, PAGE)).bytes, new Uint8Array(PAGE));
    for (let i = 0; i < 2; i++) {
      expect(await file.pwrite(pattern(PAGE, 2), P)).toEqual({ transferredBytes: 0, errno: Errno.EFAULT });
      expect(await file.pwrite(pattern(100, 2), P + 5)).toEqual({ transferredBytes: 0, errno: Errno.EFAULT });
      expect(file.write(Uint8Array.of(1), P)).toEqual({ position: P, signalCode: 4, granuleLog2: 12 });
      expect((await preadOf(file, P, PAGE)).errno).toBe(Errno.EIO);
      // The zeros that were mapped before stay mapped.
      expectBytes(loaded(file, P, PAGE), new Uint8Array(PAGE));
    }
    expect(physicalOf(driver, P)).toBe(physical);
    expect(await isListed(file, physical)).toBe(true);
  });

  it.each(['punch', 'zero-range'] as const)(
    'xfs: after %s another file gets the bad block, its write fails, the whole filesystem shuts down',
    async (lettingGo) => {
      const { driver, file } = await scenario({ filesystem: 'xfs', clearable: false });
      const physical = physicalOf(driver, P);
      if (lettingGo === 'punch') driver.punch(PATH, { offset: P, length: PAGE });
      else expect(await file.zeroRange(P, PAGE)).toBeUndefined();
      await file.sync();
      expect(driver.freePool.poisoned).toEqual([{ offset: physical, length: PAGE }]);

      const victim = await open(driver, '/pmem/victim', { create: true });
      expect(await otherFileWrites(victim)).toBe(Errno.EIO);
      for (const each of [file, victim]) {
        expect((await each.pread(new Uint8Array(1), 0)).errno).toBe(Errno.EIO);
        expect((await each.pwrite(new Uint8Array(1), 0)).errno).toBe(Errno.EIO);
        expect(await each.sync()).toEqual({ errno: Errno.EIO, syscall: 'fdatasync' });
        expect(await each.zeroRange(0, PAGE)).toEqual({ errno: Errno.EIO, syscall: 'fallocate' });
        expect(await each.truncate(0)).toEqual({ errno: Errno.EIO, syscall: 'ftruncate' });
        expect(await each.writeJournal(JOURNAL, journalFile(Uint8Array.of(1)))).toEqual({ errno: Errno.EIO, syscall: 'open' });
      }
      expect(file.read(new Uint8Array(1), 9 * PAGE)).toEqual({ position: 9 * PAGE, signalCode: 2, granuleLog2: 0 });
      const failure = { errno: Errno.EIO, syscall: 'fstat' };
      expect(file.probe(9 * PAGE, PAGE)).toEqual({ failure });
      expect(await file.fileSize()).toEqual({ failure });
      expect(await driver.open(PATH, { create: false, readOnly: true, sizeBytes: undefined, preallocate: false })).toEqual({
        failure: { errno: Errno.EIO, syscall: 'open' },
      });
    },
  );

  it('xfs: a refused recovery write keeps the bad block with its file, so that no other file inherits it', async () => {
    const { driver, file } = await scenario({ filesystem: 'xfs', clearable: false });
    expect((await file.pwrite(pattern(PAGE, 2), P)).errno).toBe(Errno.EFAULT);
    await file.sync();
    expect(driver.freePool.poisoned).toEqual([]);
    const other = await open(driver, '/pmem/other', { create: true });
    expect(await otherFileWrites(other)).toBe(0);
    expectBytes(loaded(await open(driver, '/pmem/other'), 0, PAGE), pattern(PAGE, 3));
  });

  it('xfs, clearable: the writer that inherits the bad block clears it without noticing', async () => {
    const { driver, file } = await scenario({ filesystem: 'xfs' });
    const physical = physicalOf(driver, P);
    driver.punch(PATH, { offset: P, length: PAGE });
    driver.writeFile('/pmem/victim', pattern(PAGE, 3));
    expect(physicalOf(driver, 0, '/pmem/victim')).toBe(physical);
    expect(await isListed(file, physical)).toBe(false);
    expectBytes(driver.readFile('/pmem/victim'), pattern(PAGE, 3));
  });
});

describe('table "Repair strategies", devices and filesystems', () => {
  it('tmpfs has no ZERO_RANGE', async () => {
    const { file } = await scenario({ filesystem: 'tmpfs', poisonBytes: 0 });
    expect(await file.zeroRange(0, PAGE)).toEqual({ errno: Errno.EOPNOTSUPP, syscall: 'fallocate' });
  });

  it('the bus says who can clear: e820, or ACPI.NFIT without clear_error', async () => {
    expect((await scenario()).file.facts.bus).toEqual({ provider: 'e820', commands: [] });
    const { bus } = (await scenario({ clearable: false })).file.facts;
    expect(bus?.provider).toBe('ACPI.NFIT');
    expect(bus?.commands).not.toContain('clear_error');
    expect((await scenario({ filesystem: 'tmpfs', poisonBytes: 0 })).file.facts.bus).toBeUndefined();
  });

  it.each(['ext4', 'xfs'] as const)('dax-zeroinit: ZERO_RANGE clears the media at once, in place (%s)', async (filesystem) => {
    const { driver, file } = await scenario({ kernel: 'dax-zeroinit', filesystem });
    const physical = physicalOf(driver, P);
    expect(await file.zeroRange(P, PAGE)).toBeUndefined();
    expect(physicalOf(driver, P)).toBe(physical);
    expect(await isListed(file, physical)).toBe(false);
    expect((await extentsOf(file)).every((extent) => !extent.unwritten)).toBe(true);
    expectBytes(loaded(file, P, PAGE), new Uint8Array(PAGE));
  });

  it('dax-zeroinit, unclearable: EIO, and the page stays bad', async () => {
    const { driver, file } = await scenario({ kernel: 'dax-zeroinit', clearable: false });
    expect(await file.zeroRange(P, PAGE)).toEqual({ errno: Errno.EIO, syscall: 'fallocate' });
    expect(await isListed(file, physicalOf(driver, P))).toBe(true);
    expect(file.read(new Uint8Array(1), P)).toBeDefined();
  });
});
