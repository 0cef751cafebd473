import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import type { CompleteFile, DeviceDriver } from '../src/index.js';
import { Errno } from '../src/index.js';
import { pageBytesOf, type Check, type DriverSupport } from './machine.js';
import { assertErrno, assertSameBytes, load, openFile, pattern, store, withNewFile } from './opened-file.js';

export function checkSystemCalls(check: Check, supports: DriverSupport): void {
  const PAGE = pageBytesOf(supports);
  check('pread and pwrite agree with the mapping', async (machine) => {
    await withNewFile(machine, 20_000, async (file) => {
      assert.deepEqual(await file.pwrite(pattern(5000), 3000), { transferredBytes: 5000, errno: 0 });
      assertSameBytes(load(file, 3000, 5000), pattern(5000));
      store(file, 10_000, pattern(100, 3));
      const bytes = new Uint8Array(100);
      assert.deepEqual(await file.pread(bytes, 10_000), { transferredBytes: 100, errno: 0 });
      assertSameBytes(bytes, pattern(100, 3));
      assert.equal(await file.sync(), undefined);
    });
  });

  check('pread is short at the end of the file and empty past it', async (machine) => {
    await withNewFile(machine, 5000, async (file) => {
      assert.deepEqual(await file.pread(new Uint8Array(100), 4950), { transferredBytes: 50, errno: 0 });
      assert.deepEqual(await file.pread(new Uint8Array(100), 5000), { transferredBytes: 0, errno: 0 });
    });
  });

  check('scrub reads to the end of the range or of the file', async (machine) => {
    await withNewFile(machine, 1_000_000, async (file) => {
      store(file, 0, pattern(1_000_000));
      assert.deepEqual(await file.scrub(0, 1_000_000), { transferredBytes: 1_000_000, errno: 0 });
      assert.deepEqual(await file.scrub(999_000, 5000), { transferredBytes: 1000, errno: 0 });
      assert.deepEqual(await file.scrub(1_000_000, 4096), { transferredBytes: 0, errno: 0 });
    });
  });

  check('readEach fills the part of each piece as far as it was read, and no other byte', async (machine) => {
    await withNewFile(machine, 20_000, async (file) => {
      store(file, 0, pattern(20_000));
      const pieces = [
        { offset: 4096, length: 4096 },
        { offset: 30_000, length: 700 },
        { offset: 19_900, length: 500 },
        { offset: 0, length: 9 },
      ];
      const bytes = new Uint8Array(4096 + 700 + 500 + 9 + 30).fill(7);
      const expected = Buffer.from(bytes);
      const read = (transferredBytes: number): unknown => ({ transferredBytes, errno: 0 });
      assert.deepEqual(await file.readEach(pieces, bytes), [read(4096), read(0), read(100), read(9)]);
      expected.set(pattern(20_000).subarray(4096, 8192), 0);
      expected.set(pattern(20_000).subarray(19_900), 4096 + 700);
      expected.set(pattern(20_000).subarray(0, 9), 4096 + 700 + 500);
      assertSameBytes(bytes, expected);
    });
  });

  check('rewrite writes each piece, and one that fails keeps no other from its turn', async (machine) => {
    await withNewFile(machine, 40_960, async (file) => {
      store(file, 0, pattern(40_960));
      const pieces = [
        { reset: { offset: 4096, length: 8192 }, position: 4096, sourceOffset: 50, length: 8192 },
        { reset: { offset: 20_480, length: 4096 }, position: 20_480, sourceOffset: 100, length: 1000 },
        { reset: undefined, position: 30_000, sourceOffset: 0, length: 50 },
      ];
      const bytes = pattern(50 + 8192, 5);
      const outcomes = await file.rewrite(pieces, bytes);
      const done = (transferredBytes: number): unknown => ({ syscall: 'pwrite', errno: 0, transferredBytes });
      const refused = { syscall: 'fallocate', errno: Errno.EOPNOTSUPP, transferredBytes: 0 };
      assert.deepEqual(outcomes, supports.zeroRange ? [done(8192), done(1000), done(50)] : [refused, refused, done(50)]);
      const expected = Buffer.from(pattern(40_960));
      if (supports.zeroRange) {
        expected.set(bytes.subarray(50), 4096);
        expected.fill(0, 20_480, 24_576);
        expected.set(bytes.subarray(100, 1100), 20_480);
      }
      expected.set(bytes.subarray(0, 50), 30_000);
      assertSameBytes(load(file, 0, 40_960), expected);
    });
  });

  if (supports.zeroRange) {
    check('zero-range leaves zeros, keeps the size, and touches nothing beside it', async (machine) => {
      await withNewFile(machine, 20_480, async (file) => {
        store(file, 0, pattern(20_480));
        assert.equal(await file.zeroRange(4096, 8192), undefined);
        assertSameBytes(load(file, 4096, 8192), new Uint8Array(8192));
        assertSameBytes(load(file, 0, 4096), pattern(20_480).subarray(0, 4096));
        assertSameBytes(load(file, 12_288, 8192), pattern(20_480).subarray(12_288));
        assert.deepEqual(await file.fileSize(), { sizeBytes: 20_480 });
      });
    });
  } else {
    check('says EOPNOTSUPP to zero-range and changes nothing', async (machine) => {
      await withNewFile(machine, 8192, async (file) => {
        store(file, 0, pattern(8192));
        assertErrno(await file.zeroRange(0, 4096), Errno.EOPNOTSUPP);
        assertSameBytes(load(file, 0, 8192), pattern(8192));
      });
    });
  }

  check('the size is the same on this thread, also after another process has cut the file', async (machine) => {
    await withNewFile(machine, 20_480, async (file, path) => {
      assert.deepEqual(file.fileSizeSync(), { sizeBytes: 20_480 });
      await machine.truncate(path, 12_300);
      assert.deepEqual(file.fileSizeSync(), { sizeBytes: 12_300 });
      assert.deepEqual(await file.fileSize(), { sizeBytes: 12_300 });
    });
  });

  check('the trial of zero-range tells what became of a written block, and leaves nothing', async (machine) => {
    await withNewFile(machine, 8192, async (file) => {
      store(file, 0, pattern(8192));
      if (file.tryZeroRange === undefined) return;
      const outcome = await file.tryZeroRange();
      if ('failure' in outcome) {
        assert.ok(!supports.zeroRange || !supports.extents, `${outcome.failure.syscall} gave ${outcome.failure.errno}`);
        assert.equal(outcome.failure.errno, Errno.EOPNOTSUPP);
      } else {
        assert.equal(outcome.dax, file.facts.dax);
        assert.ok(outcome.readsZeros);
        assert.equal(outcome.before.length, 1);
        assert.equal(outcome.before[0]?.unwritten, false);
        assert.equal(outcome.after.length, 1);
      }
      assertSameBytes(load(file, 0, 8192), pattern(8192));
      assert.deepEqual(await file.fileSize(), { sizeBytes: 8192 });
    });
  });

  check('resize grows with zeros and shrinks, and the mapping follows', async (machine) => {
    await withNewFile(machine, 6000, async (file) => {
      store(file, 0, pattern(6000));
      for (const preallocate of [false, true]) {
        assert.equal(await file.resize(30_000, preallocate), undefined);
        assert.equal(file.mappedBytes, 30_000);
        assertSameBytes(load(file, 0, 6000), pattern(6000));
        assertSameBytes(load(file, 6000, 24_000), new Uint8Array(24_000));
        store(file, 29_999, Uint8Array.of(1));
        assert.equal(await file.resize(6000, false), undefined);
        assert.equal(file.mappedBytes, 6000);
        assert.throws(() => file.read(new Uint8Array(1), 6000), RangeError);
        assertSameBytes(load(file, 0, 6000), pattern(6000));
      }
    });
  });

  check('resize to nothing and back', async (machine) => {
    await withNewFile(machine, 4096, async (file) => {
      assert.equal(await file.resize(0, false), undefined);
      assert.equal(file.mappedBytes, 0);
      assert.equal(await file.resize(4096, false), undefined);
      assertSameBytes(load(file, 0, 4096), new Uint8Array(4096));
    });
  });

  check('truncate changes the file and not the mapping', async (machine) => {
    await withNewFile(machine, 12_288, async (file) => {
      assert.equal(await file.truncate(4096), undefined);
      assert.deepEqual(await file.fileSize(), { sizeBytes: 4096 });
      assert.equal(file.mappedBytes, 12_288);
      assert.equal(await file.truncate(12_288), undefined);
      assertSameBytes(load(file, 8192, 4096), new Uint8Array(4096));
    });
  });

  check('remap keeps every byte', async (machine) => {
    await withNewFile(machine, 5 * PAGE, (file) => {
      store(file, 0, pattern(5 * PAGE));
      assert.equal(file.remap(PAGE, 2 * PAGE), undefined);
      assert.equal(file.remap(4 * PAGE, PAGE), undefined);
      assertSameBytes(load(file, 0, 5 * PAGE), pattern(5 * PAGE));
      store(file, 5000, pattern(50, 9));
      assertSameBytes(load(file, 5000, 50), pattern(50, 9));
    });
  });

  if (supports.locks === false) {
    check('refuses to lock, and takes no part in claims and repairs', async (machine) => {
      await withNewFile(machine, 4096, (file) => {
        assertErrno(file.lock(0, 1), Errno.ENOLCK);
      });
    });
  } else check('a lock excludes other open files until it is released or its file is closed', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      const other = await openFile(machine, path);
      const far = Number.MAX_SAFE_INTEGER - 1;
      assert.equal(file.lock(far, 1), undefined);
      assertErrno(other.lock(far, 1), Errno.EAGAIN, Errno.EACCES);
      assert.equal(other.lock(0, 4096), undefined, 'another range is free');
      assert.equal(file.unlock(far, 1), undefined);
      assert.equal(other.lock(far, 1), undefined);
      await other.close();
      assert.equal(file.lock(far, 1), undefined);
    });
  });

  if (supports.extents) {
    check('extents tell data from holes', async (machine) => {
      await withNewFile(machine, 1 << 20, async (file) => {
        assert.deepEqual(await file.pwrite(pattern(8192), 65_536), { transferredBytes: 8192, errno: 0 });
        assert.equal(await file.sync(), undefined);
        const outcome = await file.extents(0, 1 << 20);
        assert.ok('extents' in outcome);
        const covering = outcome.extents.filter(({ offset, length }) => offset < 73_728 && offset + length > 65_536);
        assert.ok(covering.length > 0, 'the written blocks have extents');
        assert.ok(covering.every((extent) => !extent.unwritten && extent.physicalOffset > 0));
        assert.ok(outcome.extents.every(({ offset, length }) => offset + length <= 65_536 || offset >= 65_536 - 4096));
      });
    });
  } else {
    check('says that extents cannot be had', async (machine) => {
      await withNewFile(machine, 4096, async (file) => {
        const outcome = await file.extents(0, 4096);
        assertErrno('failure' in outcome ? outcome.failure : undefined, Errno.EOPNOTSUPP, Errno.ENOTTY);
      });
    });
  }

  if (supports.badBlocks) {
    check('lists no bad block of a healthy file', async (machine) => {
      await withNewFile(machine, 8192, async (file) => {
        store(file, 0, pattern(8192));
        assert.equal((await file.badBlocks()).supported, true);
      });
    });
  } else {
    check('says why bad blocks cannot be listed', async (machine) => {
      await withNewFile(machine, 4096, async (file) => {
        const list = await file.badBlocks();
        assert.ok(!list.supported, 'the list must not read as empty');
        assert.notEqual(list.reason, '');
      });
    });
  }

  check('speaks of the device of a file as the file does, if it speaks of devices', async (machine) => {
    const { devices } = machine.driver;
    if (devices === undefined) return;
    await withNewFile(machine, 4096, async (file) => {
      const outcome = await devices.ofPath(file.facts.path);
      assert.ok('device' in outcome);
      assert.equal(outcome.device.id, file.facts.device);
      assert.deepEqual(await devices.named(outcome.device.id), outcome);
      assert.deepEqual(outcome.device.bus, file.facts.bus);
      const list = await devices.badBlocks(outcome.device.id);
      assert.equal(list.supported, supports.badBlocks);
      assert.deepEqual(list, await file.badBlocks());
      const watching = await devices.watch(outcome.device.id, () => undefined);
      assert.equal(watching.supported, supports.badBlocks);
      if (watching.supported) {
        watching.watch.close();
        watching.watch.close();
      } else {
        assert.notEqual(watching.reason, '');
      }
      await checkSpace(devices, supports, file);
    });
    assert.ok('failure' in (await devices.ofPath(machine.path('missing'))));
    assert.ok('failure' in (await devices.named('no-such-device')));
  });
}

/** What the filesystem says of the blocks of a file, if the driver asks it and this user may. */
async function checkSpace(devices: DeviceDriver, supports: DriverSupport, file: CompleteFile): Promise<void> {
  if (devices.spaceOf === undefined) return;
  store(file, 0, pattern(4096));
  assert.equal(await file.sync(), undefined);
  const outcome = await file.extents(0, 4096);
  const extents = 'extents' in outcome ? outcome.extents.filter(({ unmapped }) => !unmapped) : [];
  const ranges = extents.map(({ physicalOffset, length }) => ({ offset: physicalOffset, length }));
  const asked = await devices.spaceOf(dirname(file.facts.path), ranges);
  if ('failure' in asked) {
    assertErrno(asked.failure, Errno.EPERM, Errno.EACCES, Errno.ENOTTY, Errno.EOPNOTSUPP, Errno.EINVAL);
  } else if (supports.extents && ranges.length > 0) {
    assert.ok(asked.spaces.length > 0);
    for (const { use } of asked.spaces) assert.equal(use, 'allocated');
  }
}
