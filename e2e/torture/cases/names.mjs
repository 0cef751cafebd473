// Names: long ones, journals of other people, renames, links and rotation.
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { assert, assertCode, makeFile, opener, page, PAGE, readAnew } from './support.mjs';

const LONG = [247, 248, 249, 250, 255];

async function longNames({ place, startActor }) {
  for (const kind of ['tmpfs', 'ext4']) {
    const { folder } = await place(kind);
    const actor = startActor('actor');
    for (const length of LONG) {
      const file = path.join(folder, 'n'.repeat(length));
      await actor.ask('open', file, { create: true, size: 4 * PAGE });
      await actor.ask('write', 0, 4 * PAGE, 1);
      await actor.ask('persist');
      if (kind === 'tmpfs') {
        await actor.ask('poison', PAGE, PAGE);
        assertCode(await actor.call('read', PAGE, 8), 'ERR_PMEM_MEDIA');
        await actor.ask('repair', page(1), 1);
        assert.equal(await actor.ask('read', 0, 4 * PAGE), 1);
      }
      await actor.ask('close');
      for (const options of [{}, { readOnly: true }, { journal: 'discard' }]) {
        await actor.ask('open', file, options);
        await actor.ask('close');
      }
    }
    const tooLong = path.join(folder, 'n'.repeat(256));
    assert.ok((await actor.call('open', tooLong, { create: true, size: PAGE })).error !== undefined);
  }
}

async function longNameWithLoss({ place, startActor }) {
  const fuse = await place('fuse');
  for (const length of LONG) {
    const file = await makeFile(fuse, 'n'.repeat(length));
    await fuse.makeBad(file, 3);
    const actor = await opener(startActor, 'actor', file);
    assertCode(await actor.call('read', 3 * PAGE, 8), 'ERR_PMEM_MEDIA');
    await actor.ask('repair', page(3));
    await actor.ask('close');
    assert.equal(await readAnew(startActor, file, page(3)), 'ERR_PMEM_LOST');
    assert.equal(await readAnew(startActor, file, page(4)), 1);
  }
}

async function foreignJournals({ place, startActor }) {
  const { folder } = await place('tmpfs');
  const actor = startActor('actor');
  const write = (name, text) => {
    writeFileSync(path.join(folder, name), text);
  };
  const still = (name, text) => {
    assert.equal(readFileSync(path.join(folder, name), 'utf8'), text, name);
  };
  write('car.repair', 'how to repair the car');
  await actor.ask('open', path.join(folder, 'car'), { create: true, size: PAGE });
  await actor.ask('close');
  still('car.repair', 'how to repair the car');
  for (const options of [{}, { journal: 'discard' }]) {
    await actor.call('open', path.join(folder, 'car'), options);
    await actor.call('close');
    still('car.repair', 'how to repair the car');
  }
  const file = await makeFile({ folder }, 'd');
  write('d.repair', 'a manual');
  write('d.repair.tmp', 'notes');
  await actor.ask('open', file);
  await actor.ask('poison', 0, PAGE);
  assertCode(await actor.call('read', 0, 1), 'ERR_PMEM_MEDIA');
  await actor.call('repair', page(0));
  await actor.ask('close');
  still('d.repair', 'a manual');
  still('d.repair.tmp', 'notes');
}

async function danglingLink({ place, startActor }) {
  const { folder } = await place('ext4');
  mkdirSync(path.join(folder, 'v2'));
  const [link, target] = [path.join(folder, 'current'), path.join(folder, 'v2', 'app.db')];
  symlinkSync(target, link);
  const actor = startActor('actor');
  const { error } = await actor.call('open', link, { create: true, size: PAGE });
  if (error === undefined) assert.ok(existsSync(target), 'the target is made');
  else assert.equal(error.code, 'ERR_PMEM_NOT_FOUND', error.message);
  symlinkSync(path.join(folder, 'nowhere', 'app.db'), path.join(folder, 'broken'));
  assertCode(
    await actor.call('open', path.join(folder, 'broken'), { create: true, size: PAGE }),
    'ERR_PMEM_NOT_FOUND',
  );
}

/** What is lost stays lost under every name, and a new file of the old name has nothing to do with it. */
async function rotation({ place, startActor }) {
  const fuse = await place('fuse');
  const file = await makeFile(fuse, 'app.log', { pages: 8, byte: 5 });
  const rotated = `${file}.1`;
  const actor = await opener(startActor, 'writer', file);
  renameSync(file, rotated);
  await fuse.makeBad(rotated, 2);
  const successor = startActor('successor');
  await successor.ask('open', file, { create: true, size: 8 * PAGE });
  await successor.ask('write', 0, 8 * PAGE, 6);
  await successor.ask('persist');
  const other = await opener(startActor, 'other', rotated);
  assertCode(await actor.call('read', 2 * PAGE, 8), 'ERR_PMEM_MEDIA');
  await actor.ask('repair', page(2));
  assertCode(await actor.call('read', 2 * PAGE, 8), 'ERR_PMEM_LOST');
  await other.kill();
  await actor.ask('close');
  await successor.ask('close');
  assert.equal(await readAnew(startActor, rotated, page(2)), 'ERR_PMEM_LOST', 'never zeros');
  assert.equal(await readAnew(startActor, file, page(2)), 6, 'the new file works');
}

async function renamedAndLinked({ place, startActor }) {
  for (const kind of ['ext4', 'xfs', 'btrfs', 'tmpfs', 'fuse']) {
    const there = await place(kind);
    const file = await makeFile(there, 'data', { lost: [2] });
    linkSync(file, `${file}-link`);
    assert.equal(await readAnew(startActor, `${file}-link`, page(2)), 'ERR_PMEM_LOST', `${kind}, hard link`);
    renameSync(file, `${file}-new`);
    const reader = await readAnew(startActor, `${file}-new`, page(2));
    assert.equal(reader, 'ERR_PMEM_LOST', `${kind}, renamed`);
    assert.equal(await readAnew(startActor, `${file}-link`, page(3)), 1, kind);
    const maker = startActor('maker');
    await maker.ask('open', file, { create: true, size: PAGE });
    await maker.ask('close');
    assert.ok(readdirSync(there.folder).includes('data'));
  }
}

/** A file is moved with its journal, a copy of both is put where they were, and the moved journal is deleted. */
async function copyInItsPlace({ place, startActor }) {
  for (const kind of ['ext4', 'xfs', 'btrfs']) {
    const there = await place(kind);
    const file = await makeFile(there, 'file', { lost: [5] });
    const moved = path.join(there.folder, 'moved', 'file');
    mkdirSync(path.dirname(moved));
    for (const ending of ['', '.repair']) renameSync(file + ending, moved + ending);
    for (const ending of ['', '.repair']) writeFileSync(file + ending, readFileSync(moved + ending));
    unlinkSync(`${moved}.repair`);
    const journal = readFileSync(`${file}.repair`);
    const actor = await opener(startActor, kind, moved);
    assertCode(await actor.call('read', 5 * PAGE, PAGE), 'ERR_PMEM_LOST');
    assertCode(await actor.call('repair', page(5), 9), 'ERR_PMEM_JOURNAL');
    await actor.kill();
    const adopting = await opener(startActor, `${kind}, adopting`, moved, { journal: 'adopt' });
    await adopting.ask('repair', page(5), 9);
    await adopting.ask('close');
    await adopting.kill();
    assert.equal(await readAnew(startActor, moved, page(5)), 9);
    assert.deepEqual(readFileSync(`${file}.repair`), journal, 'the journal of the copy');
    assert.equal(await readAnew(startActor, file, page(5)), 'ERR_PMEM_LOST', 'the copy');
  }
}

export const nameCases = [
  { name: '01 names of up to 255 bytes', run: longNames },
  { name: '01 long names, and a loss', run: longNameWithLoss },
  { name: '05 log rotation by rename while the file is open, and then a loss', run: rotation },
  { name: '05 a file with a loss is renamed and linked', run: renamedAndLinked },
  { name: '05 a copy lies where a file with a loss was moved from', run: copyInItsPlace },
  { name: '11 files of others that are called like a journal', run: foreignJournals },
  { name: '11 creation through a link that dangles', run: danglingLink },
];
