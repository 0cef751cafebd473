/** PmemFile on real poison: salvage, repair, lost ranges, the end-of-file page, and devices that cannot clear. */
import assert from 'node:assert/strict';
import { MediaError, type PmemError, type RepairError } from '@safe-pmem/core';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { content, part, readAll } from './content.js';
import { abilities, context, scene, suite, test } from './dax-scene.js';

const whole = content(page(16));
const bad = { offset: page(5), length: pageBytes };
const rebuild = (range: { readonly offset: number; readonly length: number }): Uint8Array => part(whole, range);
/** XFS before Linux 5.19 can only move away from a bad block. */
const allowRelocation = context.device === 'clearable' && !abilities.repairInPlace;
const repairable = context.device === 'clearable';

suite(`PmemFile on ${context.filesystem}, ${context.device}`, () => {
  test('names the bad page, and gives every other byte', async () => {
    await scene.written('file', whole);
    await scene.poison('file', { offset: bad.offset + 1536, length: 512 });
    const file = await scene.file('file');
    assert.throws(() => readAll(file), (error: unknown) => {
      assert.ok(error instanceof MediaError);
      assert.deepEqual(error.ranges, [bad]);
      return true;
    });
    const salvage = await file.salvage();
    assert.deepEqual(salvage.gaps.map(({ offset, length, reason }) => ({ offset, length, reason })), [{ ...bad, reason: 'media' }]);
    for (const piece of salvage.pieces) assert.deepEqual(Buffer.from(piece.bytes), Buffer.from(part(whole, { offset: piece.offset, length: piece.bytes.length })));
    assert.equal(salvage.pieces.reduce((sum, piece) => sum + piece.bytes.length, 0), whole.length - pageBytes);
    const report = await file.badBlocks();
    assert.equal(report.status, 'known');
    await file.close();
  });

  if (repairable) {
    test('repair() with rebuild brings the bytes back, the kernel forgets the block, and a new process sees no trace', async () => {
      await scene.written('file', whole);
      const where = await scene.physical('file', bad);
      const poisoned = await scene.poison('file', { offset: bad.offset + 100, length: 1 });
      const file = await scene.file('file');
      const { units } = await file.repair(bad, { rebuild, allowRelocation });
      assert.equal(units.length, 1);
      assert.equal(units[0]?.outcome, allowRelocation ? 'relocated' : 'cleared');
      const { recoveryWrite, zeroRange } = file.info();
      const stock = context.filesystem === 'ext4' ? 'in-place' : 'relocates';
      assert.equal(zeroRange, abilities.zeroRangeClears ? 'clears-in-place' : stock);
      assert.equal(units[0].strategy, recoveryWrite && !abilities.zeroRangeClears ? 'recovery-write' : 'zero-range');
      assert.deepEqual(Buffer.from(readAll(file)), Buffer.from(whole));
      await file.close();
      assert.equal(JSON.stringify(await scene.physical('file', bad)) === JSON.stringify(where), !allowRelocation);
      assert.deepEqual(await scene.listed('file', poisoned), allowRelocation ? poisoned : []);
      const again = await scene.file('file');
      assert.deepEqual(Buffer.from(readAll(again)), Buffer.from(whole));
      again.write(Uint8Array.of(9), bad.offset);
      again.persist(bad.offset, 1);
      await again.close();
    });

    test('repair() without bytes leaves a loss that outlives the process, and a persisted write ends it', async () => {
      await scene.written('file', whole);
      await scene.poison('file', bad);
      const first = await scene.file('file');
      await first.repair(bad, { allowRelocation });
      await first.close();
      const second = await scene.file('file');
      assert.throws(() => readAll(second), { code: 'ERR_PMEM_LOST' });
      second.write(part(whole, bad), bad.offset);
      second.persist(bad.offset, bad.length);
      await second.close();
      assert.deepEqual(Buffer.from(readAll(await scene.file('file'))), Buffer.from(whole));
    });

    test('repair() of the page that the file ends in keeps its size', async () => {
      const size = bad.offset + 100;
      await scene.written('file', whole.slice(0, size));
      await scene.poison('file', { offset: bad.offset, length: 100 });
      const file = await scene.file('file');
      await file.repair({ offset: bad.offset, length: 100 }, { rebuild, allowRelocation });
      await file.close();
      const again = await scene.file('file');
      assert.equal(again.size, size);
      assert.deepEqual(Buffer.from(readAll(again)), Buffer.from(whole.slice(0, size)));
      await again.resize(page(8));
      assert.deepEqual(Buffer.from(readAll(again).subarray(size)), Buffer.alloc(page(8) - size));
    });

    test('repair() of many bad pages at once', async () => {
      await scene.written('file', whole);
      for (const index of [1, 2, 7, 15]) await scene.poison('file', { offset: page(index) + 512, length: 512 });
      const file = await scene.file('file');
      const { units } = await file.repair({ offset: 0, length: whole.length }, { rebuild, allowRelocation });
      assert.deepEqual(units.filter(({ outcome }) => outcome !== 'healthy').map(({ range }) => range.offset / pageBytes), [1, 2, 7, 15]);
      assert.deepEqual(Buffer.from(readAll(file)), Buffer.from(whole));
    });
  } else {
    test('repair() is refused, says by what, and leaves the block with its file and the rest of the file as it was', async () => {
      await scene.written('file', whole);
      const where = await scene.physical('file', bad);
      const poisoned = await scene.poison('file', bad);
      const file = await scene.file('file');
      await assert.rejects(file.repair(bad, { rebuild }), (error: unknown) => {
        assert.equal((error as PmemError).code, 'ERR_PMEM_REPAIR_FAILED');
        assert.deepEqual((error as RepairError).attempts, [{ range: bad, strategy: 'recovery-write', step: 'pwrite', errno: 14 }]);
        return true;
      });
      assert.throws(() => readAll(file), { code: 'ERR_PMEM_MEDIA' });
      await file.close();
      assert.deepEqual(await scene.physical('file', bad), where);
      assert.deepEqual(await scene.listed('file', poisoned), poisoned);
      const again = await scene.file('file');
      for (const index of [4, 6]) {
        const bytes = new Uint8Array(pageBytes);
        again.read(bytes, page(index));
        assert.deepEqual(Buffer.from(bytes), Buffer.from(part(whole, { offset: page(index), length: pageBytes })));
      }
    });

    test('resize() refuses to cut the bad block off', async () => {
      await scene.written('file', whole);
      await scene.poison('file', bad);
      const file = await scene.file('file');
      await assert.rejects(file.resize(page(2)), { code: 'ERR_PMEM_MEDIA' });
      assert.equal(file.size, whole.length);
    });
  }
});
