/** What makes stores durable here: instructions of the CPU, and no system call. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { context, scene, suite, test } from './dax-scene.js';

const counter = path.resolve(import.meta.dirname, '../../../../packages/native/cost/system-calls.mjs');

suite(`persistence on ${context.filesystem}, ${context.device}`, () => {
  test('a file is mapped with MAP_SYNC, and 64 bytes are stored and made durable without a system call', async () => {
    const file = await scene.file('file', { create: true, size: 65_536, preallocate: true });
    assert.equal(file.info().persistMethod, 'cpu-flush');
    await file.close();
    const directory = scene.path('counted');
    mkdirSync(directory);
    const counted = spawnSync(process.execPath, [counter, directory, path.join('/tmp', 'safe-pmem-strace')], { encoding: 'utf8' });
    assert.equal(counted.status, 0, counted.stderr);
    const counts = JSON.parse(counted.stdout) as Record<string, number>;
    const operations = ['readShort', 'readLong', 'readNumber', 'writeShort', 'writeLong', 'persist', 'writeAndPersist', 'persistRanges'];
    assert.deepEqual(counts, Object.fromEntries(operations.map((operation) => [operation, 0])));
  });
});
