import assert from 'node:assert/strict';
import { isMediaErrno } from '../src/faults/classify.js';
import { pageBytesOf, type Check, type DriverSupport } from './machine.js';
import { assertSameBytes, load, openFile, pattern, store, withNewFile } from './opened-file.js';

const MiB = 1024 * 1024;

export function checkPoison(check: Check, supports: DriverSupport): void {
  const PAGE = pageBytesOf(supports);
  if (supports.poison === 'none') {
    check('nothing can be poisoned here: the bad-block list says so', async (machine) => {
      await withNewFile(machine, PAGE, async (file) => {
        assert.equal((await file.badBlocks()).supported, supports.badBlocks);
      });
    });
    return;
  }

  check('a load or store of a poisoned page faults inside that page, and its neighbours are good', async (machine) => {
    await withNewFile(machine, 10 * PAGE, async (file) => {
      store(file, 0, pattern(10 * PAGE));
      assert.equal(await file.sync(), undefined);
      await machine.poison(file, { offset: 5 * PAGE, length: PAGE });
      for (const fault of [file.read(new Uint8Array(3 * PAGE), 4 * PAGE), file.write(pattern(100), 5 * PAGE + 200)]) {
        assert.ok(fault !== undefined, 'access to poison must fault');
        assert.ok([2, 4].includes(fault.signalCode), `signal code ${fault.signalCode}`);
        assert.ok(fault.position >= 5 * PAGE && fault.position < 6 * PAGE, `position ${fault.position}`);
      }
      assertSameBytes(load(file, 0, 5 * PAGE), pattern(10 * PAGE).subarray(0, 5 * PAGE));
      assertSameBytes(load(file, 6 * PAGE, 4 * PAGE), pattern(10 * PAGE).subarray(6 * PAGE));
    });
  });

  check('the probe of a poisoned page says that the kernel refuses it, and its neighbours are well', async (machine) => {
    await withNewFile(machine, 3 * PAGE, async (file) => {
      store(file, 0, pattern(3 * PAGE));
      assert.equal(await file.sync(), undefined);
      await machine.poison(file, { offset: PAGE, length: PAGE });
      const readErrnoOf = (position: number): number => {
        const probe = file.probe(position, PAGE);
        assert.ok('readErrno' in probe, JSON.stringify(probe));
        return probe.readErrno;
      };
      assert.ok(isMediaErrno(readErrnoOf(PAGE), file.facts), `errno ${readErrnoOf(PAGE)}`);
      assert.deepEqual([readErrnoOf(0), readErrnoOf(2 * PAGE)], [0, 0]);
    });
  });

  check('faults every time, thousands of times', async (machine) => {
    await withNewFile(machine, 4 * PAGE, async (file) => {
      store(file, 0, pattern(4 * PAGE));
      assert.equal(await file.sync(), undefined);
      await machine.poison(file, { offset: PAGE, length: PAGE });
      const byte = new Uint8Array(1);
      for (let i = 0; i < 2000; i++) assert.ok(file.read(byte, PAGE + i) !== undefined, `load ${i} did not fault`);
      assertSameBytes(load(file, 0, PAGE), pattern(PAGE));
    });
  });

  if (supports.poison === 'medium') {
    check('pread and scrub of a poisoned page fail, and a list that there is has the block', async (machine) => {
      await withNewFile(machine, 10 * PAGE, async (file) => {
        store(file, 0, pattern(10 * PAGE));
        assert.equal(await file.sync(), undefined);
        await machine.poison(file, { offset: 5 * PAGE, length: 512 });
        const { errno, transferredBytes } = await file.pread(new Uint8Array(PAGE), 5 * PAGE);
        assert.equal(transferredBytes, 0);
        assert.ok(isMediaErrno(errno, file.facts), `errno ${errno}`);
        const stuck = await file.scrub(5 * PAGE, 5 * PAGE);
        assert.deepEqual(stuck, { transferredBytes: 0, errno });
        assert.deepEqual(await file.scrub(6 * PAGE, 4 * PAGE), { transferredBytes: 4 * PAGE, errno: 0 });
        const probe = file.probe(5 * PAGE, PAGE);
        assert.ok('readErrno' in probe && probe.readErrno !== 0);
        const list = await file.badBlocks();
        if (list.supported) assert.ok(list.ranges.length > 0, 'the poisoned sector is on the list');
        else assert.equal(supports.badBlocks, false, list.reason);
      });
    });

    for (const by of ['by pages of 2 MiB where the kernel wants to', 'page by page']) {
      const until = supports.recoveryWrite ? ', until it is written whole' : '';
      check(`in 4 MiB mapped ${by}, one poisoned page faults alone${until}`, async (machine) => {
        const bytes = pattern(4 * MiB);
        const bad = { offset: Math.floor((2.75 * MiB) / PAGE) * PAGE, length: PAGE };
        const created = { create: true, sizeBytes: 4 * MiB, preallocate: true };
        const file = await openFile(machine, machine.path('file'), created);
        if (by === 'page by page') assert.equal(file.avoidHugePages?.(), undefined);
        store(file, 0, bytes);
        assert.equal(await file.sync(), undefined);
        await machine.poison(file, bad);
        const faults = [
          file.read(new Uint8Array(4 * PAGE), bad.offset - PAGE), file.write(bytes.subarray(0, 100), bad.offset + 200),
        ];
        for (const fault of faults) {
          assert.ok(fault !== undefined, 'access to poison must fault');
          assert.equal(Math.floor(fault.position / PAGE) * PAGE, bad.offset);
        }
        const after = bad.offset + PAGE;
        assertSameBytes(load(file, 0, bad.offset), bytes.subarray(0, bad.offset));
        assertSameBytes(load(file, after, 4 * MiB - after), bytes.subarray(after));
        store(file, after, bytes.subarray(0, PAGE));
        assertSameBytes(load(file, after, PAGE), bytes.subarray(0, PAGE));
        store(file, after, bytes.subarray(after, after + PAGE));
        assert.ok(file.read(new Uint8Array(1), bad.offset + PAGE - 1) !== undefined, 'the page stays bad');
        if (supports.recoveryWrite) {
          const content = bytes.subarray(bad.offset, after);
          assert.deepEqual(await file.pwrite(content, bad.offset), { transferredBytes: PAGE, errno: 0 });
          assert.equal(file.remap(bad.offset, PAGE), undefined);
          assertSameBytes(load(file, 0, 4 * MiB), bytes);
        }
        assert.equal(await file.close(), undefined);
      });
    }

    check(`a whole-page write ${supports.recoveryWrite ? 'clears' : 'cannot clear'} poison`, async (machine) => {
      await withNewFile(machine, 10 * PAGE, async (file) => {
        store(file, 0, pattern(10 * PAGE));
        assert.equal(await file.sync(), undefined);
        await machine.poison(file, { offset: 5 * PAGE, length: PAGE });
        const { errno } = await file.pwrite(pattern(PAGE, 4), 5 * PAGE);
        assert.equal(errno === 0, supports.recoveryWrite, `errno ${errno}`);
        assert.equal(file.remap(5 * PAGE, PAGE), undefined);
        if (supports.recoveryWrite) assertSameBytes(load(file, 5 * PAGE, PAGE), pattern(PAGE, 4));
        else assert.ok(file.read(new Uint8Array(1), 5 * PAGE) !== undefined);
      });
    });
  }
}
