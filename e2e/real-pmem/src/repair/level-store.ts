/** The example's Level database on real poison: it repairs itself, or names the keys that are gone. */
import assert from 'node:assert/strict';
import { MediaError } from '@safe-pmem/core';
import { LossError, PmemLevel } from '@safe-pmem/examples/level';
import { kernelAbilities } from '../jobs/kernel-abilities.js';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { context, scene, suite, test } from './dax-scene.js';
import { entries, longKey, middleLeaf, valuePage } from './store-files.js';

const logBytes = page(12);
const { repairInPlace } = kernelAbilities(context);
const name = 'db.pages';

interface Report {
  readonly rebuilt: readonly unknown[];
  readonly lost: readonly unknown[];
  readonly failed: readonly unknown[];
}

/** Opens the database; it repairs what it meets while it does. */
async function openLevel(mirror: boolean): Promise<{ db: PmemLevel; reports: Report[] }> {
  const db = new PmemLevel(scene.path('db'), { driver: scene.driver, mirror, logBytes });
  const reports: Report[] = [];
  db.on('repair', (report: Report) => reports.push(report));
  await db.open();
  return { db, reports };
}

async function filledLevel(mirror: boolean): Promise<void> {
  const { db } = await openLevel(mirror);
  await db.batch([...entries].map(([key, value]) => ({ type: 'put', key, value })));
  await db.checkpoint();
  await db.put('in the log', 'only');
  await db.close();
}

async function lostKeysOf(db: PmemLevel): Promise<string[]> {
  assert.equal(await db.get('in the log'), 'only');
  const lost: string[] = [];
  for (const [key, value] of entries) {
    try {
      assert.equal(await db.get(key), value, key);
    } catch (error) {
      if (!(error instanceof LossError)) throw error;
      assert.equal(error.code, 'LEVEL_CORRUPTION');
      assert.ok(error.cause instanceof MediaError || (error.cause as { code?: string }).code === 'ERR_PMEM_LOST');
      lost.push(key);
    }
  }
  return lost;
}

suite(`Level database on ${context.filesystem}, ${context.device}`, () => {
  test('with a mirror nothing is lost, and what can be cleared is rebuilt without being asked', async () => {
    await filledLevel(true);
    await scene.poison(name, { offset: page(middleLeaf(name).slot), length: pageBytes });
    await scene.poison('db.log-mirror', { offset: page(1), length: pageBytes });
    const { db, reports } = await openLevel(true);
    assert.deepEqual(await lostKeysOf(db), []);
    await db.put('written', 'meanwhile');
    await db.close();
    assert.equal(reports.reduce((sum, { rebuilt }) => sum + rebuilt.length, 0), repairInPlace ? 1 : 0);
    assert.equal(reports.some(({ failed }) => failed.length > 0), !repairInPlace);
    const again = await openLevel(true);
    assert.deepEqual(await lostKeysOf(again.db), []);
    assert.equal(await again.db.get('written'), 'meanwhile');
    await again.db.close();
  });

  test('without a mirror exactly the keys of the bad pages are lost, and can be written', async () => {
    await filledLevel(false);
    const leaf = middleLeaf(name);
    for (const slot of [leaf.slot, valuePage(name)]) await scene.poison(name, { offset: page(slot), length: pageBytes });
    const expected = [...leaf.keys, longKey];
    const { db } = await openLevel(false);
    assert.deepEqual(await lostKeysOf(db), expected);
    for (const key of expected) await db.put(key, entries.get(key) ?? '');
    assert.deepEqual(await lostKeysOf(db), []);
    await db.close();
    const again = await openLevel(false);
    assert.deepEqual(await lostKeysOf(again.db), []);
    await again.db.close();
  });
});
