// The ends of what there is: of a journal, of the address space, of a page's size, of what counts as an array.
import { existsSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runInNewContext } from 'node:vm';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { plantJournal } from '../actors/plant-losses.mjs';
import { run, tryRun } from '../places/command.mjs';
import { assert, makeFile, opener, PAGE, program } from './support.mjs';

const driver = nativeDriver();
const MIB = 2 ** 20;
/** A journal has at most 64 MiB: a header, a digest, and 32 bytes a loss. */
const LOSSES_MAX = Math.floor((64 * MIB - 96 - 32) / 32);
const STEP = 16;
const LOSS = 8;

/** Only whole huge pages can be mapped there: refused before anything is made. */
async function onHugetlbfs({ place }) {
  const folder = path.join((await place('tmpfs')).folder, 'huge');
  mkdirSync(folder);
  run('mount', '-t', 'hugetlbfs', 'none', folder);
  try {
    const [there, fresh] = [path.join(folder, 'there'), path.join(folder, 'fresh')];
    writeFileSync(there, '');
    truncateSync(there, 2 * MIB);
    const refusal = { code: 'ERR_PMEM_NOT_SUPPORTED', message: /hugetlbfs/ };
    await assert.rejects(PmemFile.open(there, { driver }), refusal);
    await assert.rejects(PmemFile.open(there, { driver, readOnly: true }), refusal);
    await assert.rejects(PmemFile.open(fresh, { driver, create: true, size: PAGE }), refusal);
    assert.equal(existsSync(fresh), false, 'nothing was made');
    assert.equal(statSync(there).size, 2 * MIB);
  } finally {
    tryRun('umount', '-l', folder);
  }
}

/** As many losses as a journal can name: it opens, and a store that would split one is refused and harms nothing. */
async function largestJournal({ place }) {
  const file = path.join((await place('tmpfs')).folder, 'file');
  writeFileSync(file, Buffer.alloc(LOSSES_MAX * STEP, 1));
  await plantJournal(file, LOSSES_MAX, (i) => ({ offset: i * STEP, length: LOSS }));
  const journal = statSync(`${file}.repair`);
  assert.ok(journal.size > 64 * MIB - 64, 'as large as it may be');
  let opened = await PmemFile.open(file, { driver });
  const read = (offset, length) => {
    const bytes = new Uint8Array(length);
    opened.read(bytes, offset);
    return [...bytes];
  };
  assert.deepEqual(read(LOSS, STEP - LOSS), [1, 1, 1, 1, 1, 1, 1, 1]);
  opened.write(Uint8Array.of(7), 3);
  assert.throws(() => opened.persist(3, 1), { code: 'ERR_PMEM_JOURNAL', message: /64 MiB/ });
  assert.deepEqual(read(3, 1), [7], 'what was stored is there');
  assert.equal(statSync(`${file}.repair`).ino, journal.ino, 'the journal was not replaced');
  // The rest of that loss: then there is one record less, not one more.
  opened.write(new Uint8Array(LOSS).fill(7), 0);
  opened.persist(0, LOSS);
  await opened.close();
  opened = await PmemFile.open(file, { driver });
  assert.deepEqual(read(0, LOSS), [7, 7, 7, 7, 7, 7, 7, 7]);
  assert.throws(() => read((LOSSES_MAX - 1) * STEP, 1), { code: 'ERR_PMEM_LOST' });
  await opened.close();
}

/** Arrays of another realm hold bytes like any other; what is no array of bytes is named. */
async function foreignArrays({ place }) {
  const opened = await PmemFile.open(await makeFile(await place('tmpfs'), 'file'), { driver });
  const foreign = (code) => runInNewContext(code);
  opened.write(foreign('new Uint8Array(16).fill(7)'), PAGE);
  opened.persist(PAGE, 16);
  const target = foreign('new Uint8Array(16)');
  opened.read(target, PAGE);
  assert.deepEqual([...target], Array(16).fill(7));
  opened.writeAndPersist(foreign('new Uint8Array(4).fill(8)'), PAGE);
  const repaired = await opened.repair(foreign(`({ offset: ${PAGE}, length: 16 })`), {
    rebuild: ({ length }) => foreign(`new Uint8Array(${length})`),
  });
  assert.deepEqual(
    repaired.units.map(({ outcome }) => outcome),
    ['healthy'],
  );
  await opened.repair(foreign(`[{ offset: 0, length: 1 }, { offset: ${PAGE}, length: 1 }]`));
  for (const wrong of ['new DataView(new ArrayBuffer(8))', 'new Uint16Array(8)', '[1, 2, 3]', 'new Float64Array(2)'])
    assert.throws(() => opened.write(foreign(wrong), PAGE), { name: 'TypeError' });
  opened.read(target, PAGE);
  assert.deepEqual([...target], [8, 8, 8, 8, ...Array(12).fill(7)]);
  await opened.close();
}

/** The event loop has its turns, the abort is heard at the next one, and nothing was changed. */
async function abortedRepair({ place }) {
  const file = await makeFile(await place('tmpfs'), 'file', { pages: 16_384 });
  const opened = await PmemFile.open(file, { driver });
  const whole = { offset: 0, length: opened.size };
  const events = [];
  const stop = new AbortController();
  const repairing = opened.repair(whole, {
    fill: 0,
    signal: stop.signal,
    onProgress: ({ doneBytes, totalBytes }) => {
      assert.ok(doneBytes < totalBytes, 'the abort comes before the end');
      events.push('progress');
      // Not from within the repair: an abort needs a turn of the event loop.
      if (events.length === 1)
        setImmediate(() => {
          events.push('abort');
          stop.abort(new Error('stopped'));
        });
    },
  });
  await assert.rejects(repairing, { message: 'stopped' });
  assert.deepEqual(events.slice(0, 2), ['progress', 'abort'], 'the loop got its turn at once');
  assert.ok(events.length <= 3, `it was heard after ${events.length - 2} more batches`);
  const again = await opened.repair(whole, { fill: 0 });
  assert.deepEqual([again.units.length, again.units[0].outcome], [1, 'healthy']);
  await opened.close();
}

/** There is no room in the address space for a longer mapping: the file keeps its size, and goes on. */
async function resizeWithoutRoom({ place, startActor }) {
  for (const kind of ['tmpfs', 'ext4', 'xfs']) {
    const file = await makeFile(await place(kind), 'file');
    const actor = await opener(startActor, `in ${kind}`, file);
    await actor.ask('limitMemory', 256 * MIB);
    const { error } = await actor.call('resize', 2 ** 36);
    assert.ok(['ERR_PMEM_IO', 'ERR_PMEM_NO_SPACE'].includes(error?.code), `${kind}: ${error?.code} ${error?.message}`);
    assert.match(error.message, /ENOMEM|memory/i);
    assert.equal(statSync(file).size, 16 * PAGE, kind);
    assert.equal(await actor.ask('read', 15 * PAGE, PAGE), 1);
    await actor.ask('write', 0, PAGE, 2);
    await actor.ask('persist', 0, PAGE);
    await actor.ask('resize', 20 * PAGE);
    assert.equal(statSync(file).size, 20 * PAGE, kind);
    await actor.kill();
  }
}

export const limitCases = [
  { name: 'harm: a file on hugetlbfs', run: onHugetlbfs },
  { name: 'harm: a journal of the largest size', run: largestJournal },
  { name: 'harm: arrays of another realm', run: foreignArrays },
  { name: 'harm: an abort of a long repair', run: abortedRepair },
  { name: 'harm: a resize for whose mapping there is no room', run: resizeWithoutRoom },
  { name: 'harm: views of 4 GiB, a byte less, and a byte more', run: program('view-of-4-gib.mjs', 'alive') },
  {
    name: 'harm: SIGBUS listeners and every way to load',
    run: program('listener-and-loads.mjs', 'read readUInt32LE withView view told, and alive'),
  },
];
