// Healthy storage that answers oddly, and views of what is gone.
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { TRANSIENT_ERRNOS } from '../errnos.mjs';
import { assert, assertCode, makeFile, opener, page, PAGE, readAnew } from './support.mjs';

const MIB = 2 ** 20;
const REWRITE = `
  const { writeFileSync } = require('node:fs');
  const { workerData } = require('node:worker_threads');
  const bytes = Buffer.alloc(workerData.length, 2);
  for (;;) writeFileSync(workerData.file, bytes);`;

async function rewrittenFile({ place, startActor }) {
  for (const kind of ['tmpfs', 'ext4']) {
    const file = await makeFile(await place(kind), 'state');
    const reader = await opener(startActor, 'reader', file, { readOnly: true });
    const rewriter = new Worker(REWRITE, { eval: true, workerData: { file, length: 16 * PAGE } });
    const outcomes = await reader.ask('readFor', 1000);
    await rewriter.terminate();
    for (const code of Object.keys(outcomes))
      assert.ok(['ok', 'ERR_PMEM_TRUNCATED', 'ERR_PMEM_IO'].includes(code), `${kind}: ${JSON.stringify(outcomes)}`);
    writeFileSync(file, Buffer.alloc(16 * PAGE, 3));
    assert.equal(await reader.ask('read', 0, 16 * PAGE), 3, 'the file is whole again');
    assert.deepEqual(await reader.ask('scrub'), []);
    await reader.kill();
  }
}

async function viewOfRewrittenFile({ place, startActor }) {
  const file = await makeFile(await place('ext4'), 'state');
  const actor = await opener(startActor, 'actor', file);
  const { error } = await actor.call('viewTruncated', 16 * PAGE, 5 * PAGE, 0);
  assert.ok(['ERR_PMEM_TRUNCATED', 'ERR_PMEM_IO'].includes(error?.code), `${error?.code} ${error?.message}`);
  writeFileSync(file, Buffer.alloc(16 * PAGE, 2));
  assert.equal(await actor.ask('read', 5 * PAGE, 8), 2);
  assert.deepEqual((await actor.ask('repair', page(5), 77)).outcomes, ['healthy'], 'repair changes nothing');
  assert.equal(await readAnew(startActor, file, page(5)), 2);
}

/** More pages are met than a process may have mappings. */
async function stridedView({ place, startActor }) {
  for (const stride of [PAGE, 2 * PAGE]) {
    const file = await makeFile(await place('ext4'), 'big', { pages: 1 });
    truncateSync(file, 600 * MIB);
    const actor = await opener(startActor, 'actor', file, { readOnly: true });
    assertCode(await actor.call('viewTruncated', 600 * MIB, stride, 0), 'ERR_PMEM_TRUNCATED');
    assert.equal(actor.ended, undefined, 'the process lives');
    await actor.kill();
  }
}

/** Every errno of a network filesystem, once. */
async function transientErrnos({ place, startActor }) {
  for (const [name, errno] of Object.entries(TRANSIENT_ERRNOS)) {
    const fuse = await place('fuse');
    const file = await makeFile(fuse, 'file');
    const actor = await opener(startActor, 'actor', file);
    await fuse.command('fail', 'read', errno, 6);
    const { error } = await actor.call('read', 3 * PAGE, PAGE);
    // The kernel tells a faulting process of a signal, and of no errno; what it gave to pread(2) is in the error.
    assert.ok(error === undefined || error.code !== 'ERR_PMEM_MEDIA', `${name}: ${error?.code} ${error?.message}`);
    await fuse.command('calm');
    assert.equal(await actor.ask('read', 0, 16 * PAGE), 1, name);
    assert.deepEqual(await actor.ask('scrub'), [], name);
    assert.deepEqual((await actor.ask('repair', { offset: 0, length: 16 * PAGE }, 9)).outcomes, ['healthy'], name);
    await actor.ask('close');
    assert.equal(await readAnew(startActor, file, { offset: 0, length: 16 * PAGE }), 1, name);
  }
}

/** What never reached the medium is not durable, whatever errno says so, and whoever asks again. */
async function failedWriteBack({ place, startActor }) {
  for (const [name, errno] of Object.entries({ EINTR: 4, EIO: 5, EAGAIN: 11, ENOSPC: 28, ETIMEDOUT: 110 })) {
    const fuse = await place('fuse');
    const file = await makeFile(fuse, 'file');
    const actor = await opener(startActor, 'actor', file);
    await actor.ask('write', 3 * PAGE, PAGE, 7);
    await fuse.command('fail', 'write', errno, 1);
    for (const time of ['first', 'second']) {
      const { error } = await actor.call('persist', 3 * PAGE, PAGE);
      assert.ok(error !== undefined, `${name}: the ${time} persist says that the bytes are durable`);
    }
    await actor.ask('write', 3 * PAGE, PAGE, 8);
    await actor.ask('persist', 3 * PAGE, PAGE);
    await actor.ask('close');
    assert.equal(await readAnew(startActor, file, page(3)), 8, name);
  }
}

/** A failed flush has put page 3 in doubt. It is persisted, which takes long, and written again meanwhile. */
async function writtenAgainMeanwhile({ place, startActor }) {
  const EIO = 5;
  const fuse = await place('fuse');
  const file = await makeFile(fuse, 'file');
  const actor = await opener(startActor, 'actor', file);
  await actor.ask('write', 3 * PAGE, PAGE, 7);
  await fuse.command('fail', 'write', EIO, 1);
  assert.notEqual((await actor.call('persist', 3 * PAGE, PAGE)).error, undefined);
  await fuse.command('slow', 'fsync', 400, 1);
  const persisting = actor.call('persistAsync', 3 * PAGE, PAGE);
  await actor.ask('write', 3 * PAGE, PAGE, 8);
  const { error } = await persisting;
  const below = readFileSync(path.join(fuse.below, 'file'));
  assert.ok(error !== undefined || below[3 * PAGE] !== 1, 'bytes that were dropped are called durable');
  assert.equal(error?.code, 'ERR_PMEM_IO');
  await actor.ask('persistAsync', 3 * PAGE, PAGE);
  assert.equal(readFileSync(path.join(fuse.below, 'file'))[3 * PAGE], 8);
}

/** EIO of that very block is a media error for as long as it lasts. */
async function passingMediaError({ place, startActor }) {
  const fuse = await place('fuse');
  const file = await makeFile(fuse, 'file');
  await fuse.makeBad(file, 5);
  const actor = await opener(startActor, 'actor', file);
  const met = await actor.call('read', 0, 16 * PAGE);
  assertCode(met, 'ERR_PMEM_MEDIA');
  assert.deepEqual(met.error.ranges, [page(5)]);
  assert.deepEqual(await actor.ask('scrub'), [page(5)]);
  await fuse.command('heal');
  assert.deepEqual(await actor.ask('scrub'), []);
  assert.equal(await actor.ask('read', 0, 16 * PAGE), 1);
  assert.deepEqual((await actor.ask('repair', page(5), 9)).outcomes, ['healthy']);
}

/** A device that cannot clear: the repair says so, and everything else stays as it was. */
async function unclearable({ place, startActor }) {
  const fuse = await place('fuse');
  const file = await makeFile(fuse, 'file');
  await fuse.makeBad(file, 5);
  await fuse.command('unclearable');
  const actor = await opener(startActor, 'actor', file);
  assertCode(await actor.call('read', 5 * PAGE, 8), 'ERR_PMEM_MEDIA');
  assertCode(await actor.call('repair', page(5), 9), 'ERR_PMEM_REPAIR_FAILED');
  assert.equal(await actor.ask('read', 6 * PAGE, PAGE), 1);
  assertCode(await actor.call('read', 5 * PAGE, 8), 'ERR_PMEM_MEDIA');
  await actor.call('close');
}

/** A filesystem that gives no locks, as NFS without lockd. */
async function noLocks({ place, startActor }) {
  const fuse = await place('fuse-no-locks');
  const file = await makeFile(fuse, 'file');
  await fuse.makeBad(file, 5);
  const actor = await opener(startActor, 'actor', file);
  assertCode(await actor.call('read', 5 * PAGE, 8), 'ERR_PMEM_MEDIA');
  assertCode(await actor.call('repair', page(5), 9), 'ERR_PMEM_NOT_SUPPORTED');
  await actor.ask('write', 6 * PAGE, PAGE, 4);
  await actor.ask('persist', 6 * PAGE, PAGE);
  assert.equal(await readAnew(startActor, file, page(6)), 4);
}

function shutDown(kind) {
  return async ({ place, startActor }) => {
    const there = await place(kind);
    const file = await makeFile(there, 'file', { pages: 64 });
    const { run } = await import('../places/command.mjs');
    run('sync', file);
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    const actor = await opener(startActor, 'actor', file);
    await actor.ask('read', 0, 1);
    there.cutPower();
    for (const call of [
      ['read', 60 * PAGE, 8],
      ['view', 40 * PAGE, PAGE, [0]],
      ['scrub'],
      ['write', 30 * PAGE, 8, 1],
      ['persist'],
    ]) {
      const { error } = await actor.call(...call);
      assert.ok(error === undefined || error.code === 'ERR_PMEM_IO', `${call[0]}: ${error?.code} ${error?.message}`);
      if (call[0] === 'scrub') assert.equal(error?.code, 'ERR_PMEM_IO');
    }
    await actor.kill();
    there.restorePower();
    assert.equal(await readAnew(startActor, file, { offset: 0, length: 64 * PAGE }), 1);
  };
}

export const storageCases = [
  { name: '06 a view of a file that is cut off, read with a stride', run: stridedView },
  { name: '07 a file that its owner rewrites in place', run: rewrittenFile },
  { name: '07 a view of a file that is rewritten', run: viewOfRewrittenFile },
  { name: 'every errno of a network filesystem is no media error', run: transientErrnos },
  { name: 'a write back that fails is told, also the next time', run: failedWriteBack },
  { name: 'bytes in doubt are written again while they are persisted', run: writtenAgainMeanwhile },
  { name: 'a media error that passes', run: passingMediaError },
  { name: 'a device that cannot clear', run: unclearable },
  { name: 'a filesystem without locks', run: noLocks },
  { name: '27 XFS shuts down', run: shutDown('xfs') },
  { name: '27 ext4 shuts down', run: shutDown('ext4') },
];
