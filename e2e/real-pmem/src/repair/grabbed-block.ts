/**
 * Why repair() never punches: on XFS a neighbour that appends gets the block that a punch let go of, poison and all. A
 * device that can clear saves it; one that cannot takes the whole filesystem down. After a repair() that fails there,
 * the block is still its file's, and nobody else can get it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, statSync, writeSync } from 'node:fs';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { content, part } from './content.js';
import { abilities, context, scene, suite, test } from './dax-scene.js';

const bytes = content(page(16));
const first = { offset: 0, length: pageBytes };

/** Two files, the second in the blocks right after the first, and poison in its first block. */
async function neighbours(): Promise<{ length: number; offset: number }[]> {
  await scene.written('neighbour', bytes);
  await scene.written('victim', bytes);
  const [end] = await scene.physical('neighbour', { offset: page(15), length: pageBytes });
  const [start] = await scene.physical('victim', first);
  assert.equal(start?.offset, (end?.offset ?? 0) + pageBytes, 'the files do not adjoin');
  return scene.poison('victim', first);
}

const appended = content(pageBytes);

/** A page appended by a program that knows nothing of any of this: 0, or the errno. */
function append(name: string): number {
  const descriptor = openSync(scene.path(name), 'a');
  try {
    writeSync(descriptor, appended);
    fsyncSync(descriptor);
    return 0;
  } catch (cause) {
    return -((cause as NodeJS.ErrnoException).errno ?? 0);
  } finally {
    closeSync(descriptor);
  }
}

function punch(name: string): void {
  const done = spawnSync('xfs_io', ['-c', `fpunch 0 ${pageBytes}`, '-c', 'fsync', scene.path(name)], { encoding: 'utf8' });
  assert.equal(done.stderr, '');
}

function filesystemIsUp(): boolean {
  try {
    statSync(scene.path('neighbour'));
    return append('neighbour') === 0;
  } catch (cause) {
    assert.equal((cause as NodeJS.ErrnoException).code, 'EIO');
    return false;
  }
}

suite('a bad block and the writer next door', () => {
  if (context.filesystem === 'xfs') {
    test('punched, the block goes to the next writer', async () => {
      const poisoned = await neighbours();
      punch('victim');
      if (context.device === 'clearable') {
        assert.equal(append('neighbour'), 0);
        assert.deepEqual(await scene.listed('neighbour', poisoned), []);
        assert.ok(filesystemIsUp());
      } else {
        assert.equal(append('neighbour'), 5);
        assert.equal(filesystemIsUp(), false);
      }
    });
  }

  test('repaired, or not, the block stays where it is and the filesystem up', async () => {
    const poisoned = await neighbours();
    const file = await scene.file('victim');
    if (context.device === 'clearable' && abilities.repairInPlace) {
      await file.repair(first, { rebuild: (range) => part(bytes, range) });
      assert.deepEqual(await scene.listed('victim', poisoned), []);
    } else {
      await assert.rejects(file.repair(first, { rebuild: (range) => part(bytes, range) }), { code: 'ERR_PMEM_REPAIR_FAILED' });
      assert.deepEqual(await scene.listed('victim', poisoned), poisoned);
    }
    await file.close();
    for (let i = 0; i < 64; i++) assert.equal(append('neighbour'), 0);
    await scene.written('other', content(page(64)));
    const [block] = await scene.physical('victim', first);
    assert.equal(block?.offset, Math.floor((poisoned[0]?.offset ?? 0) / pageBytes) * pageBytes);
    assert.ok(filesystemIsUp());
  });
});
