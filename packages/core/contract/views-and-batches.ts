import assert from 'node:assert/strict';
import type { CompleteFile, DriverView } from '../src/index.js';
import { Errno } from '../src/index.js';
import { pageBytesOf, type Check, type DriverSupport } from './machine.js';
import { assertErrno, assertSameBytes, load, openFile, pattern, store, withNewFile } from './opened-file.js';

function viewOf(file: CompleteFile, position: number, length: number): DriverView {
  const outcome = file.view(position, length);
  assert.ok('view' in outcome, JSON.stringify(outcome));
  return outcome.view;
}

export function checkViewsAndBatches(check: Check, supports: DriverSupport): void {
  const PAGE = pageBytesOf(supports);
  checkBatches(check, PAGE);
  if (supports.views === false) {
    check('says EOPNOTSUPP to a view', async (machine) => {
      await withNewFile(machine, PAGE, (file) => {
        const outcome = file.view(0, PAGE);
        assertErrno('failure' in outcome ? outcome.failure : undefined, Errno.EOPNOTSUPP);
      });
    });
  } else {
    checkViews(check, PAGE);
  }
  checkWindow(check, PAGE);
}

function checkBatches(check: Check, PAGE: number): void {
  check('stores and persists in one call, any length at any position', async (machine) => {
    await withNewFile(machine, 70_000, async (file, path) => {
      const expected = new Uint8Array(70_000);
      for (const [i, length] of [1, 8, 63, 64, 65, 1023, 1024, 1025, 4096, 12_345].entries()) {
        const position = 1 + i * 5003;
        expected.set(pattern(length, i), position);
        assert.equal(file.writeAndPersist(pattern(length, i), position), undefined);
      }
      assertSameBytes(load(file, 0, 70_000), expected);
      const other = await openFile(machine, path);
      assertSameBytes(load(other, 0, 70_000), expected);
      await other.close();
      assert.throws(() => file.writeAndPersist(new Uint8Array(2), 69_999), RangeError);
    });
  });

  check('persists many ranges at once, near and far, in any order, and none', async (machine) => {
    await withNewFile(machine, 50_000, (file) => {
      const ranges = [40_000, 3, 20_480, 20_485, 8191].map((offset, i) => ({ offset, length: 1 + 60 * i }));
      for (const { offset, length } of ranges) store(file, offset, pattern(length));
      assert.equal(file.persistRanges(ranges), undefined);
      assert.equal(file.persistRanges([]), undefined);
      assertSameBytes(load(file, 40_000, 1), pattern(1));
    });
  });

  check('a store that persists past the end of a truncated file is a fault', async (machine) => {
    await withNewFile(machine, 8 * PAGE, async (file, path) => {
      await machine.truncate(path, 2 * PAGE);
      const problem = file.writeAndPersist(pattern(100), 3 * PAGE);
      assert.ok(problem !== undefined && 'signalCode' in problem, JSON.stringify(problem));
      assert.ok(problem.position >= 3 * PAGE && problem.position < 4 * PAGE, `position ${problem.position}`);
    });
  });

  check('what msync persists is not called durable if the file has lost it, be it within its last page', async (machine) => {
    await withNewFile(machine, 8 * PAGE, async (file, path) => {
      store(file, 0, pattern(8 * PAGE));
      await machine.truncate(path, 2 * PAGE + 100);
      assert.equal(file.persist(0, 2 * PAGE + 100), undefined, 'what is left is durable');
      if (file.facts.persistMethod !== 'msync') return;
      const cut = { fileSizeBytes: 2 * PAGE + 100 };
      assert.deepEqual(file.persist(2 * PAGE + 90, 11), cut);
      assert.deepEqual(file.persistRanges([{ offset: 0, length: 1 }, { offset: 5 * PAGE, length: 1 }]), cut);
      assert.deepEqual(await file.persistAsync(0, 8 * PAGE), cut);
      const problem = file.writeAndPersist(pattern(10), 2 * PAGE + 95);
      // A mapping takes stores to the end of the last page; without one the store itself meets the end of the file.
      if (problem !== undefined && 'signalCode' in problem) assert.equal(problem.position, 2 * PAGE + 100);
      else assert.deepEqual(problem, cut);
    });
  });

  check('the probe of a page that is well says so: it can be read, and the filesystem takes stores', async (machine) => {
    await withNewFile(machine, 2 * PAGE + 10, async (file, path) => {
      store(file, 0, pattern(2 * PAGE + 10));
      for (const [position, length] of [[PAGE, PAGE], [2 * PAGE, 10]] as const) {
        const probe = file.probe(position, length);
        assert.ok(!('failure' in probe), JSON.stringify(probe));
        const { fileSizeBytes, readErrno, writeErrno, hole } = probe;
        assert.deepEqual({ fileSizeBytes, readErrno, writeErrno, hole }, { fileSizeBytes: 2 * PAGE + 10, readErrno: 0, writeErrno: 0, hole: false });
      }
      const reader = await openFile(machine, path, { readOnly: true });
      try {
        const probe = reader.probe(0, PAGE);
        assert.ok('writeErrno' in probe && probe.writeErrno === Errno.EBADF, JSON.stringify(probe));
      } finally {
        await reader.close();
      }
    });
  });
}

function checkViews(check: Check, PAGE: number): void {
  check('a view shows the file, also what is stored later, and stores into it stay there', async (machine) => {
    await withNewFile(machine, 5 * PAGE + 10, (file) => {
      store(file, 0, pattern(5 * PAGE + 10));
      const view = viewOf(file, PAGE + 5, 3 * PAGE);
      assertSameBytes(view.bytes, pattern(5 * PAGE + 10).subarray(PAGE + 5, 4 * PAGE + 5));
      assert.equal(view.faulted, false);
      assert.deepEqual(view.faults(), []);
      store(file, 2 * PAGE, Uint8Array.of(7));
      assert.equal(view.bytes[PAGE - 5], 7, 'it is no snapshot');
      assert.equal(view.faulted, false);
      view.bytes[2 * PAGE] = 99;
      assertSameBytes(load(file, 3 * PAGE + 5, 1), pattern(5 * PAGE + 10).subarray(3 * PAGE + 5, 3 * PAGE + 6));
      store(file, 3 * PAGE + 6, Uint8Array.of(8));
      assert.equal(view.faulted, false);
      assert.equal(view.bytes[2 * PAGE], 99, 'a page that was stored into is the own one of the view');
      const tail = viewOf(file, 5 * PAGE, 10);
      assertSameBytes(tail.bytes, pattern(5 * PAGE + 10).subarray(5 * PAGE));
      // A view is a mapping, and keeps its filesystem mounted until it is released or collected.
      tail.release();
      view.release();
      assert.throws(() => file.view(5 * PAGE, 11), RangeError);
    });
  });

  check('a view shows at once what other openers store by any call', async (machine, supports) => {
    await withNewFile(machine, 6 * PAGE, async (file, path) => {
      const other = await openFile(machine, path);
      const view = viewOf(file, 10, 5 * PAGE);
      const { bytes } = view;
      assertSameBytes(bytes, new Uint8Array(5 * PAGE));
      store(other, 2 * PAGE, pattern(PAGE));
      assertSameBytes(bytes.subarray(2 * PAGE - 10, 3 * PAGE - 10), pattern(PAGE));
      assert.deepEqual(await other.pwrite(pattern(PAGE, 3), 8), { transferredBytes: PAGE, errno: 0 });
      assertSameBytes(bytes.subarray(0, PAGE - 2), pattern(PAGE, 3).subarray(2));
      if (supports.zeroRange) {
        assert.equal(await other.zeroRange(2 * PAGE, PAGE), undefined);
        assertSameBytes(bytes.subarray(2 * PAGE - 10, 3 * PAGE - 10), new Uint8Array(PAGE));
        store(other, 2 * PAGE, pattern(PAGE, 5));
        assertSameBytes(bytes.subarray(2 * PAGE - 10, 3 * PAGE - 10), pattern(PAGE, 5));
      }
      assert.equal(view.faulted, false);
      view.release();
      await other.close();
    });
  });

  check('a view of what was cut off reads zeros and says which pages', async (machine) => {
    await withNewFile(machine, 6 * PAGE, async (file, path) => {
      store(file, 0, pattern(6 * PAGE));
      const view = viewOf(file, PAGE, 4 * PAGE);
      await machine.truncate(path, 3 * PAGE);
      assertSameBytes(view.bytes.subarray(0, 2 * PAGE), pattern(6 * PAGE).subarray(PAGE, 3 * PAGE));
      // Touched, for drivers that learn of a fault by it; asked, for those that look.
      let sum = 0;
      for (const byte of view.bytes.subarray(2 * PAGE)) sum += byte;
      assert.equal(view.faulted, true);
      const faults = view.faults() ?? [];
      assert.deepEqual(faults.map(({ position, length }) => [position, length]), [[3 * PAGE, PAGE], [4 * PAGE, PAGE]]);
      assertSameBytes(view.bytes.subarray(2 * PAGE), new Uint8Array(2 * PAGE));
      assert.ok(Number.isFinite(sum));
      view.release();
    });
  });

  check('a view outlives resize and close, and ends with release', async (machine) => {
    await withNewFile(machine, 4 * PAGE, async (file, path) => {
      store(file, 0, pattern(4 * PAGE));
      const other = await openFile(machine, path);
      const view = viewOf(other, 0, 2 * PAGE);
      assert.equal(await other.resize(8 * PAGE, false), undefined);
      assertSameBytes(view.bytes, pattern(4 * PAGE).subarray(0, 2 * PAGE));
      await other.close();
      assertSameBytes(view.bytes, pattern(4 * PAGE).subarray(0, 2 * PAGE));
      const part = view.bytes.subarray(10, 20);
      view.release();
      view.release();
      assert.equal(view.bytes.length, 0);
      assert.equal(part.length, 0);
    });
  });
}

function checkWindow(check: Check, PAGE: number): void {
  check('a window of the driver shows the mapping, and nothing once that has been replaced', async (machine) => {
    await withNewFile(machine, 3 * PAGE, async (file) => {
      store(file, 0, pattern(3 * PAGE));
      const window = file.memoryWindow(PAGE + 1, 8);
      assert.equal(file.takeFault(), undefined);
      if (window === undefined) return;
      assert.equal(window.data.getUint8(PAGE + 1 - window.start), pattern(3 * PAGE)[PAGE + 1]);
      assert.equal(await file.resize(PAGE, false), undefined);
      assert.equal(window.bytes.length, 0);
      assert.throws(() => window.data.getUint8(0), TypeError);
      assert.equal(file.memoryWindow(PAGE, 1), undefined);
      assert.equal(file.memoryWindow(0.5, 1), undefined);
    });
  });
}
