// Filesystems in user space that make up inode numbers at each mount: mergerfs as it comes, and without attributes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { run, tryRun } from '../places/command.mjs';
import { assert, assertCode, makeFile, opener, page, PAGE, readAnew } from './support.mjs';

/**
 * Calls `body` with the folder, with what mounts it again (which gives its files other numbers), and with what kills
 * the daemon.
 */
async function onMergerfs(place, options, body) {
  const there = await place('ext4');
  const [below, folder] = ['below', 'mounted'].map((name) => path.join(there.folder, name));
  for (const made of [below, folder]) mkdirSync(made);
  let daemon;
  const mount = async () => {
    const args = ['-f', '-o', `minfreespace=0,${options}`, below, folder];
    daemon = spawn('mergerfs', args, { stdio: 'inherit' });
    for (let waited = 0; statSync(folder).dev === statSync(below).dev; waited++) {
      assert.ok(waited < 500, 'mergerfs does not mount');
      await setTimeout(10);
    }
  };
  await mount();
  const remount = async () => {
    const gone = once(daemon, 'exit');
    run('umount', folder);
    await gone;
    await mount();
  };
  try {
    await body(folder, remount, () => daemon.kill('SIGKILL'));
  } finally {
    tryRun('umount', '-l', folder);
    daemon.kill('SIGKILL');
  }
}

/** `cp -a` copies the mark of a file with losses. After a mount the copy may have the number that the journal names. */
async function copyWithNumber({ place, startActor }) {
  await onMergerfs(place, 'xattr=passthrough', async (folder, remount) => {
    const file = await makeFile({ folder }, 'file', { lost: [2, 5] });
    const copy = path.join(folder, 'copy');
    const number = statSync(file).ino;
    run('cp', '-a', file, copy);
    await remount();
    assert.equal(statSync(copy).ino, number, 'the copy has the number of its original');
    assert.equal(await readAnew(startActor, copy, page(2)), 'ERR_PMEM_JOURNAL');
    assert.equal(await readAnew(startActor, file, page(2)), 'ERR_PMEM_JOURNAL', 'the original has another number');
    for (const lost of [2, 5]) {
      assert.equal(await readAnew(startActor, file, page(lost), { journal: 'adopt' }), 'ERR_PMEM_LOST');
      assert.equal(await readAnew(startActor, file, page(lost)), 'ERR_PMEM_LOST', 'adopted');
    }
    assert.equal(await readAnew(startActor, file, page(3)), 1);
    const actor = await opener(startActor, 'owner', file);
    for (const lost of [2, 5]) await actor.ask('repair', page(lost), 9);
    await actor.ask('close');
    await actor.kill();
    assert.deepEqual(readdirSync(folder).sort(), ['copy', 'file']);
    assert.equal(await readAnew(startActor, copy, page(2)), 'ERR_PMEM_JOURNAL', 'no zero of the copy is data');
  });
}

/** Neither a mark nor a number tells that a renamed file is the one that its journal names. */
async function renamedWithoutMark({ place, startActor }) {
  await onMergerfs(place, 'xattr=nosys', async (folder, remount) => {
    const file = await makeFile({ folder }, 'file', { lost: [2] });
    const [moved, whole] = [path.join(folder, 'moved'), await makeFile({ folder }, 'whole')];
    renameSync(file, moved);
    assert.equal(await readAnew(startActor, moved, page(2)), 'ERR_PMEM_JOURNAL');
    const actor = await opener(startActor, 'new', file, { create: true, size: 16 * PAGE });
    await actor.ask('close');
    await actor.kill();
    await remount();
    assert.equal(await readAnew(startActor, file, page(2)), 0, 'the new file has no losses');
    assert.equal(await readAnew(startActor, whole, page(2)), 1, 'nor has one beside it');
    assert.equal(await readAnew(startActor, moved, page(2)), 'ERR_PMEM_JOURNAL');
    const journals = readdirSync(folder).filter((name) => name.endsWith('.repair'));
    assert.equal(journals.length, 1, String(journals));
    renameSync(path.join(folder, journals[0]), `${moved}.repair`);
    assert.equal(await readAnew(startActor, moved, page(2)), 'ERR_PMEM_LOST');
    assert.equal(await readAnew(startActor, moved, page(3)), 1);
  });
}

/** Its daemon is killed: that is no media error, and nothing is changed by what is called then. */
async function daemonKilled({ place, startActor }) {
  await onMergerfs(place, 'xattr=passthrough', async (folder, _, kill) => {
    const file = await makeFile({ folder }, 'file', { lost: [2] });
    const actor = await opener(startActor, 'actor', file);
    kill();
    assertCode(await actor.call('repair', page(4), 9), 'ERR_PMEM_IO');
    assertCode(await actor.call('persist', 0, PAGE), 'ERR_PMEM_IO');
    await actor.kill();
    const below = path.join(path.dirname(folder), 'below', 'file');
    assert.equal(await readAnew(startActor, below, page(4)), 1);
    assert.equal(await readAnew(startActor, below, page(2), { journal: 'adopt' }), 'ERR_PMEM_LOST');
  });
}

export const userSpaceCases = [
  { name: 'outside: mergerfs, and a copy that has got the number of its original', run: copyWithNumber },
  { name: 'outside: mergerfs without attributes, and a file that is renamed', run: renamedWithoutMark },
  { name: 'outside: mergerfs, and its daemon is killed', run: daemonKilled },
];
