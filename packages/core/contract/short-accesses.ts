/**
 * read() and write() of up to a page take a path of their own where the driver has a window. Each check does the access once
 * before, so that the second one takes it, and then asks for something that it must not do.
 */
import assert from 'node:assert/strict';
import { PmemFile } from '../src/index.js';
import { pageBytesOf, type Check, type ContractMachine, type DriverSupport } from './machine.js';
import { assertSameBytes, pattern, rejectsWith } from './opened-file.js';

async function withWarmFile(
  machine: ContractMachine,
  sizeBytes: number,
  body: (file: PmemFile) => void | Promise<void>,
): Promise<void> {
  const file = await PmemFile.open(machine.path('file'), { driver: machine.driver, create: true, size: sizeBytes });
  try {
    file.write(pattern(sizeBytes), 0);
    warm(file);
    await body(file);
  } finally {
    await file.close();
  }
}

/** Stores what is there already, so that it changes nothing. */
function warm(file: PmemFile): void {
  const byte = new Uint8Array(1);
  file.read(byte, 0);
  file.write(byte, 0);
  file.read(byte, 0);
  file.write(byte, 0);
}

function bytesAt(file: PmemFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  file.read(bytes, position);
  return bytes;
}

export function checkShortAccesses(check: Check, supports: DriverSupport): void {
  const PAGE = pageBytesOf(supports);
  check('any length at any position, in turn', async (machine) => {
    await withWarmFile(machine, 4 * PAGE, (file) => {
      const expected = pattern(4 * PAGE);
      for (const [i, length] of [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 1000, 4095, 4096, 4097].entries()) {
        for (const position of [0, 1, 63, 4090, 2 * PAGE, 4 * PAGE - length]) {
          assertSameBytes(bytesAt(file, position, length), expected.subarray(position, position + length));
          const bytes = pattern(length, i + 2);
          file.write(bytes, position);
          expected.set(bytes, position);
        }
      }
      assertSameBytes(bytesAt(file, 0, 4 * PAGE), expected);
    });
  });

  check('shared memory, Buffers, parts of arrays and resizable buffers, and only the bytes they cover', async (machine) => {
    await withWarmFile(machine, 2 * PAGE, (file) => {
      const whole = new Uint8Array(96);
      const sources = [
        new Uint8Array(new SharedArrayBuffer(32)),
        Buffer.alloc(32),
        whole.subarray(32, 64),
        new Uint8Array(new ArrayBuffer(48, { maxByteLength: 64 }), 16),
      ];
      for (const [i, bytes] of sources.entries()) {
        bytes.set(pattern(32, i));
        file.write(bytes, PAGE + 5);
        bytes.fill(0);
        file.read(bytes, PAGE + 5);
        assertSameBytes(Uint8Array.from(bytes), pattern(32, i));
      }
      assertSameBytes(whole.subarray(0, 32), new Uint8Array(32));
      assertSameBytes(whole.subarray(64), new Uint8Array(32));
      assertSameBytes(bytesAt(file, PAGE - 27, 32), pattern(2 * PAGE).subarray(PAGE - 27, PAGE + 5));
      assertSameBytes(bytesAt(file, PAGE + 37, 32), pattern(2 * PAGE).subarray(PAGE + 37, PAGE + 69));
    });
  });

  check('what is no range of the file, or no array of bytes, is refused and changes nothing', async (machine) => {
    await withWarmFile(machine, PAGE, (file) => {
      const detached = new Uint8Array(8);
      structuredClone(detached, { transfer: [detached.buffer] });
      for (const wrong of [detached, [1, 2], new Uint16Array(4), new DataView(new ArrayBuffer(4)), 'bytes', null, undefined]) {
        assert.throws(() => { file.read(wrong as Uint8Array, 0); }, TypeError, `read into ${typeof wrong} ${Object.prototype.toString.call(wrong)}`);
        assert.throws(() => { file.write(wrong as Uint8Array, 0); }, TypeError);
      }
      for (const position of [-1, 0.5, PAGE - 3, PAGE, 2 ** 32, 2 ** 32 + 1, 2 ** 53, -(2 ** 32), Number.NaN, Infinity]) {
        assert.throws(() => { file.read(new Uint8Array(4), position); }, RangeError, `read at ${position}`);
        assert.throws(() => { file.write(new Uint8Array(4), position); }, RangeError, `write at ${position}`);
      }
      for (const position of ['0', 0n, null, undefined, {}]) {
        assert.throws(() => { file.read(new Uint8Array(4), position as number); }, TypeError);
        assert.throws(() => { file.write(new Uint8Array(4), position as number); }, TypeError);
      }
      assert.throws(() => { file.read(new Uint8Array(0), 0); }, RangeError);
      assert.throws(() => { file.write(new Uint8Array(0), 0); }, RangeError);
      assertSameBytes(bytesAt(file, 0, PAGE), pattern(PAGE));
    });
  });

  check('a file that is open read-only takes no store', async (machine) => {
    await withWarmFile(machine, PAGE, async ({ path }) => {
      await using file = await PmemFile.open(path, { driver: machine.driver, readOnly: true });
      for (let i = 0; i < 2; i++) {
        assertSameBytes(bytesAt(file, 9, 16), pattern(PAGE).subarray(9, 25));
        assert.equal(file.readUInt8(0), pattern(PAGE)[0]);
        await rejectsWith('ERR_PMEM_READ_ONLY', () => { file.write(new Uint8Array(16), 9); });
      }
    });
  });

  check('they follow resize, and end with close', async (machine) => {
    await withWarmFile(machine, 3 * PAGE, async (file) => {
      await file.resize(PAGE + 10);
      assertSameBytes(bytesAt(file, PAGE, 10), pattern(3 * PAGE).subarray(PAGE, PAGE + 10));
      assert.throws(() => { file.write(new Uint8Array(4), PAGE + 7); }, RangeError);
      assert.throws(() => { file.read(new Uint8Array(4), PAGE + 7); }, RangeError);
      await file.resize(5 * PAGE);
      warm(file);
      file.write(pattern(64, 7), 4 * PAGE);
      assertSameBytes(bytesAt(file, 4 * PAGE, 64), pattern(64, 7));
      assertSameBytes(bytesAt(file, PAGE, 10), pattern(3 * PAGE).subarray(PAGE, PAGE + 10));
      const closing = file.close();
      await rejectsWith('ERR_PMEM_CLOSED', () => { file.read(new Uint8Array(4), 0); });
      await rejectsWith('ERR_PMEM_CLOSED', () => { file.write(new Uint8Array(4), 0); });
      await closing;
      await rejectsWith('ERR_PMEM_CLOSED', () => { file.read(new Uint8Array(4), 0); });
    });
  });

  check('they go on while the file is being resized', async (machine) => {
    await withWarmFile(machine, 3 * PAGE, async (file) => {
      for (const [i, size] of [5 * PAGE, PAGE, 4 * PAGE, 2 * PAGE].entries()) {
        const state = { resized: false };
        const resizing = file.resize(size).finally(() => { state.resized = true; });
        for (let turn = 0; !state.resized; turn++) {
          file.write(pattern(16, i), 64);
          assertSameBytes(bytesAt(file, 64, 16), pattern(16, i));
          assert.equal(file.readUInt8(0), pattern(PAGE)[0]);
          // In the middle of a resize is also between two promises that it is made of.
          await (turn % 8 === 7 ? new Promise(setImmediate) : Promise.resolve());
        }
        await resizing;
        assert.throws(() => { file.write(new Uint8Array(4), size - 3); }, RangeError);
        warm(file);
        assert.throws(() => { file.read(new Uint8Array(4), size - 3); }, RangeError);
        assert.throws(() => file.readUInt32LE(size - 3), RangeError);
      }
    });
  });

  check('truncation by another process is an error that names the page, each time, and disturbs nothing else', async (machine) => {
    await withWarmFile(machine, 6 * PAGE, async (file) => {
      await machine.truncate(file.path, 2 * PAGE);
      const behind = [{ offset: 3 * PAGE, length: PAGE }];
      for (let i = 0; i < 3; i++) {
        const load = await rejectsWith('ERR_PMEM_TRUNCATED', () => { file.read(new Uint8Array(64), 3 * PAGE + 100); });
        assert.deepEqual(load.ranges, [{ offset: 3 * PAGE + 100, length: 64 }]);
        const store = await rejectsWith('ERR_PMEM_TRUNCATED', () => { file.write(new Uint8Array(PAGE), 3 * PAGE); });
        assert.deepEqual(store.ranges, behind);
        const across = new Uint8Array(64);
        const half = await rejectsWith('ERR_PMEM_TRUNCATED', () => { file.read(across, 2 * PAGE - 32); });
        assert.deepEqual(half.ranges, [{ offset: 2 * PAGE, length: 32 }]);
        assertSameBytes(across.subarray(0, 32), pattern(6 * PAGE).subarray(2 * PAGE - 32, 2 * PAGE));
        assertSameBytes(bytesAt(file, 64, 64), pattern(6 * PAGE).subarray(64, 128));
        file.write(pattern(6 * PAGE).subarray(64, 128), 64);
      }
      await machine.truncate(file.path, 6 * PAGE);
      assertSameBytes(bytesAt(file, 3 * PAGE, 64), new Uint8Array(64));
    });
  });

  check('they reach over the gibibytes of a large file', async (machine, supports) => {
    const size = supports.sparseFileBytes;
    await using file = await PmemFile.open(machine.path('file'), { driver: machine.driver, create: true, size });
    const positions = [2 ** 30 - 3, 2 ** 30, 2 ** 31 - 8, 2 ** 32 - 5, 2 ** 32 + 4096, size - 10, 0, 2 ** 30 + 4096];
    for (let round = 0; round < 2; round++) {
      for (const [i, position] of positions.entries()) file.write(pattern(10, i + round), position);
      for (const [i, position] of positions.entries()) {
        if (i === 0) continue;
        assertSameBytes(bytesAt(file, position, 10), pattern(10, i + round));
      }
      assertSameBytes(bytesAt(file, 2 ** 30 - 3, 3), pattern(10, round).subarray(0, 3));
    }
  });
}
