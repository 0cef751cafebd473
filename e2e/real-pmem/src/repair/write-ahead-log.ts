/** The example's write-ahead log on real poison: what it loses it names, and a mirror loses nothing. */
import assert from 'node:assert/strict';
import { Wal } from '@safe-pmem/examples/wal';
import { kernelAbilities } from '../jobs/kernel-abilities.js';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { context, scene, suite, test } from './dax-scene.js';

const { repairInPlace } = kernelAbilities(context);
const pages = 12;
const lengths = [100, 200, 9000, 4040, 50, 60, 70, 5000, 300, 400];

function payloadOf(sequence: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let i = 0; i < lengthBytes; i++) bytes[i] = sequence * 131 + i * 17 + (i >>> 8);
  return bytes;
}

/** Opens the files anew, as a process does that has just started. */
async function openLog(mirrored: boolean, create = false): Promise<Wal> {
  const file = await scene.file('log');
  return Wal.open({ file, create, ...(mirrored ? { mirror: await scene.file('mirror') } : {}) });
}

/** A log with ten records whose files are closed again. */
async function filledLog(mirrored: boolean): Promise<void> {
  for (const name of mirrored ? ['log', 'mirror'] : ['log']) await scene.written(name, new Uint8Array(page(pages)));
  const wal = await openLog(mirrored, true);
  for (const [index, length] of lengths.entries()) {
    wal.append(payloadOf(index + 1, length));
    wal.commit();
  }
  await scene.closeFiles();
}

/** Which records come back, which are reported lost; every one must be either, in order, and byte for byte. */
async function account(wal: Wal): Promise<{ returned: number[]; lost: number[] }> {
  const returned: number[] = [];
  const lost: number[] = [];
  let next = 1;
  for await (const item of wal.replay()) {
    if (item.type === 'record') {
      assert.equal(item.sequence, next++);
      assert.deepEqual(Buffer.from(item.payload), Buffer.from(payloadOf(item.sequence, lengths[item.sequence - 1] ?? 0)));
      returned.push(item.sequence);
    } else {
      assert.equal(item.first, next);
      assert.ok(item.last !== undefined);
      while (next <= item.last) lost.push(next++);
    }
  }
  assert.equal(next, lengths.length + 1);
  return { returned, lost };
}

suite(`write-ahead log on ${context.filesystem}, ${context.device}`, () => {
  test('a bad page costs the records in it, named, and no other', async () => {
    await filledLog(false);
    await scene.poison('log', { offset: page(3) + 1024, length: 512 });
    const { lost } = await account(await openLog(false));
    // Record 3 of 9000 bytes lies in pages 1 to 3; what begins after it in page 3 is lost with it.
    assert.ok(lost.includes(3));
    assert.ok(lost.length < 4);
    await scene.closeFiles();
  });

  for (const role of ['log', 'mirror'] as const) {
    test(`any page of the ${role}, the other being there: nothing is lost${repairInPlace ? ', and repair() brings it back' : ''}`, async () => {
      for (const bad of [0, 2, pages - 1]) {
        await filledLog(true);
        await scene.poison(role, { offset: page(bad), length: pageBytes });
        const wal = await openLog(true);
        assert.deepEqual((await account(wal)).lost, [], `page ${bad}`);
        const report = await wal.repair();
        assert.deepEqual(report.lost, []);
        assert.equal(report.failed.length, repairInPlace ? 0 : 1);
        await scene.closeFiles();
        assert.deepEqual((await account(await openLog(true))).lost, [], `page ${bad} after repair()`);
        await scene.startOver();
      }
    });
  }
});
