import assert from 'node:assert/strict';
import { Errno } from '../src/index.js';
import { pageBytesOf, type Check } from './machine.js';
import { assertErrno, assertSameBytes, load, openFile, pattern, store, withNewFile } from './opened-file.js';

export function checkOpening(check: Check): void {
  const request = { create: false, readOnly: false, preallocate: false, sizeBytes: undefined };

  check('creates a file of the size asked for, all zeros', async (machine) => {
    await withNewFile(machine, 10_000, (file) => {
      assert.equal(file.mappedBytes, 10_000);
      assert.equal(file.facts.created, true);
      assertSameBytes(load(file, 0, 10_000), new Uint8Array(10_000));
    });
  });

  check('preallocates on request', async (machine) => {
    const file = await openFile(machine, machine.path('file'), { create: true, sizeBytes: 20_000, preallocate: true });
    assert.equal(file.mappedBytes, 20_000);
    assertSameBytes(load(file, 0, 20_000), new Uint8Array(20_000));
    await file.close();
  });

  check('reports ENOENT for a file that is not there', async (machine) => {
    const outcome = await machine.driver.open(machine.path('absent'), request);
    assertErrno('failure' in outcome ? outcome.failure : undefined, Errno.ENOENT);
  });

  check('reports EISDIR for a directory, however it is opened', async (machine) => {
    const path = await machine.makeDirectory('directory');
    for (const readOnly of [false, true]) {
      const outcome = await machine.driver.open(path, { ...request, readOnly });
      assertErrno('failure' in outcome ? outcome.failure : undefined, Errno.EISDIR);
    }
  });

  check('keeps content and size of an existing file', async (machine) => {
    const bytes = pattern(5000);
    await withNewFile(machine, 5000, (file) => {
      store(file, 0, bytes);
      assert.equal(file.persist(0, 5000), undefined);
    });
    const again = await openFile(machine, machine.path('file'), { create: true, sizeBytes: 9000 });
    assert.equal(again.mappedBytes, 5000, 'open must not resize a file that has content');
    assert.equal(again.facts.created, false);
    assertSameBytes(load(again, 0, 5000), bytes);
    await again.close();
  });

  check('opens an empty file, and gives it its size when asked to create', async (machine) => {
    const path = machine.path('file');
    const created = await openFile(machine, path, { create: true });
    assert.equal(created.mappedBytes, 0);
    await created.close();
    const empty = await openFile(machine, path);
    assert.equal(empty.mappedBytes, 0);
    await empty.close();
    const sized = await openFile(machine, path, { create: true, sizeBytes: 4096 });
    assert.equal(sized.mappedBytes, 4096);
    await sized.close();
  });

  check('opens read-only for loads', async (machine) => {
    await withNewFile(machine, 4096, async (file, path) => {
      store(file, 0, pattern(4096));
      const reader = await openFile(machine, path, { readOnly: true });
      assert.equal(reader.facts.readOnly, true);
      assertSameBytes(load(reader, 0, 4096), pattern(4096));
      await reader.close();
    });
  });

  check('mapped page by page, a file has the bytes that it had, also once it is larger', async (machine, supports) => {
    const sizeBytes = 4 * 1024 * 1024;
    await withNewFile(machine, sizeBytes, async (file) => {
      assert.equal(file.avoidHugePages?.(), undefined);
      const bytes = pattern(sizeBytes);
      store(file, 0, bytes);
      assert.equal(file.persist(0, sizeBytes), undefined);
      assert.equal(file.remap(1 << 20, pageBytesOf(supports)), undefined);
      assertSameBytes(load(file, 0, sizeBytes), bytes);
      const outcome = file.view(0, sizeBytes);
      if ('failure' in outcome) assert.equal(outcome.failure.errno, Errno.EOPNOTSUPP);
      else {
        assertSameBytes(outcome.view.bytes, bytes);
        outcome.view.release();
      }
      assert.equal(await file.resize(sizeBytes + 4096, false), undefined);
      assertSameBytes(load(file, 0, sizeBytes), bytes);
    });
  });

  check('reports plausible facts', async (machine, supports) => {
    await withNewFile(machine, 4096, async ({ facts }, path) => {
      assert.equal(facts.path, path);
      assert.equal(facts.pageBytes, pageBytesOf(supports));
      assert.ok(facts.blockBytes > 0 && Number.isSafeInteger(facts.blockBytes));
      assert.ok(facts.inode > 0n);
      assert.match(facts.kernelRelease, /^\d+\.\d+/);
      assert.notEqual(facts.filesystem, '');
      assert.equal(facts.persistMethod, facts.mapSync ? 'cpu-flush' : 'msync');
      const again = await openFile(machine, path);
      assert.equal(again.facts.inode, facts.inode);
      assert.equal(again.facts.birthTimeNs, facts.birthTimeNs);
      await again.close();
    });
  });

  check('after close, calls that report a failure report EBADF and the others throw', async (machine) => {
    const path = machine.path('file');
    const file = await openFile(machine, path, { create: true, sizeBytes: 4096 });
    assert.equal(await file.close(), undefined);
    assert.throws(() => file.read(new Uint8Array(1), 0));
    assert.throws(() => file.write(new Uint8Array(1), 0));
    assert.throws(() => file.probe(0, 4096));
    assertErrno(await file.sync(), Errno.EBADF);
    assertErrno(await file.settleJournal('file.repair'), Errno.EBADF);
    assertErrno(file.settleJournalSync('file.repair'), Errno.EBADF);
    assertErrno(await file.resize(8192, false), Errno.EBADF);
    assertErrno(await file.zeroRange(0, 4096), Errno.EBADF);
    assert.deepEqual((await file.tryZeroRange?.()) ?? { failure: { errno: Errno.EBADF, syscall: 'open' } }, {
      failure: { errno: Errno.EBADF, syscall: 'open' },
    });
    assert.equal((await file.pread(new Uint8Array(1), 0)).errno, Errno.EBADF);
    assert.equal((await file.pwrite(new Uint8Array(1), 0)).errno, Errno.EBADF);
    assert.equal((await file.scrub(0, 4096)).errno, Errno.EBADF);
    const piece = { reset: undefined, position: 0, sourceOffset: 0, length: 1 };
    const [rewritten] = await file.rewrite([piece], new Uint8Array(1));
    assert.equal(rewritten?.errno, Errno.EBADF);
    assertErrno(file.lock(0, 1), Errno.EBADF);
    assertErrno(file.remap(0, 4096), Errno.EBADF);
    if (file.avoidHugePages !== undefined) assertErrno(file.avoidHugePages(), Errno.EBADF);
    assertErrno(await file.close(), Errno.EBADF);
  });

  check('close waits for the calls in flight', async (machine) => {
    const path = machine.path('file');
    const file = await openFile(machine, path, { create: true, sizeBytes: 1 << 20 });
    const bytes = pattern(1 << 20);
    const writing = file.pwrite(bytes, 0);
    const closing = file.close();
    assert.deepEqual(await writing, { transferredBytes: bytes.byteLength, errno: 0 });
    assert.equal(await closing, undefined);
  });
}
