// Who else is there: a reader's lock, a limit of files, a server that interrupts, a kernel that is older.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { lockAsReader } from '../stranger.mjs';
import {
  assert,
  assertCode,
  makeFile,
  opener,
  page,
  PAGE,
  persistBy,
  PERSISTS,
  program,
  readAnew,
  repairing,
} from './support.mjs';

/** A user who may only read the file locks every byte of it: nothing waits, and nothing fails. */
async function lockedByReader({ place, startActor }) {
  for (const kind of ['ext4', 'xfs', 'tmpfs', 'fuse']) {
    const there = await place(kind);
    const file = await makeFile(there, 'file', { lost: [2, 4, 6] });
    // Before others open it: a writer that has the file open holds a lock of its own, which a reader's excludes.
    const reader = await lockAsReader(file);
    assert.ok(reader !== undefined);
    const actor = await opener(startActor, `in ${kind}`, file);
    await actor.ask('repair', page(2), 9);
    await actor.ask('write', 4 * PAGE, PAGE, 5);
    await actor.ask('persist', 4 * PAGE, PAGE);
    await actor.ask('resize', 20 * PAGE);
    // Two repairs still exclude each other.
    const other = await opener(startActor, 'other', file);
    const { end } = await repairing(actor, page(6));
    assertCode(await other.call('repair', page(6), 9), 'ERR_PMEM_LOCKED');
    await actor.ask('supply', 7);
    assert.equal((await end).error, undefined);
    await other.ask('close');
    await actor.ask('close');
    assert.equal(await readAnew(startActor, file, page(4)), 5, 'opened under the lock');
    await reader.release();
    assert.equal(await readAnew(startActor, file, page(2)), 9);
    assert.equal(await readAnew(startActor, file, page(6)), 7);
    await actor.kill();
    await other.kill();
  }
}

/** The process may have no more files: what cannot be recorded is not done, and nothing is forgotten. */
async function noMoreFiles({ place, startActor }) {
  const file = await makeFile(await place('ext4'), 'file', { lost: [2, 4] });
  const journal = readFileSync(`${file}.repair`);
  const actor = await opener(startActor, 'actor', file);
  await actor.ask('limitFiles');
  assertCode(await actor.call('repair', page(2), 9), 'ERR_PMEM_TOO_MANY_FILES');
  await actor.ask('write', 4 * PAGE, PAGE, 5);
  assertCode(await actor.call('persist', 4 * PAGE, PAGE), 'ERR_PMEM_TOO_MANY_FILES');
  assert.equal(await actor.ask('read', 4 * PAGE, PAGE), 5);
  for (const options of [{}, { journal: 'discard' }, { readOnly: true }])
    assertCode(await actor.call('open', file, options, 'again'), 'ERR_PMEM_TOO_MANY_FILES');
  assertCode(await actor.call('open', `${file}-new`, { create: true, size: PAGE }, 'new'), 'ERR_PMEM_TOO_MANY_FILES');
  assert.equal(await actor.ask('read', 0, 2 * PAGE), 1);
  assert.deepEqual(readFileSync(`${file}.repair`), journal);
  await actor.kill();
  for (const lost of [2, 4]) assert.equal(await readAnew(startActor, file, page(lost)), 'ERR_PMEM_LOST');
  // One file more each time, up to as many as it takes: whatever cannot be read is not discarded.
  for (let more = 0; ; more++) {
    const discarding = startActor(`with ${more} files`);
    await discarding.ask('limitFiles', more);
    const { error } = await discarding.call('open', file, { journal: 'discard' });
    if (error === undefined) {
      assert.ok(more > 1, 'the limit was none');
      assert.equal(existsSync(`${file}.repair`), false, `with ${more} files it was forgotten and not read`);
      break;
    }
    assert.equal(error.code, 'ERR_PMEM_TOO_MANY_FILES', `with ${more} files: ${error.message}`);
    assert.deepEqual(readFileSync(`${file}.repair`), journal, `with ${more} files`);
    assert.equal(await readAnew(startActor, file, page(4)), 'ERR_PMEM_LOST', `with ${more} files`);
    await discarding.kill();
  }
}

/** The system has no more files: a server in user space that says so. */
async function systemWithoutFiles({ place, startActor }) {
  const ENFILE = 23;
  const fuse = await place('fuse');
  const file = await makeFile(fuse, 'file', { lost: [2] });
  const actor = await opener(startActor, 'actor', file);
  await fuse.command('fail', 'create', ENFILE, 1000);
  const refused = await actor.call('repair', page(2), 9);
  assertCode(refused, 'ERR_PMEM_REPAIR_FAILED');
  assert.equal(refused.error.errno, 'ERR_PMEM_TOO_MANY_FILES', 'its cause');
  assertCode(await actor.call('open', `${file}-new`, { create: true, size: PAGE }, 'new'), 'ERR_PMEM_TOO_MANY_FILES');
  await fuse.command('fail', 'open', ENFILE, 1000);
  for (const options of [{}, { journal: 'discard' }])
    assertCode(await actor.call('open', file, options, 'again'), 'ERR_PMEM_TOO_MANY_FILES');
  await fuse.command('calm');
  assertCode(await actor.call('read', 2 * PAGE, 8), 'ERR_PMEM_LOST');
  await actor.ask('repair', page(2), 9);
  await actor.ask('close');
  assert.equal(await readAnew(startActor, file, page(2)), 9);
}

/** A server answers EINTR to the write of one page: every persist says so, and none asks again by itself. */
async function interruptedFlush({ place, startActor }) {
  const EINTR = 4;
  for (const way of PERSISTS) {
    const fuse = await place('fuse');
    const file = await makeFile(fuse, 'file');
    const actor = await opener(startActor, way, file);
    await actor.ask('write', 3 * PAGE, PAGE, 7);
    await fuse.command('fail', 'write', EINTR, 1);
    const told = await persistBy(actor, way, page(3), 7);
    assertCode(told, 'ERR_PMEM_IO');
    assert.equal(told.error.errno, 'EINTR', way);
    assert.ok((await actor.call('persist')).error !== undefined, `${way}: nothing says that the page is durable`);
    await actor.ask('write', 0, 16 * PAGE, 8);
    await actor.ask('persist');
    await actor.ask('close');
    assert.equal(await readAnew(startActor, file, page(3)), 8, way);
  }
}

/** A device that cannot clear, and a kernel (as the driver has it) that could only move the file off the page. */
async function onlyRelocation({ place, startActor }) {
  const fuse = await place('fuse');
  const file = await makeFile(fuse, 'file');
  await fuse.makeBad(file, 5);
  await fuse.command('unclearable');
  const actor = await opener(startActor, 'actor', file, { pretend: { dax: true, kernelRelease: '5.10.0' } });
  assertCode(await actor.call('read', 5 * PAGE, 8), 'ERR_PMEM_MEDIA');
  const refused = await actor.call('repair', page(5), 9);
  assertCode(refused, 'ERR_PMEM_REPAIR_FAILED');
  assert.match(refused.error.message, /allowRelocation: true/);
  assert.equal(statSync(file).size, 16 * PAGE);
  assert.equal(await actor.ask('read', 0, 5 * PAGE), 1);
}

export const neighbourCases = [
  { name: "harm: another user's lock for reading", run: lockedByReader },
  { name: 'harm: no more files, for this process', run: noMoreFiles },
  { name: 'harm: no more files, for the system', run: systemWithoutFiles },
  { name: 'harm: a flush that is interrupted', run: interruptedFlush },
  { name: 'harm: a repair that could only move the file', run: onlyRelocation },
  { name: 'harm: options that a prototype has', run: program('own-options.mjs', 'own options only, each read once') },
];
