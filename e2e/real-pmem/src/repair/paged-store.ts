/** The example's paged store on real poison: what a mirror or the log has comes back, what nobody has is named by its keys. */
import assert from 'node:assert/strict';
import { MediaError } from '@safe-pmem/core';
import { LostKeysError, PageStore } from '@safe-pmem/examples/pages';
import { kernelAbilities } from '../jobs/kernel-abilities.js';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { context, scene, suite, test } from './dax-scene.js';
import { entries, longKey, middleLeaf, valuePage } from './store-files.js';

const filePages = 12;
const { repairInPlace } = kernelAbilities(context);

/** Opens the files anew, as a process does that has just started. */
async function openStore(mirrored: boolean, create = false): Promise<PageStore> {
  await scene.closeFiles();
  const [file, log, logMirror] = [await scene.file('pages'), await scene.file('log'), await scene.file('log-mirror')];
  return PageStore.open({ file, log, logMirror, create, ...(mirrored ? { mirror: await scene.file('mirror') } : {}) });
}

/** A store with all entries in pages, and with one more batch in its log; its files are closed again. */
async function filledStore(mirrored: boolean): Promise<void> {
  for (const name of ['pages', 'log', 'log-mirror', ...(mirrored ? ['mirror'] : [])]) {
    await scene.written(name, new Uint8Array(page(filePages)));
  }
  const store = await openStore(mirrored, true);
  await store.batch([...entries].map(([key, value]) => ({ type: 'put', key: Buffer.from(key), value: Buffer.from(value) })));
  await store.checkpoint();
  await store.put(Buffer.from('in the log'), Buffer.from('only'));
  await store.close();
  await scene.closeFiles();
}

/** The keys that are reported lost, each with a media error for a cause; all others must have their values. */
function lostKeysOf(store: PageStore): string[] {
  assert.equal(String(store.get(Buffer.from('in the log'))), 'only');
  return [...entries].flatMap(([key, value]) => {
    try {
      assert.equal(String(store.get(Buffer.from(key))), value, key);
      return [];
    } catch (error) {
      if (!(error instanceof LostKeysError)) throw error;
      assert.ok(error.cause instanceof MediaError || (error.cause as { code?: string }).code === 'ERR_PMEM_LOST');
      return [key];
    }
  });
}

suite(`paged store on ${context.filesystem}, ${context.device}`, () => {
  test('a page of each kind in every file, the other file being there: nothing is lost', async () => {
    await filledStore(true);
    const leaf = middleLeaf('pages').slot;
    const bad = [['pages', 0], ['pages', leaf], ['mirror', valuePage('pages')], ['log', 1], ['log-mirror', 0]] as const;
    for (const [name, slot] of bad) await scene.poison(name, { offset: page(slot), length: pageBytes });
    const store = await openStore(true);
    assert.deepEqual(lostKeysOf(store), []);
    await store.put(Buffer.from('written'), Buffer.from('meanwhile'));
    const report = await store.repair();
    assert.deepEqual([report.lost, report.lostKeys, report.log.lost], [[], [], []]);
    assert.equal(report.rebuilt.length, repairInPlace ? 3 : 0);
    assert.equal(report.failed.length + report.log.failed.length, repairInPlace ? 0 : 5);
    await store.close();
    const again = await openStore(true);
    // What could not be repaired is not in use any more.
    assert.equal(again.isDamaged, false);
    assert.deepEqual(lostKeysOf(again), []);
    assert.equal(String(again.get(Buffer.from('written'))), 'meanwhile');
    await again.close();
  });

  test('without a mirror exactly the keys of the bad pages are lost, and can be written', async () => {
    await filledStore(false);
    const leaf = middleLeaf('pages');
    for (const slot of [leaf.slot, valuePage('pages')]) await scene.poison('pages', { offset: page(slot), length: pageBytes });
    const expected = [...leaf.keys, longKey];
    const store = await openStore(false);
    assert.deepEqual(lostKeysOf(store), expected);
    const report = await store.repair();
    assert.equal(repairInPlace ? report.lost.length : report.failed.length, 2);
    assert.deepEqual(lostKeysOf(store), expected);
    const [rewritten = '', ...others] = expected;
    await store.put(Buffer.from(rewritten), Buffer.from(entries.get(rewritten) ?? ''));
    await store.checkpoint();
    await store.close();
    const again = await openStore(false);
    assert.deepEqual(lostKeysOf(again), others);
    await again.close();
  });
});
