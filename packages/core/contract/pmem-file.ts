import assert from 'node:assert/strict';
import { PmemFile } from '../src/index.js';
import { pageBytesOf, type Check, type DriverSupport } from './machine.js';
import { assertSameBytes, pattern, rejectsWith } from './opened-file.js';
import { withPmemFile } from './opened-pmem-file.js';
import { checkPmemFileOnPoison } from './pmem-file-poison.js';

export function checkPmemFile(check: Check, supports: DriverSupport): void {
  const PAGE = pageBytesOf(supports);
  check('reads back what it wrote, after reopening too', async (machine) => {
    await withPmemFile(machine, 4 * PAGE, async (file) => {
      await file.close();
      await using again = await PmemFile.open(file.path, { driver: machine.driver });
      const bytes = new Uint8Array(4 * PAGE);
      again.read(bytes, 0);
      assertSameBytes(bytes, pattern(4 * PAGE));
      assert.equal((await again.badBlocks()).status, supports.badBlocks ? 'none' : 'unsupported');
    });
  });

  check('maps failures of open to codes, with the path in the message', async (machine) => {
    const { driver } = machine;
    const absent = machine.path('absent');
    assert.ok((await rejectsWith('ERR_PMEM_NOT_FOUND', () => PmemFile.open(absent, { driver }))).message.includes(absent));
    const directory = await machine.makeDirectory('directory');
    await rejectsWith('ERR_PMEM_NOT_A_FILE', () => PmemFile.open(directory, { driver }));
    await withPmemFile(machine, PAGE, async (file) => {
      const error = await rejectsWith('ERR_PMEM_TOO_SMALL', () => PmemFile.open(file.path, { driver, size: 2 * PAGE }));
      assert.ok(error.message.includes(file.path));
    });
  });

  check('names truncation, keeps what is left, and goes on after resize', async (machine) => {
    await withPmemFile(machine, 4 * PAGE, async (file) => {
      await machine.truncate(file.path, 2 * PAGE);
      const error = await rejectsWith('ERR_PMEM_TRUNCATED', () => { file.read(new Uint8Array(3 * PAGE), 0); });
      assert.deepEqual(error.ranges, [{ offset: 2 * PAGE, length: PAGE }]);
      const salvage = await file.salvage();
      assert.deepEqual(salvage.gaps, [{ offset: 2 * PAGE, length: 2 * PAGE, reason: 'truncated' }]);
      assertSameBytes(salvage.pieces[0]?.bytes ?? new Uint8Array(0), pattern(4 * PAGE).subarray(0, 2 * PAGE));
      await file.resize(4 * PAGE);
      file.write(pattern(4 * PAGE), 0);
      file.persist();
    });
  });

  check('numbers are the bytes of the file, in both orders, and never what lies outside', async (machine) => {
    await withPmemFile(machine, 2 * PAGE, async (file) => {
      const expected = new DataView(pattern(2 * PAGE).buffer);
      for (const at of [0, 1, 4093, 4096, 2 * PAGE - 8]) {
        assert.equal(file.readUInt8(at), expected.getUint8(at));
        assert.equal(file.readInt8(at), expected.getInt8(at));
        assert.equal(file.readUInt16LE(at), expected.getUint16(at, true));
        assert.equal(file.readUInt16BE(at), expected.getUint16(at));
        assert.equal(file.readInt16LE(at), expected.getInt16(at, true));
        assert.equal(file.readInt16BE(at), expected.getInt16(at));
        assert.equal(file.readUInt32LE(at), expected.getUint32(at, true));
        assert.equal(file.readUInt32BE(at), expected.getUint32(at));
        assert.equal(file.readInt32LE(at), expected.getInt32(at, true));
        assert.equal(file.readInt32BE(at), expected.getInt32(at));
        assert.equal(file.readBigUInt64LE(at), expected.getBigUint64(at, true));
        assert.equal(file.readBigUInt64BE(at), expected.getBigUint64(at));
        assert.equal(file.readBigInt64LE(at), expected.getBigInt64(at, true));
        assert.equal(file.readBigInt64BE(at), expected.getBigInt64(at));
        assert.equal(file.readFloatLE(at), expected.getFloat32(at, true));
        assert.equal(file.readFloatBE(at), expected.getFloat32(at));
        assert.equal(file.readDoubleLE(at), expected.getFloat64(at, true));
        assert.equal(file.readDoubleBE(at), expected.getFloat64(at));
      }
      for (const at of [-1, 0.5, 2 * PAGE - 3, 2 ** 32, Number.NaN]) assert.throws(() => file.readUInt32LE(at), RangeError);
      // What a caller without types may pass.
      for (const at of ['0', null, undefined]) assert.throws(() => file.readUInt32LE(at as unknown as number), TypeError);
      await file.close();
      await rejectsWith('ERR_PMEM_CLOSED', () => file.readUInt8(0));
    });
  });

  check('stores that persist, and batches', async (machine) => {
    await withPmemFile(machine, 4 * PAGE, (file) => {
      file.writeAndPersist(pattern(100, 9), PAGE - 50);
      const seen = new Uint8Array(100);
      file.read(seen, PAGE - 50);
      assertSameBytes(seen, pattern(100, 9));
      file.persistRanges([{ offset: 0, length: 1 }, { offset: 3 * PAGE, length: PAGE }]);
      const good = { offset: 0, length: 8 };
      for (const [offset, length] of [[4 * PAGE, 1], [0, 0], [-1, 2], [0.5, 1], [0, 4 * PAGE + 1], [2 ** 53, 1], [Number.NaN, 1]] as const) {
        assert.throws(() => { file.persistRanges([good, { offset, length }]); }, RangeError);
      }
      // What a caller without types may pass.
      for (const wrong of [null, undefined, 5, 'text', [], {}, { offset: '0', length: 8 }, { offset: 0, length: 8n }]) {
        assert.throws(() => { file.persistRanges([good, wrong as typeof good]); }, { name: 'TypeError', message: /ranges\[1\]/ });
      }
    });
  });

  if (supports.views === false) {
    check('a view is refused with a code, and nothing changes', async (machine) => {
      await withPmemFile(machine, 2 * PAGE, async (file) => {
        await rejectsWith('ERR_PMEM_NOT_SUPPORTED', () => file.view({ offset: 0, length: PAGE }));
        assert.equal(file.readUInt8(0), pattern(1)[0]);
      });
    });
  } else {
    check('a view shows the file and verifies', async (machine) => {
      await withPmemFile(machine, 4 * PAGE, (file) => {
        const seen = file.withView({ offset: PAGE - 50, length: 100 }, (view) => Uint8Array.from(view));
        assertSameBytes(seen, pattern(4 * PAGE).subarray(PAGE - 50, PAGE + 50));
        const view = file.view({ offset: 0, length: PAGE });
        view.verify();
        view.release();
        assert.equal(view.length, 0);
        assert.throws(() => { file.withView({ offset: 0, length: 1 }, () => { throw new SyntaxError('mine'); }); }, SyntaxError);
      });
    });
  }

  if (supports.locks === false) {
    check('repair and claim are refused with a code: other processes could not be kept out', async (machine) => {
      await withPmemFile(machine, 2 * PAGE, async (file) => {
        await rejectsWith('ERR_PMEM_NOT_SUPPORTED', () => file.claim());
        await rejectsWith('ERR_PMEM_NOT_SUPPORTED', () => file.repair({ offset: 0, length: 1 }, { fill: 0 }));
        assert.equal(file.readUInt8(0), pattern(1)[0]);
      });
    });
  }

  if (supports.poison !== 'none') checkPmemFileOnPoison(check, supports);
}
