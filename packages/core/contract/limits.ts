import assert from 'node:assert/strict';
import type { CompleteFile, Driver, OpenRequest } from '../src/index.js';
import { completeFile, Errno, errnoName, PmemFile } from '../src/index.js';
import type { Check, DriverSupport } from './machine.js';
import {
  assertErrno, assertSameBytes, load, openFile, pattern, rejectsWith, store, withNewFile,
} from './opened-file.js';

const newFile: OpenRequest = { create: true, readOnly: false, preallocate: false, sizeBytes: 4096 };
const NAME_BYTES_MAX = 255;
/** More than any filesystem or address space has. */
const TOO_LARGE = Number.MAX_SAFE_INTEGER;
const TOO_LARGE_ERRNOS: readonly number[] = [Errno.EFBIG, Errno.ENOMEM, Errno.ENOSPC, Errno.EINVAL, Errno.EOVERFLOW];

/** What the system refuses, and leaves as it was. */
export function checkLimits(check: Check, supports: DriverSupport): void {
  check('a name of 255 bytes is a name, and one of 256 is ENAMETOOLONG, in any script', async (machine) => {
    for (const letter of ['n', 'ä', '漢']) {
      const width = Buffer.byteLength(letter);
      const fits = letter.repeat(Math.floor(NAME_BYTES_MAX / width)) + 'x'.repeat(NAME_BYTES_MAX % width);
      assert.equal(Buffer.byteLength(fits), NAME_BYTES_MAX);
      await (await openFile(machine, machine.path(fits), { create: true, sizeBytes: 4096 })).close();
      for (const create of [true, false]) {
        const outcome = await machine.driver.open(machine.path(`${fits}x`), { ...newFile, create });
        assertErrno('failure' in outcome ? outcome.failure : undefined, Errno.ENAMETOOLONG);
      }
    }
  });

  check('no directory is made for a file: ENOENT; and a file is no directory: ENOTDIR', async (machine) => {
    for (const create of [true, false]) {
      const outcome = await machine.driver.open(machine.path('absent/file'), { ...newFile, create });
      assertErrno('failure' in outcome ? outcome.failure : undefined, Errno.ENOENT);
    }
    const directory = await machine.makeDirectory('directory');
    await (await openFile(machine, `${directory}/file`, { create: true, sizeBytes: 4096 })).close();
    const outcome = await machine.driver.open(`${directory}/file/below`, newFile);
    assertErrno('failure' in outcome ? outcome.failure : undefined, Errno.ENOTDIR);
  });

  check('a new file of a size that nothing has is refused and is not left behind', async (machine) => {
    const path = machine.path('file');
    const outcome = await machine.driver.open(path, { ...newFile, sizeBytes: TOO_LARGE });
    assert.ok('failure' in outcome, 'the size was taken');
    assert.ok(TOO_LARGE_ERRNOS.includes(outcome.failure.errno), errnoName(outcome.failure.errno));
    const again = await machine.driver.open(path, { ...newFile, create: false });
    assertErrno('failure' in again ? again.failure : undefined, Errno.ENOENT);
  });

  check('resize to a size that nothing has is refused, and file and mapping stay', async (machine) => {
    await withNewFile(machine, 8192, async (file) => {
      store(file, 0, pattern(8192));
      const failure = await file.resize(TOO_LARGE, false);
      assert.ok(failure !== undefined && TOO_LARGE_ERRNOS.includes(failure.errno), errnoName(failure?.errno ?? 0));
      assert.deepEqual(await file.fileSize(), { sizeBytes: 8192 });
      assert.equal(file.mappedBytes, 8192);
      assertSameBytes(load(file, 0, 8192), pattern(8192));
    });
  });

  if (supports.refusals === true) checkRefusals(check, supports);

  check('bytes that were cut off within a page are zeros once the file is as long as before', async (machine) => {
    await withNewFile(machine, 8192, async (file, path) => {
      store(file, 0, pattern(8192));
      assert.equal(file.persist(0, 8192), undefined);
      await machine.truncate(path, 100);
      // Past the end the page keeps what is stored, or does not: nothing promises either.
      const fault = file.write(new Uint8Array(100).fill(7), 200);
      assert.ok(fault === undefined || fault.position === 200, 'without a mapping, a store meets the end');
      const probe = file.probe(0, 4096);
      assert.equal('failure' in probe ? undefined : probe.fileSizeBytes, 100);
      assert.deepEqual(await file.pread(new Uint8Array(8), 200), { transferredBytes: 0, errno: 0 });
      assert.equal(await file.resize(8192, false), undefined);
      assertSameBytes(load(file, 0, 100), pattern(8192).subarray(0, 100));
      const rest = load(file, 100, 8092);
      const unexpected = rest.findIndex((byte, i) => byte !== 0 && !(byte === 7 && i >= 100 && i < 200));
      assert.equal(unexpected, -1, `byte ${100 + unexpected} is ${rest[unexpected]}`);
    });
  });

  check('an exclusive writer keeps a second out until it has closed, and readers in', async (machine) => {
    const { driver } = machine;
    const path = machine.path('file');
    if (supports.locks === false) {
      const alone = { driver, create: true, size: 8192, exclusive: true };
      await rejectsWith('ERR_PMEM_NOT_SUPPORTED', () => PmemFile.open(path, alone));
      return;
    }
    const first = await PmemFile.open(path, { driver, create: true, size: 8192, exclusive: true });
    await rejectsWith('ERR_PMEM_LOCKED', () => PmemFile.open(path, { driver, exclusive: true }));
    await (await PmemFile.open(path, { driver, readOnly: true })).close();
    first.write(pattern(8192), 0);
    await first.close();
    await (await PmemFile.open(path, { driver, exclusive: true })).close();
  });

  check('salvageTo makes a new file with the bytes, and takes no file that has some', async (machine) => {
    const { driver } = machine;
    const path = machine.path('file');
    const file = await PmemFile.open(path, { driver, create: true, size: 10_000 });
    file.write(pattern(10_000), 0);
    if (supports.locks === false) {
      await rejectsWith('ERR_PMEM_NOT_SUPPORTED', () => file.salvageTo(machine.path('copy')));
      await file.close();
      return;
    }
    const { gaps, range } = await file.salvageTo(machine.path('copy'), { range: { offset: 100, length: 9000 } });
    assert.deepEqual({ gaps, range }, { gaps: [], range: { offset: 100, length: 9000 } });
    const copy = await PmemFile.open(machine.path('copy'), { driver });
    const bytes = new Uint8Array(copy.size);
    copy.read(bytes, 0);
    await copy.close();
    assertSameBytes(bytes, pattern(10_000).subarray(100, 9100));
    await rejectsWith('ERR_PMEM_EXISTS', () => file.salvageTo(machine.path('copy')));
    await rejectsWith('ERR_PMEM_NOT_FOUND', () => file.salvageTo(machine.path('absent/copy')));
    await file.close();
  });

  check('create without a size makes an empty file, which resize fills', async (machine) => {
    const { driver } = machine;
    const path = machine.path('file');
    const file = await PmemFile.open(path, { driver, create: true });
    assert.equal(file.size, 0);
    await file.resize(4096);
    file.write(pattern(4096), 0);
    await file.close();
    const again = await PmemFile.open(path, { driver });
    assert.equal(again.size, 4096);
    await again.close();
  });
}

function checkRefusals(check: Check, supports: DriverSupport): void {
  check('without a descriptor left, open says EMFILE and makes nothing, and the next one succeeds', async (machine) => {
    const path = machine.path('file');
    await withNewFile(machine, 4096, async (file) => {
      store(file, 0, pattern(4096));
      assert.ok(machine.withoutDescriptors !== undefined, 'the machine is said to have it');
      await machine.withoutDescriptors(async () => {
        for (const [name, create] of [['file', false], ['other', true]] as const) {
          const outcome = await machine.driver.open(machine.path(name), { ...newFile, create });
          assertErrno('failure' in outcome ? outcome.failure : undefined, Errno.EMFILE);
        }
        assertSameBytes(load(file, 0, 4096), pattern(4096));
        await rejectsWith('ERR_PMEM_TOO_MANY_FILES', () => PmemFile.open(path, { driver: machine.driver }));
      });
      const other = await machine.driver.open(machine.path('other'), { ...newFile, create: false });
      assertErrno('failure' in other ? other.failure : undefined, Errno.ENOENT);
      await (await openFile(machine, path)).close();
    });
  });

  check('a close() that fails says so, closes all the same, and gives back its lock', async (machine) => {
    const path = machine.path('file');
    const file = await openFile(machine, path, { create: true, sizeBytes: 4096 });
    if (supports.locks !== false) assert.equal(file.lock(0, 1), undefined);
    assert.ok(machine.failClose !== undefined, 'the machine is said to have it');
    machine.failClose(file);
    const failure = await file.close();
    assert.equal(failure?.syscall, 'close');
    assert.notEqual(failure.errno, 0);
    assertErrno(await file.close(), Errno.EBADF);
    assertErrno(file.remap(0, 4096), Errno.EBADF);
    const next = await openFile(machine, path);
    if (supports.locks !== false) assert.equal(next.lock(0, 1), undefined, 'the lock is free');
    assert.equal(await next.close(), undefined);
  });

  check('close() of a PmemFile that fails throws, and the next exclusive writer comes in', async (machine) => {
    let opened: CompleteFile | undefined;
    const driver: Driver = {
      name: machine.driver.name,
      async open(path, request) {
        const outcome = await machine.driver.open(path, request);
        if ('file' in outcome) opened = completeFile(outcome.file);
        return outcome;
      },
    };
    const exclusive = supports.locks !== false;
    const file = await PmemFile.open(machine.path('file'), { driver, create: true, size: 4096, exclusive });
    assert.ok(opened !== undefined && machine.failClose !== undefined);
    machine.failClose(opened);
    await assert.rejects(file.close(), { name: 'PmemError' });
    await file.close();
    const next = await PmemFile.open(machine.path('file'), { driver: machine.driver, exclusive });
    await next.close();
  });
}
