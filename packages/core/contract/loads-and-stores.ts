import assert from 'node:assert/strict';
import { pageBytesOf, type Check } from './machine.js';
import { assertSameBytes, load, openFile, pattern, store, withNewFile } from './opened-file.js';

export function checkLoadsAndStores(check: Check): void {
  check('stores and loads any length at any position', async (machine) => {
    await withNewFile(machine, 70_000, (file) => {
      const expected = new Uint8Array(70_000);
      for (const [i, length] of [1, 2, 7, 8, 63, 64, 65, 255, 4095, 4096, 4097, 12_345].entries()) {
        const position = 1 + i * 4990;
        const bytes = pattern(length, i);
        store(file, position, bytes);
        expected.set(bytes, position);
      }
      assertSameBytes(load(file, 0, 70_000), expected);
    });
  });

  check('reaches the last byte, and no byte further', async (machine) => {
    await withNewFile(machine, 5000, (file) => {
      store(file, 4999, Uint8Array.of(9));
      assert.deepEqual([...load(file, 4999, 1)], [9]);
      for (const position of [5000, 4999.5, -1, Number.NaN, 2 ** 53, Infinity]) {
        assert.throws(() => file.read(new Uint8Array(1), position), RangeError, `read at ${position}`);
        assert.throws(() => file.write(new Uint8Array(1), position), RangeError, `write at ${position}`);
      }
      assert.throws(() => file.read(new Uint8Array(2), 4999), RangeError);
      assert.throws(() => file.write(new Uint8Array(2), 4999), RangeError);
      assert.deepEqual([...load(file, 4999, 1)], [9]);
    });
  });

  check('copies only into the bytes a view covers', async (machine) => {
    await withNewFile(machine, 4096, (file) => {
      store(file, 0, pattern(64));
      const whole = new Uint8Array(64);
      assert.equal(file.read(whole.subarray(16, 32), 0), undefined);
      assertSameBytes(whole.subarray(16, 32), pattern(16));
      assertSameBytes(whole.subarray(0, 16), new Uint8Array(16));
      assertSameBytes(whole.subarray(32), new Uint8Array(32));
    });
  });

  check('takes shared memory, Buffers and resizable buffers', async (machine) => {
    await withNewFile(machine, 4096, (file) => {
      const shared = new Uint8Array(new SharedArrayBuffer(64));
      shared.set(pattern(64));
      store(file, 0, shared);
      assertSameBytes(Buffer.from(load(file, 0, 64)), pattern(64));
      const back = new Uint8Array(new SharedArrayBuffer(64));
      assert.equal(file.read(back, 0), undefined);
      assertSameBytes(Uint8Array.from(back), pattern(64));
      store(file, 100, Buffer.from('pooled'));
      assert.equal(Buffer.from(load(file, 100, 6)).toString(), 'pooled');
    });
  });

  check('two open files of one path see each other’s stores', async (machine) => {
    await withNewFile(machine, 8192, async (file, path) => {
      const other = await openFile(machine, path);
      store(file, 4000, pattern(200));
      assertSameBytes(load(other, 4000, 200), pattern(200));
      await other.close();
    });
  });

  check('works at the far end of a large sparse file', async (machine, supports) => {
    const size = supports.sparseFileBytes;
    assert.ok(size > 2 ** 32, 'offsets must be 64-bit: a driver has to handle files over 4 GiB');
    await withNewFile(machine, size, async (file) => {
      store(file, size - 5, pattern(5));
      store(file, 2 ** 32 - 3, pattern(7));
      assertSameBytes(load(file, size - 5, 5), pattern(5));
      assertSameBytes(load(file, 2 ** 32 - 3, 7), pattern(7));
      assertSameBytes(load(file, 0, 16), new Uint8Array(16));
      assert.equal(file.persist(size - 5, 5), undefined);
      const read = new Uint8Array(5);
      assert.deepEqual(await file.pread(read, size - 5), { transferredBytes: 5, errno: 0 });
      assertSameBytes(read, pattern(5));
    });
  });

  check('persists synchronously and asynchronously, aligned or not', async (machine) => {
    await withNewFile(machine, 50_000, async (file, path) => {
      store(file, 0, pattern(50_000));
      assert.equal(file.persist(1, 1), undefined);
      assert.equal(file.persist(4090, 20), undefined);
      assert.equal(await file.persistAsync(0, 50_000), undefined);
      await file.close();
      const again = await openFile(machine, path);
      assertSameBytes(load(again, 0, 50_000), pattern(50_000));
      await again.close();
    });
  });

  const title = 'a load past the end of a truncated file is a fault at that byte, and the probe tells the new size';
  check(title, async (machine, supports) => {
    const PAGE = pageBytesOf(supports);
    const gone = 4 * PAGE + 3616;
    await withNewFile(machine, 10 * PAGE, async (file, path) => {
      store(file, 0, pattern(10 * PAGE));
      await machine.truncate(path, 2 * PAGE);
      assertSameBytes(load(file, 0, 2 * PAGE), pattern(2 * PAGE));
      const fault = file.read(new Uint8Array(100), gone);
      assert.ok(fault !== undefined, 'a load past the end must fault');
      assert.equal(fault.signalCode, 2, 'BUS_ADRERR');
      assert.ok(fault.position >= gone && fault.position < gone + 100, `position ${fault.position}`);
      const stored = file.write(new Uint8Array(100), gone);
      assert.ok(stored !== undefined && stored.position >= gone && stored.position < gone + 100);
      const probe = file.probe(4 * PAGE, PAGE);
      assert.ok('fileSizeBytes' in probe);
      assert.equal(probe.fileSizeBytes, 2 * PAGE);
      await machine.truncate(path, 10 * PAGE);
      assertSameBytes(load(file, gone, 100), new Uint8Array(100));
    });
  });
}
