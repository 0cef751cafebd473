import { describe, expect, it } from 'vitest';
import { Errno, totalLength } from '@safe-pmem/core';
import {
  expectBytes,
  extentsOf,
  isListed,
  loaded,
  open,
  P,
  PAGE,
  PATH,
  pattern,
  physicalOf,
  preadOf,
  scenario,
} from './scenario.js';

const MODERN = ['6.1', '6.12', '7.3'] as const;
const FILESYSTEMS = ['ext4', 'xfs'] as const;

describe.each(MODERN)('table "Operation by operation", kernel %s', (kernel) => {
  describe.each(FILESYSTEMS)('%s', (filesystem) => {
    it('pread touching the bad page, one extent: EIO and 0 bytes, whatever good bytes come first', async () => {
      const { file, bytes } = await scenario({ kernel, filesystem, sizeBytes: 64 * PAGE });
      expect(await file.pread(new Uint8Array(64 * PAGE), 0)).toEqual({ transferredBytes: 0, errno: Errno.EIO });
      expect(await file.pread(new Uint8Array(6 * PAGE), 0)).toEqual({ transferredBytes: 0, errno: Errno.EIO });
      expectBytes((await preadOf(file, 0, 5 * PAGE)).bytes, bytes.subarray(0, 5 * PAGE));
    });

    it('pread over two extents: short at the boundary, then EIO', async () => {
      const { file, bytes } = await scenario({ kernel, filesystem, sizeBytes: 16 * PAGE, extentBytes: 5 * PAGE });
      expect((await extentsOf(file)).length).toBe(4);
      const first = await preadOf(file, 0, 16 * PAGE);
      expect(first.errno).toBe(0);
      expectBytes(first.bytes, bytes.subarray(0, 20480));
      expect(await file.pread(new Uint8Array(11 * PAGE), 20480)).toEqual({ transferredBytes: 0, errno: Errno.EIO });
    });

    it('poison of one sector: the whole page is unreadable', async () => {
      const { driver, file } = await scenario({ kernel, filesystem, poisonBytes: 0 });
      driver.poison(PATH, { offset: P + 3 * 512, length: 512 });
      for (const at of [P, P + 512, P + PAGE - 512]) expect((await preadOf(file, at, 512)).errno).toBe(Errno.EIO);
      expect(file.read(new Uint8Array(1), P)).toMatchObject({ position: P });
    });

    it('mapped load or store: SIGBUS code and lsb by kernel, si_addr exact, a store never repairs', async () => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const signal = kernel === '6.1' ? { signalCode: 2, granuleLog2: 0 } : { signalCode: 4, granuleLog2: 12 };
      for (let i = 0; i < 2; i++) {
        expect(file.write(pattern(PAGE), P)).toEqual({ position: P, ...signal });
        expect(file.read(new Uint8Array(1), P + 4095)).toEqual({ position: P + 4095, ...signal });
      }
      expect(await isListed(file, physicalOf(driver, P))).toBe(true);
    });

    it('load via an already present page: ok; after the page is dropped: SIGBUS', async () => {
      const { driver, file, bytes } = await scenario({ kernel, filesystem, poisonBytes: 0 });
      loaded(file, P, 1);
      driver.poison(PATH, { offset: P, length: PAGE }, { keepMapped: true });
      expectBytes(loaded(file, P, PAGE), bytes.subarray(P, P + PAGE));
      expect((await preadOf(file, P, PAGE)).errno).toBe(Errno.EIO);
      file.remap(P, PAGE);
      expect(file.read(new Uint8Array(1), P)).toBeDefined();
    });

    it('pwrite of 100 bytes inside the bad page: EFAULT, still bad', async () => {
      const { driver, file } = await scenario({ kernel, filesystem });
      expect(await file.pwrite(pattern(100), P + 50)).toEqual({ transferredBytes: 0, errno: Errno.EFAULT });
      expect(await isListed(file, physicalOf(driver, P))).toBe(true);
    });

    it('pwrite of pages 3 to 5 and 100 bytes: short 8192, then EFAULT', async () => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const source = pattern(2 * PAGE + 100, 2);
      expect(await file.pwrite(source, 3 * PAGE)).toEqual({ transferredBytes: 8192, errno: 0 });
      expect(await file.pwrite(source.subarray(8192), P)).toEqual({ transferredBytes: 0, errno: Errno.EFAULT });
      expectBytes(driver.readFile(PATH).subarray(3 * PAGE, P), source.subarray(0, 8192));
    });

    it.each([
      ['the full page', P, PAGE],
      ['many pages', 2 * PAGE, 6 * PAGE],
      ['an unaligned span that covers it', 4 * PAGE + 100, 3 * PAGE],
    ] as const)('pwrite of %s: ok, same block, cleared', async (_, position, length) => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const physical = physicalOf(driver, P);
      expect(await file.pwrite(pattern(length, 2), position)).toEqual({ transferredBytes: length, errno: 0 });
      expect(physicalOf(driver, P)).toBe(physical);
      expect(await isListed(file, physical)).toBe(false);
      expectBytes(loaded(file, position, length), pattern(length, 2));
    });

    it('ZERO_RANGE of the full page: 0, not cleared; ext4 same block, XFS relocated', async () => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const physical = physicalOf(driver, P);
      expect(await file.zeroRange(P, PAGE)).toBeUndefined();
      expect(await isListed(file, physical)).toBe(true);
      expect(physicalOf(driver, P) === physical).toBe(filesystem === 'ext4');
    });

    it('ZERO_RANGE of part of the page: EIO; of an unaligned span that covers it: ok', async () => {
      const { file, bytes } = await scenario({ kernel, filesystem });
      expect(await file.zeroRange(P + 100, 200)).toEqual({ errno: Errno.EIO, syscall: 'fallocate' });
      expect(await file.zeroRange(P - 100, PAGE + 200)).toBeUndefined();
      const expected = Uint8Array.from(bytes).fill(0, P - 100, P + PAGE + 100);
      expectBytes(loaded(file, 0, 10 * PAGE), expected);
    });

    it.each(['write', 'store'] as const)('after ZERO_RANGE of the full page, a 100 byte %s: ext4 clears, XFS leaves it listed', async (how) => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const physical = physicalOf(driver, P);
      await file.zeroRange(P, PAGE);
      if (how === 'store') expect(file.write(pattern(100), P + 10)).toBeUndefined();
      else expect((await file.pwrite(pattern(100), P + 10)).errno).toBe(0);
      expect(await isListed(file, physical)).toBe(filesystem === 'xfs');
      expect(driver.freePool.poisoned.length).toBe(filesystem === 'xfs' ? 1 : 0);
    });

    it('punch + fallocate: relocated, not cleared, fragmented', async () => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const physical = physicalOf(driver, P);
      driver.punch(PATH, { offset: P, length: PAGE });
      driver.preallocate(PATH, { offset: P, length: PAGE });
      expect(physicalOf(driver, P)).not.toBe(physical);
      expect((await extentsOf(file)).length).toBe(3);
      expect(await isListed(file, physical)).toBe(true);
    });

    it('punch, then another file allocates: it gets the poisoned block, and its write clears it', async () => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const physical = physicalOf(driver, P);
      driver.punch(PATH, { offset: P, length: PAGE });
      const other = await open(driver, '/pmem/other', { create: true });
      expect((await other.pwrite(pattern(PAGE, 3), 0)).errno).toBe(0);
      expect(physicalOf(driver, 0, '/pmem/other')).toBe(physical);
      expect(await isListed(file, physical)).toBe(false);
    });

    it('fsync of a poisoned file: 0', async () => {
      const { file } = await scenario({ kernel, filesystem });
      expect(await file.sync()).toBeUndefined();
    });

    it('unlink of a poisoned file: the list keeps its entry', async () => {
      const { driver, file } = await scenario({ kernel, filesystem });
      const physical = physicalOf(driver, P);
      driver.unlink(PATH);
      expect(driver.freePool.poisoned).toEqual([]);
      expect(await isListed(file, physical)).toBe(true);
      await file.close();
      expect(driver.freePool.poisoned).toEqual([{ offset: physical, length: PAGE }]);
    });

    it('MAP_SYNC on dax, msync without', async () => {
      const dax = (await scenario({ kernel, filesystem, poisonBytes: 0 })).file.facts;
      expect(dax).toMatchObject({ dax: true, mapSync: true, persistMethod: 'cpu-flush' });
      const buffered = (await scenario({ kernel, filesystem, dax: false, poisonBytes: 0 })).file.facts;
      expect(buffered).toMatchObject({ dax: false, mapSync: false, persistMethod: 'msync', persistInstruction: 'msync' });
    });
  });
});

const TAIL = P + 100;

describe.each(['6.1', '7.3'] as const)('table "Operation by operation", end of file, kernel %s', (kernel) => {
  describe.each(FILESYSTEMS)('%s', (filesystem) => {
    const tail = () => scenario({ kernel, filesystem, sizeBytes: TAIL, poisonBytes: 100 });

    it('pread EIO, exact-tail pwrite EFAULT, append in the tail EFAULT', async () => {
      const { file } = await tail();
      expect((await preadOf(file, P, 100)).errno).toBe(Errno.EIO);
      expect((await file.pwrite(pattern(100), P)).errno).toBe(Errno.EFAULT);
      expect((await file.pwrite(pattern(50), TAIL)).errno).toBe(Errno.EFAULT);
      expect(await file.fileSize()).toEqual({ sizeBytes: TAIL });
    });

    it('append at the next page, ftruncate up: EIO, but ext4 on 6.1 allows both', async () => {
      const allowed = filesystem === 'ext4' && kernel === '6.1';
      const appended = await tail();
      expect((await appended.file.pwrite(pattern(PAGE), P + PAGE)).errno).toBe(allowed ? 0 : Errno.EIO);
      expect(await appended.file.fileSize()).toEqual({ sizeBytes: allowed ? P + 2 * PAGE : TAIL });
      const grown = await tail();
      expect((await grown.file.truncate(9 * PAGE))?.errno).toBe(allowed ? undefined : Errno.EIO);
      expect(await grown.file.fileSize()).toEqual({ sizeBytes: allowed ? 9 * PAGE : TAIL });
    });

    it('ZERO_RANGE|KEEP_SIZE of the full page: 0 and the size kept; of the tail alone: EIO', async () => {
      const { file } = await tail();
      expect(await file.zeroRange(P, 100)).toEqual({ errno: Errno.EIO, syscall: 'fallocate' });
      expect(await file.zeroRange(P, PAGE)).toBeUndefined();
      expect(await file.fileSize()).toEqual({ sizeBytes: TAIL });
      expectBytes((await preadOf(file, P, PAGE)).bytes, new Uint8Array(100));
    });

    it('pwrite of the full page, ftruncate back: ok, same block, cleared', async () => {
      const { driver, file } = await tail();
      const physical = physicalOf(driver, P);
      expect(await file.pwrite(pattern(PAGE, 2), P)).toEqual({ transferredBytes: PAGE, errno: 0 });
      expect(await file.fileSize()).toEqual({ sizeBytes: P + PAGE });
      expect(await file.truncate(TAIL)).toBeUndefined();
      expect(await file.fileSize()).toEqual({ sizeBytes: TAIL });
      expect(physicalOf(driver, P)).toBe(physical);
      expect(await isListed(file, physical)).toBe(false);
      expectBytes(loaded(file, P, 100), pattern(PAGE, 2).subarray(0, 100));
    });

    it('ftruncate into the bad page: ext4 7.3 EIO but smaller, XFS EIO and unchanged, ext4 6.1 says 0', async () => {
      const { file } = await scenario({ kernel, filesystem });
      const failure = await file.truncate(TAIL);
      if (filesystem === 'ext4' && kernel === '6.1') expect(failure).toBeUndefined();
      else expect(failure).toEqual({ errno: Errno.EIO, syscall: 'ftruncate' });
      expect(await file.fileSize()).toEqual({ sizeBytes: filesystem === 'xfs' ? 10 * PAGE : TAIL });
    });

    it('a truncate that fails half way frees no block, and one more to that size fails and frees none', async () => {
      const { file } = await scenario({ kernel, filesystem });
      const failure = await file.truncate(TAIL);
      const allocated = async (): Promise<number> => totalLength(await extentsOf(file));
      expect(await allocated()).toBe(failure === undefined ? P + PAGE : 10 * PAGE);
      if (filesystem === 'xfs') return;
      expect(await file.truncate(TAIL)).toEqual(failure);
      expect(await allocated()).toBe(failure === undefined ? P + PAGE : 10 * PAGE);
    });

    it('preallocation past the end fails at the bad tail: ext4 of 7.3 frees what it has allocated for it', async () => {
      const { driver, file } = await tail();
      const { freeBytes } = driver.freePool;
      const refused = filesystem === 'xfs' || kernel === '7.3';
      const failure = await file.resize(TAIL + 4 * PAGE, true);
      expect(failure).toEqual(refused ? { errno: Errno.EIO, syscall: 'fallocate' } : undefined);
      const keptBytes = freeBytes - driver.freePool.freeBytes;
      expect(keptBytes).toBe(filesystem === 'ext4' && kernel === '7.3' ? 0 : 4 * PAGE);
    });

    it('a zero-range that ends in the bad page: newer ext4 fails before it touches a whole block, all others after', async () => {
      const { file, bytes } = await scenario({ kernel, filesystem });
      expect(await file.zeroRange(P - PAGE, PAGE + 100)).toEqual({ errno: Errno.EIO, syscall: 'fallocate' });
      const untouched = filesystem === 'ext4' && kernel === '7.3';
      expectBytes((await preadOf(file, P - PAGE, PAGE)).bytes, untouched ? bytes.subarray(P - PAGE, P) : new Uint8Array(PAGE));
    });

    it('through resize(): the mapping follows only if the call succeeded', async () => {
      const { file } = await scenario({ kernel, filesystem });
      const failure = await file.resize(TAIL, false);
      expect(file.mappedBytes).toBe(failure === undefined ? TAIL : 10 * PAGE);
    });
  });
});

describe('UNSHARE_RANGE where nothing can be shared', () => {
  it('XFS of 5.10 has nothing to do, not even at a bad block; ext4 does not know the call', async () => {
    const page = { offset: P, length: PAGE };
    const { driver, file } = await scenario({ kernel: '5.10', filesystem: 'xfs' });
    driver.unshare(PATH, page);
    expect((await preadOf(file, P, PAGE)).errno).toBe(Errno.EIO);
    const ext4 = await scenario({ kernel: '5.10', filesystem: 'ext4' });
    expect(() => { ext4.driver.unshare(PATH, page); }).toThrow(/EOPNOTSUPP/);
  });
});

describe.each(['6.1', '7.3'] as const)('table "Operation by operation", reflink, kernel %s', (kernel) => {
  it('full-page pwrite on either side: EIO; ZERO_RANGE on one side ok, then a pwrite on the other clears', async () => {
    const { driver, file } = await scenario({ kernel, filesystem: 'xfs', poisonBytes: 0 });
    driver.reflink(PATH, '/pmem/clone');
    driver.poison(PATH, { offset: P, length: PAGE });
    const clone = await open(driver, '/pmem/clone');
    const physical = physicalOf(driver, P);
    expect((await extentsOf(file)).every((extent) => extent.shared)).toBe(true);
    for (const side of [file, clone]) {
      expect(await side.pwrite(pattern(PAGE, 2), P)).toEqual({ transferredBytes: 0, errno: Errno.EIO });
    }
    expect(await file.zeroRange(P, PAGE)).toBeUndefined();
    expect(await isListed(file, physical)).toBe(true);
    expect(physicalOf(driver, P, '/pmem/clone')).toBe(physical);
    expect(await clone.pwrite(pattern(PAGE, 2), P)).toEqual({ transferredBytes: PAGE, errno: 0 });
    expect(await isListed(file, physical)).toBe(false);
    expectBytes(loaded(clone, P, PAGE), pattern(PAGE, 2));
    expectBytes(loaded(file, P, PAGE), new Uint8Array(PAGE));
  });

  it('FICLONE: XFS succeeds and silently shares poison, ext4 EOPNOTSUPP', async () => {
    const { driver, file } = await scenario({ kernel, filesystem: 'xfs' });
    driver.reflink(PATH, '/pmem/clone');
    const clone = await open(driver, '/pmem/clone');
    for (const side of [file, clone]) expect((await preadOf(side, P, 1)).errno).toBe(Errno.EIO);
    const onExt4 = await scenario({ kernel });
    expect(() => { onExt4.driver.reflink(PATH, '/pmem/clone'); }).toThrow(expect.objectContaining({ code: 'EOPNOTSUPP' }));
  });

  it('shared blocks are free once no file has them', async () => {
    const { driver, file } = await scenario({ kernel, filesystem: 'xfs', poisonBytes: 0 });
    const free = driver.freePool.freeBytes;
    driver.reflink(PATH, '/pmem/clone');
    expect(driver.freePool.freeBytes).toBe(free);
    driver.unlink('/pmem/clone');
    expect(driver.freePool.freeBytes).toBe(free);
    driver.unlink(PATH);
    await file.close();
    expect(driver.freePool.freeBytes).toBe(free + 10 * PAGE);
    expect(totalLength(driver.freePool.ranges)).toBe(free + 10 * PAGE);
  });

  it('a store to a healthy shared page goes to one file only', async () => {
    const { driver, file, bytes } = await scenario({ kernel, filesystem: 'xfs', poisonBytes: 0 });
    loaded(file, P, 1);
    expect(file.write(Uint8Array.of(1), P)).toBeUndefined();
    driver.reflink(PATH, '/pmem/clone');
    const clone = await open(driver, '/pmem/clone');
    expect(file.write(Uint8Array.of(0xee), P + 1)).toBeUndefined();
    expect(loaded(file, P, 3)).toEqual(Uint8Array.of(1, 0xee, bytes[P + 2] ?? 0));
    expect(loaded(clone, P, 3)).toEqual(Uint8Array.of(1, bytes[P + 1] ?? 0, bytes[P + 2] ?? 0));
  });
});

describe('what the tables leave open, as the recordings have it', () => {
  it('appends, growth and cuts at the last page on ext4 6.12 are those of 6.1', async () => {
    const grown = await scenario({ sizeBytes: TAIL, poisonBytes: 100 });
    expect(await grown.file.truncate(9 * PAGE)).toBeUndefined();
    const shrunk = await scenario();
    expect(await shrunk.file.truncate(TAIL)).toBeUndefined();
    expect((await preadOf(shrunk.file, P, 100)).errno).toBe(Errno.EIO);
  });

  it('a bad page whose first sector is good goes to the recovery write together with the pages before it', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0 });
    driver.poison(PATH, { offset: P + 3 * 512, length: 512 });
    expect(await file.pwrite(pattern(2 * PAGE + 100), 3 * PAGE)).toEqual({ transferredBytes: 0, errno: Errno.EFAULT });
    expect(await file.pwrite(pattern(3 * PAGE), 3 * PAGE)).toEqual({ transferredBytes: 3 * PAGE, errno: 0 });
    expect(await isListed(file, physicalOf(driver, P))).toBe(false);
  });

  it('a page of bytes that begins inside a good page and ends inside such a bad one is refused whole', async () => {
    const { driver, file } = await scenario({ poisonBytes: 0 });
    driver.poison(PATH, { offset: P + 3 * 512, length: 512 });
    expect(await file.pwrite(pattern(PAGE), 4 * PAGE + 100)).toEqual({ transferredBytes: 0, errno: Errno.EFAULT });
    const whole = await scenario();
    expect(await whole.file.pwrite(pattern(PAGE), 4 * PAGE + 100)).toEqual({ transferredBytes: 3996, errno: 0 });
  });

  it('a file does not get back the block it freed, even if another file frees one too', async () => {
    const { driver, file } = await scenario({ filesystem: 'xfs' });
    const physical = physicalOf(driver, P);
    driver.writeFile('/pmem/other', pattern(2 * PAGE));
    await file.zeroRange(P, PAGE);
    driver.punch('/pmem/other', { offset: 0, length: PAGE });
    expect((await file.pwrite(pattern(PAGE), 10 * PAGE)).errno).toBe(0);
    expect(physicalOf(driver, 10 * PAGE)).not.toBe(physical);
    expect(driver.freePool.poisoned).toEqual([{ offset: physical, length: PAGE }]);
    expect(totalLength(driver.freePool.ranges)).toBe(driver.freePool.freeBytes);
  });
});
