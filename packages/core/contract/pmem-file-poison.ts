/** What PmemFile makes of a page that goes bad under it, on every driver that can make one bad. */
import assert from 'node:assert/strict';
import { PmemFile } from '../src/index.js';
import { pageBytesOf, type Check, type DriverSupport } from './machine.js';
import { assertSameBytes, pattern, rejectsWith } from './opened-file.js';
import { withPmemFile } from './opened-pmem-file.js';

export function checkPmemFileOnPoison(check: Check, supports: DriverSupport): void {
  const PAGE = pageBytesOf(supports);
  check('a bad page is named by numbers, by batches and by stores that persist', async (machine) => {
    await withPmemFile(machine, 8 * PAGE, async (file, under) => {
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
    await withPmemFile(machine, 8 * PAGE, async (file, under) => {
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
    await withPmemFile(machine, 4 * PAGE, async (file, under) => {
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
      await withPmemFile(machine, 4 * PAGE, async (file, under) => {
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
    check('a page that the file can still give loses nothing: repair maps it once more', async (machine) => {
      await withPmemFile(machine, 8 * PAGE, async (file, under) => {
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
    await withPmemFile(machine, 8 * PAGE, async (file, under) => {
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
    await withPmemFile(machine, 4 * PAGE, async (file, under) => {
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
    await withPmemFile(machine, 4 * PAGE, async (file, under) => {
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
