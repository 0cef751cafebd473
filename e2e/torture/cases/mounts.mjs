// What containers and mounts make of a file: layers, files that are mounted by themselves, servers without mappings.
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { plantLosses } from '../actors/plant-losses.mjs';
import { run, tryRun } from '../places/command.mjs';
import { assert, assertCode, makeFile, opener, page, PAGE, readAnew } from './support.mjs';

/** `docker -v /srv/app.db:/data/app.db`: what is written beside the file is seen in the container alone. */
async function mountedAlone({ place, startActor }) {
  const [host, container] = [await place('fuse'), await place('ext4')];
  const file = await makeFile(host, 'app.db');
  const mounted = await makeFile(container, 'app.db');
  run('mount', '--bind', file, mounted);
  try {
    await host.makeBad(file, 2);
    const actor = await opener(startActor, 'in the container', mounted);
    assertCode(await actor.call('read', 2 * PAGE, 8), 'ERR_PMEM_MEDIA');
    const refused = await actor.call('repair', page(2));
    assertCode(refused, 'ERR_PMEM_REPAIR_FAILED');
    assert.equal(refused.error.errno, 'ERR_PMEM_NOT_SUPPORTED', 'its cause');
    assert.deepEqual(
      readdirSync(container.folder).filter((name) => name.includes('repair')),
      [],
    );
    await actor.ask('write', 3 * PAGE, PAGE, 5);
    await actor.ask('persist', 3 * PAGE, PAGE);
    await actor.ask('close');
    await actor.kill();
  } finally {
    tryRun('umount', '-l', mounted);
  }
  assert.equal(await readAnew(startActor, file, page(3)), 5, 'the file opens where it belongs');
  const outside = await opener(startActor, 'outside', file);
  await outside.ask('repair', page(2), 9);
  await outside.ask('close');
  assert.equal(await readAnew(startActor, file, page(2)), 9);
}

/** A server that wants each read and write itself gives no mappings: no new file is left behind. */
async function withoutMappings({ place, startActor }) {
  const fuse = await place('fuse');
  const [there, empty] = [await makeFile(fuse, 'there'), path.join(fuse.folder, 'empty')];
  writeFileSync(empty, '');
  await fuse.command('direct');
  const actor = startActor('actor');
  for (const options of [{}, { readOnly: true }])
    assertCode(await actor.call('open', there, options), 'ERR_PMEM_NOT_SUPPORTED');
  for (const preallocate of [false, true]) {
    const options = { create: true, size: 16 * PAGE, preallocate };
    for (const name of ['new', 'empty'])
      assertCode(await actor.call('open', path.join(fuse.folder, name), options), 'ERR_PMEM_NOT_SUPPORTED');
  }
  assert.deepEqual(readdirSync(fuse.folder).sort(), ['empty', 'there']);
  assert.equal(statSync(empty).size, 0);
}

/** The first open for writing gives the file another inode: its journal is a copy in the layer above. */
async function layers({ place, startActor }) {
  const there = await place('ext4');
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => {
    const folder = path.join(there.folder, name);
    mkdirSync(folder);
    return folder;
  });
  const below = await makeFile({ folder: lower }, 'file', { lost: [2] });
  run('mount', '-t', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, 'overlay', merged);
  try {
    const file = path.join(merged, 'file');
    const reader = await opener(startActor, 'reader', file, { readOnly: true });
    assertCode(await reader.call('read', 2 * PAGE, 8), 'ERR_PMEM_LOST');
    const writer = await opener(startActor, 'writer', file);
    assertCode(await writer.call('read', 2 * PAGE, 8), 'ERR_PMEM_LOST');
    assert.equal(await writer.ask('read', 3 * PAGE, PAGE), 1);
    assertCode(await writer.call('repair', page(2), 9), 'ERR_PMEM_JOURNAL');
    await writer.ask('write', 2 * PAGE, PAGE, 5);
    for (const time of ['first', 'second'])
      assert.equal((await writer.call('persist')).error?.code, 'ERR_PMEM_JOURNAL', `the ${time} persist`);
    await writer.kill();
    await reader.kill();
    const adopting = await opener(startActor, 'adopting', file, { journal: 'adopt' });
    await adopting.ask('repair', page(2), 9);
    await adopting.ask('close');
    await adopting.kill();
    assert.equal(await readAnew(startActor, file, page(2)), 9);
  } finally {
    tryRun('umount', '-l', merged);
  }
  assert.equal(await readAnew(startActor, below, page(2)), 'ERR_PMEM_LOST', 'the layer below keeps its own');
}

/** A snapshot has the inode, its birth, its mark and its journal once more: each of the two keeps to its own. */
async function snapshots({ place, startActor }) {
  const { folder } = await place('btrfs');
  for (const left of ['with its journal', 'without it']) {
    const [volume, snapshot] = [path.join(folder, `volume ${left}`), path.join(folder, `snapshot ${left}`)];
    run('btrfs', 'subvolume', 'create', volume);
    const file = await makeFile({ folder: volume }, 'file', { lost: [2, 5] });
    run('sync', '-f', volume);
    run('btrfs', 'subvolume', 'snapshot', volume, snapshot);
    // Rotated in the snapshot: its journal is not beside the new name, and the mark has the path of the volume.
    const rotated = path.join(snapshot, 'file.1');
    renameSync(path.join(snapshot, 'file'), rotated);
    if (left === 'without it') unlinkSync(path.join(snapshot, 'file.repair'));
    const journal = readFileSync(`${file}.repair`);
    const actor = await opener(startActor, left, rotated);
    assertCode(await actor.call('read', 2 * PAGE, 8), 'ERR_PMEM_LOST');
    assert.equal(await actor.ask('read', 3 * PAGE, PAGE), 1);
    const stored = await actor.call('writeAndPersist', 2 * PAGE, PAGE, 7);
    assert.equal(stored.error?.code, left === 'without it' ? 'ERR_PMEM_JOURNAL' : undefined, stored.error?.message);
    await actor.call('repair', page(5), 8);
    await actor.kill();
    assert.deepEqual(readFileSync(`${file}.repair`), journal, `${left}: the journal of the volume was changed`);
    for (const lost of [2, 5]) assert.equal(await readAnew(startActor, file, page(lost)), 'ERR_PMEM_LOST', left);
    if (left === 'with its journal') {
      assert.equal(await readAnew(startActor, rotated, page(2)), 7);
      assert.equal(await readAnew(startActor, rotated, page(5)), 8);
    }
    for (const made of [snapshot, volume]) run('btrfs', 'subvolume', 'delete', made);
  }
}

/**
 * Another program takes a page out of the file, or puts one in: the bytes move and the losses do not. What lies now
 * where a loss was can be read, and no repair writes over it. (The zeros of the loss, in their new place, cannot be
 * told from data.)
 */
async function shifted({ place, startActor }) {
  for (const kind of ['ext4', 'xfs']) {
    for (const how of ['--insert-range', '--collapse-range']) {
      const file = path.join((await place(kind)).folder, 'file');
      const content = Buffer.concat(Array.from({ length: 16 }, (_, i) => Buffer.alloc(PAGE, i + 1)));
      await plantLosses(file, content, [4], true);
      const actor = await opener(startActor, kind, file);
      run('fallocate', how, '-o', String(2 * PAGE), '-l', String(PAGE), file);
      const there = how === '--insert-range' ? 4 : 6;
      for (const [number, byte] of [
        [1, 2],
        [4, there],
        [6, how === '--insert-range' ? 6 : 8],
      ])
        assert.equal(await actor.ask('read', number * PAGE, PAGE), byte, `${kind} ${how}, page ${number}`);
      await actor.call('repair', page(4), 99);
      assert.equal(await actor.ask('read', 4 * PAGE, PAGE), there, `${kind} ${how}: the repair wrote over it`);
      await actor.ask('write', 8 * PAGE, PAGE, 77);
      await actor.ask('persist', 8 * PAGE, PAGE);
      if (how === '--collapse-range') assertCode(await actor.call('read', 15 * PAGE, 8), 'ERR_PMEM_TRUNCATED');
      await actor.ask('close');
      assert.equal(await readAnew(startActor, file, page(4)), there);
      assert.equal(await readAnew(startActor, file, page(8)), 77);
      await actor.kill();
    }
  }
}

/** `chattr +a` on an open file: no part of it can be mapped once more, nor its mark removed. That is no media error. */
async function appendOnly({ place, startActor }) {
  const file = await makeFile(await place('tmpfs'), 'file', { lost: [9] });
  const actor = await opener(startActor, 'actor', file);
  await actor.ask('poison', 2 * PAGE, PAGE);
  assertCode(await actor.call('read', 2 * PAGE, 8), 'ERR_PMEM_MEDIA');
  run('chattr', '+a', file);
  try {
    assertCode(await actor.call('repair', page(2), 9), 'ERR_PMEM_ACCESS');
    await actor.ask('repair', page(9), 9);
    assert.equal(await actor.ask('read', 9 * PAGE, PAGE), 9);
    await actor.ask('writeAndPersist', 9 * PAGE, PAGE, 8);
  } finally {
    run('chattr', '-a', file);
  }
  assert.deepEqual((await actor.ask('repair', page(2), 9)).outcomes, ['healthy']);
  assert.equal(await actor.ask('read', 2 * PAGE, PAGE), 1, 'its bytes were there');
  await actor.ask('close');
  assert.equal(await readAnew(startActor, file, page(9)), 8);
}

const TAKE_TURNS = `
  const { linkSync, renameSync } = require('node:fs');
  const { name, names } = require('node:worker_threads').workerData;
  for (let i = 0; ; i++) {
    linkSync(names[i % names.length], name + '.next');
    renameSync(name + '.next', name);
  }`;

/** Two files take turns under one name while it is opened: each open is of one of them, with its own losses. */
async function takingTurns({ place, startActor, random }) {
  const there = await place(random.pick(['ext4', 'xfs', 'btrfs', 'tmpfs']));
  const name = path.join(there.folder, 'file');
  const lossy = path.join(there.folder, 'lossy');
  renameSync(await makeFile(there, 'file', { lost: [2] }), lossy);
  const whole = await makeFile(there, 'whole', { byte: 2 });
  linkSync(lossy, name);
  const turns = new Worker(TAKE_TURNS, { eval: true, workerData: { name, names: [whole, lossy] } });
  const seen = {};
  const actor = startActor('opener');
  try {
    for (let i = 0; i < 150 || Object.keys(seen).length < 2; i++) {
      await actor.ask('open', name);
      const first = await actor.ask('read', 0, PAGE);
      const third = await actor.call('read', 2 * PAGE, PAGE);
      const found = `${first} ${third.error?.code ?? third.value}`;
      seen[found] = (seen[found] ?? 0) + 1;
      await actor.ask('close');
    }
  } finally {
    await turns.terminate();
  }
  assert.deepEqual(Object.keys(seen).sort(), ['1 ERR_PMEM_LOST', '2 2'], JSON.stringify(seen));
  unlinkSync(name);
}

export const mountCases = [
  { name: 'outside: a file that is mounted by itself', run: mountedAlone },
  { name: 'outside: a server in user space that gives no mappings', run: withoutMappings },
  { name: 'outside: layers of a container, one with a loss', run: layers },
  { name: 'outside: a snapshot of a file with a loss', run: snapshots },
  { name: 'outside: pages are put into a file with a loss, and taken out', run: shifted },
  { name: 'outside: an open file is made append-only', run: appendOnly },
  { name: 'outside: two files take turns under one name', run: takingTurns },
];
