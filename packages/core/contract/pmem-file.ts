import assert from 'node:assert/strict';
import type { Driver, CompleteFile } from '../src/index.js';
import { completeFile, PmemFile } from '../src/index.js';
import type { Check, ContractMachine, DriverSupport } from './machine.js';
import { assertSameBytes, pattern, rejectsWith } from './opened-file.js';

const PAGE = 4096;

/** A driver that hands out what it opened, so that poison can be put under an open PmemFile. */
function observed(driver: Driver): { readonly driver: Driver; readonly opened: () => CompleteFile } {
  let last: CompleteFile | undefined;
  return {
    driver: {
      name: driver.name,
      async open(path, request) {
        const outcome = await driver.open(path, request);
        if ('file' in outcome) last = completeFile(outcome.file);
        return outcome;
      },
    },
    opened: () => {
      assert.ok(last !== undefined, 'nothing was opened');
      return last;
    },
  };
}

async function withPmemFile(
  machine: ContractMachine,
  pages: number,
  body: (file: PmemFile, under: CompleteFile) => void | Promise<void>,
): Promise<void> {
  const { driver, opened } = observed(machine.driver);
  const file = await PmemFile.open(machine.path('file'), { driver, create: true, size: pages * PAGE });
  try {
    file.write(pattern(pages * PAGE), 0);
    file.persist();
    await body(file, opened());
  } finally {
    await file.close();
  }
}

export function checkPmemFile(check: Check, supports: DriverSupport): void {
  check('reads back what it wrote, after reopening too', async (machine) => {
    await withPmemFile(machine, 4, async (file) => {
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
    await withPmemFile(machine, 1, async (file) => {
      const error = await rejectsWith('ERR_PMEM_TOO_SMALL', () => PmemFile.open(file.path, { driver, size: 2 * PAGE }));
      assert.ok(error.message.includes(file.path));
    });
  });

  check('names truncation, keeps what is left, and goes on after resize', async (machine) => {
    await withPmemFile(machine, 4, async (file) => {
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
    await withPmemFile(machine, 2, async (file) => {
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
    await withPmemFile(machine, 4, (file) => {
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
      await withPmemFile(machine, 2, async (file) => {
        await rejectsWith('ERR_PMEM_NOT_SUPPORTED', () => file.view({ offset: 0, length: PAGE }));
        assert.equal(file.readUInt8(0), pattern(1)[0]);
      });
    });
  } else {
    check('a view shows the file and verifies', async (machine) => {
      await withPmemFile(machine, 4, (file) => {
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
      await withPmemFile(machine, 2, async (file) => {
        await rejectsWith('ERR_PMEM_NOT_SUPPORTED', () => file.claim());
        await rejectsWith('ERR_PMEM_NOT_SUPPORTED', () => file.repair({ offset: 0, length: 1 }, { fill: 0 }));
        assert.equal(file.readUInt8(0), pattern(1)[0]);
      });
    });
  }

  if (supports.poison === 'none') return;

  check('a bad page is named by numbers, by batches and by stores that persist', async (machine) => {
    await withPmemFile(machine, 8, async (file, under) => {
      await machine.poison(under, { offset: 3 * PAGE, length: PAGE });
      const bad = [{ offset: 3 * PAGE, length: PAGE }];
      assert.deepEqual((await rejectsWith('ERR_PMEM_MEDIA', () => file.readUInt32BE(4 * PAGE - 2))).ranges, bad);
      assert.deepEqual((await rejectsWith('ERR_PMEM_MEDIA', () => file.readUInt8(3 * PAGE))).ranges, bad);
      assert.equal(file.readUInt8(4 * PAGE), pattern(8 * PAGE)[4 * PAGE]);
      const stored = await rejectsWith('ERR_PMEM_MEDIA', () => { file.writeAndPersist(pattern(2 * PAGE, 4), 2 * PAGE + 9); });
      assert.deepEqual(stored.ranges, bad);
      const ranges = [{ offset: 0, length: PAGE }, { offset: 3 * PAGE + 5, length: 8 }, { offset: 6 * PAGE, length: 1 }];
      assert.deepEqual((await rejectsWith('ERR_PMEM_MEDIA', () => { file.persistRanges(ranges); })).ranges, [{ offset: 3 * PAGE, length: PAGE }]);
      if (supports.views === false) return;
      assert.deepEqual((await rejectsWith('ERR_PMEM_MEDIA', () => file.view({ offset: 0, length: 8 * PAGE }))).ranges, bad);
      file.view({ offset: 4 * PAGE, length: PAGE }).verify();
    });
  });

  check('names exactly the poisoned page, salvages the rest, and does not touch it again', async (machine) => {
    await withPmemFile(machine, 8, async (file, under) => {
      await machine.poison(under, { offset: 3 * PAGE, length: PAGE });
      const target = new Uint8Array(4 * PAGE).fill(0xee);
      const error = await rejectsWith('ERR_PMEM_MEDIA', () => { file.read(target, 2 * PAGE); });
      assert.deepEqual(error.ranges, [{ offset: 3 * PAGE, length: PAGE }]);
      assertSameBytes(target.subarray(0, PAGE), pattern(8 * PAGE).subarray(2 * PAGE, 3 * PAGE));
      assertSameBytes(target.subarray(2 * PAGE), pattern(8 * PAGE).subarray(4 * PAGE, 6 * PAGE));
      const again = await rejectsWith('ERR_PMEM_MEDIA', () => { file.read(new Uint8Array(1), 3 * PAGE + 7); });
      assert.equal((again as { source?: string }).source, 'known');
      const { gaps, pieces } = await file.salvage();
      assert.deepEqual(gaps, [{ offset: 3 * PAGE, length: PAGE, reason: 'media' }]);
      assert.deepEqual(pieces.map((piece) => piece.bytes.byteLength), [3 * PAGE, 4 * PAGE]);
    });
  });

  check('a write over poison stores everything else and names the rest', async (machine) => {
    await withPmemFile(machine, 4, async (file, under) => {
      await machine.poison(under, { offset: PAGE, length: PAGE });
      const write = (): void => { file.write(pattern(3 * PAGE, 5), 0); };
      if (supports.storesClear === true) write();
      else assert.deepEqual((await rejectsWith('ERR_PMEM_MEDIA', write)).ranges, [{ offset: PAGE, length: PAGE }]);
      const kept = new Uint8Array(PAGE);
      file.read(kept, 2 * PAGE);
      assertSameBytes(kept, pattern(3 * PAGE, 5).subarray(2 * PAGE));
    });
  });

  if (!supports.repair) {
    check('a repair that cannot succeed says so and leaves the page with its file', async (machine) => {
      await withPmemFile(machine, 4, async (file, under) => {
        await machine.poison(under, { offset: PAGE, length: PAGE });
        await rejectsWith('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: PAGE, length: 1 }, { fill: 0 }));
        await rejectsWith('ERR_PMEM_MEDIA', () => { file.read(new Uint8Array(1), PAGE); });
        assert.equal((await file.badBlocks()).status, supports.badBlocks ? 'known' : 'unsupported');
        file.write(pattern(PAGE, 3), 2 * PAGE);
      });
    });
    return;
  }

  if (supports.poison === 'mapping') {
    check('a page that the file can still give loses nothing: repair maps it anew', async (machine) => {
      await withPmemFile(machine, 8, async (file, under) => {
        const page = { offset: 3 * PAGE, length: PAGE };
        await machine.poison(under, page);
        await rejectsWith('ERR_PMEM_MEDIA', () => { file.read(new Uint8Array(1), 3 * PAGE); });
        const { units } = await file.repair(page, { fill: 0 });
        assert.deepEqual(units.map(({ range, outcome, lost }) => [range, outcome, lost]), [[page, 'healthy', []]]);
        const bytes = new Uint8Array(8 * PAGE);
        file.read(bytes, 0);
        assertSameBytes(bytes, pattern(8 * PAGE));
        file.write(pattern(PAGE, 6), 3 * PAGE);
        file.persist(3 * PAGE, PAGE);
      });
    });
    return;
  }

  check('repair with rebuild brings back exactly the lost bytes', async (machine) => {
    await withPmemFile(machine, 8, async (file, under) => {
      await machine.poison(under, { offset: 3 * PAGE, length: PAGE });
      const asked: unknown[] = [];
      const receipt = await file.repair({ offset: 3 * PAGE + 100, length: 1 }, {
        rebuild: (range) => {
          asked.push(range);
          return pattern(8 * PAGE).subarray(range.offset, range.offset + range.length);
        },
      });
      assert.deepEqual(asked, [{ offset: 3 * PAGE, length: PAGE }]);
      assert.deepEqual(receipt.units.map((unit) => unit.rebuilt), [[{ offset: 3 * PAGE, length: PAGE }]]);
      const bytes = new Uint8Array(8 * PAGE);
      file.read(bytes, 0);
      assertSameBytes(bytes, pattern(8 * PAGE));
      file.write(pattern(PAGE, 6), 3 * PAGE);
      file.persist(3 * PAGE, PAGE);
      const twice = await file.repair({ offset: 3 * PAGE, length: PAGE }, { fill: 0 });
      assert.equal(twice.units[0]?.outcome, 'healthy');
    });
  });

  check('short accesses keep away from what a repair holds, and from what it lost', async (machine) => {
    await withPmemFile(machine, 4, async (file, under) => {
      const page = { offset: PAGE, length: PAGE };
      const healthy = (): void => {
        file.write(pattern(4 * PAGE).subarray(0, 8), 0);
        const bytes = new Uint8Array(8);
        file.read(bytes, 0);
        assertSameBytes(bytes, pattern(4 * PAGE).subarray(0, 8));
        assert.equal(file.readUInt8(2 * PAGE), pattern(4 * PAGE)[2 * PAGE]);
      };
      // Twice: what one access finds out, the next must not forget.
      const twice = async (code: string, access: () => unknown): Promise<void> => {
        for (let i = 0; i < 2; i++) {
          healthy();
          await rejectsWith(code, access);
        }
      };
      healthy();
      await machine.poison(under, page);
      // The second of the two pages has nothing wrong with it, but is held as long as the first.
      const stored: unknown[] = [];
      const rebuild = (): never => {
        for (let i = 0; i < 2; i++) {
          try {
            file.write(new Uint8Array(4), 2 * PAGE + 10);
            stored.push('stored');
          } catch (error) {
            stored.push((error as { code?: unknown }).code);
          }
        }
        throw new Error('nothing to rebuild it from');
      };
      await rejectsWith('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: PAGE, length: 2 * PAGE }, { rebuild }));
      assert.deepEqual(stored, ['ERR_PMEM_LOCKED', 'ERR_PMEM_LOCKED']);
      await twice('ERR_PMEM_MEDIA', () => { file.read(new Uint8Array(4), PAGE + 10); });
      await file.repair(page);
      await twice('ERR_PMEM_LOST', () => { file.read(new Uint8Array(4), PAGE + 10); });
      await twice('ERR_PMEM_LOST', () => file.readUInt32LE(PAGE + 10));
      file.write(pattern(PAGE, 8), PAGE);
      file.persist(PAGE, PAGE);
      for (let i = 0; i < 2; i++) assert.equal(file.readUInt8(PAGE + 10), pattern(PAGE, 8)[10]);
    });
  });

  check('without rebuild the loss outlives a restart, until the bytes are written and persisted', async (machine) => {
    await withPmemFile(machine, 4, async (file, under) => {
      await machine.poison(under, { offset: PAGE, length: PAGE });
      await file.repair({ offset: PAGE, length: PAGE });
      const lost = await rejectsWith('ERR_PMEM_LOST', () => { file.read(new Uint8Array(2), PAGE - 1); });
      assert.deepEqual(lost.ranges, [{ offset: PAGE, length: 1 }]);
      await file.close();
      const again = await PmemFile.open(file.path, { driver: machine.driver });
      await rejectsWith('ERR_PMEM_LOST', () => { again.read(new Uint8Array(1), 2 * PAGE - 1); });
      again.write(pattern(PAGE, 8), PAGE);
      again.persist(PAGE, PAGE);
      await again.close();
      await using third = await PmemFile.open(file.path, { driver: machine.driver });
      const bytes = new Uint8Array(PAGE);
      third.read(bytes, PAGE);
      assertSameBytes(bytes, pattern(PAGE, 8));
    });
  });
}
