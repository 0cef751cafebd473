// What else once destroyed data that was fine, or claimed what was not so: copies, owners, planted journals, full disks.
import { chmodSync, chownSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { scenarios } from '../../../packages/native/test/real-filesystems/scenarios.mjs';
import { run, tryRun } from '../places/command.mjs';
import { STRANGER } from '../stranger.mjs';
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
} from './support.mjs';

const driver = nativeDriver();

/** A filesystem of its own: full, over quota, with blocks that a snapshot shares. */
function scenario(name) {
  return async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'safe-pmem-torture-filesystem-'));
    try {
      await scenarios[name](folder);
    } finally {
      tryRun('umount', '-l', path.join(folder, 'mounted'));
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

async function copiedWithJournal({ place, startActor }) {
  const there = await place('ext4');
  const file = await makeFile(there, 'file', { lost: [2] });
  for (const how of [['-a'], []]) {
    const copy = path.join(there.folder, `copy${how.join('')}`);
    for (const ending of ['', '.repair']) run('cp', ...how, file + ending, copy + ending);
    const actor = await opener(startActor, 'actor', copy);
    assertCode(await actor.call('read', 2 * PAGE, 8), 'ERR_PMEM_LOST');
    assert.equal(await actor.ask('read', 0, PAGE), 1, 'what is not lost can be read');
    assertCode(await actor.call('repair', page(2), 9), 'ERR_PMEM_JOURNAL');
    await actor.kill();
    const adopting = await opener(startActor, 'adopting', copy, { journal: 'adopt' });
    await adopting.ask('repair', page(2), 9);
    await adopting.ask('close');
    await adopting.kill();
    assert.equal(await readAnew(startActor, copy, page(2)), 9);
    assert.equal(await readAnew(startActor, file, page(2)), 'ERR_PMEM_LOST', 'the original keeps its own');
  }
}

/** In a directory that everybody may write to, somebody puts a journal beside a file of another user. */
async function plantedJournal({ place, startActor }) {
  const there = await place('ext4');
  chmodSync(there.folder, 0o1777);
  const [victim, other] = [await makeFile(there, 'victim'), await makeFile(there, 'other', { lost: [2] })];
  copyFileSync(`${other}.repair`, `${victim}.repair`);
  chownSync(`${victim}.repair`, STRANGER, STRANGER);
  const planted = readFileSync(`${victim}.repair`);
  assert.equal(await readAnew(startActor, victim, page(2)), 'ERR_PMEM_JOURNAL');
  assert.ok(readFileSync(victim).every((byte) => byte === 1), 'not a byte of the file was written');
  assert.deepEqual(readFileSync(`${victim}.repair`), planted);
  assert.equal(await readAnew(startActor, victim, page(2), { journal: 'discard' }), 1);
}

/** Root repairs a user's file: the journal is the user's, as the file is. */
async function ownersJournal({ place, startActor }) {
  const own = await makeFile(await place('ext4'), 'own', { lost: [2, 3] });
  chownSync(own, 1000, 1001);
  chmodSync(own, 0o640);
  chownSync(`${own}.repair`, 1000, 1001);
  const actor = await opener(startActor, 'root', own);
  await actor.ask('write', 2 * PAGE, PAGE, 5);
  await actor.ask('persist', 2 * PAGE, PAGE);
  await actor.ask('close');
  const { uid, gid, mode } = statSync(`${own}.repair`);
  assert.deepEqual([uid, gid, mode & 0o777], [1000, 1001, 0o640]);
  assert.equal(await readAnew(startActor, own, page(3)), 'ERR_PMEM_LOST');
}

/** No persist claims what the file does not have any more, also inside its last page. */
async function persistAfterCut({ place, startActor }) {
  const actor = startActor('actor');
  for (const [kind, left] of [
    ['ext4', 3 * PAGE],
    ['xfs', 5 * PAGE + 100],
    ['btrfs', 5 * PAGE],
    ['tmpfs', 5 * PAGE + 100],
  ]) {
    for (const way of PERSISTS) {
      const file = await makeFile(await place(kind), 'file');
      await actor.ask('open', file);
      await actor.ask('write', 5 * PAGE + 200, 64, 5);
      truncateSync(file, left);
      const { error } = await persistBy(actor, way, { offset: 5 * PAGE + 200, length: 64 }, 5);
      assert.equal(error?.code, 'ERR_PMEM_TRUNCATED', `${kind}, ${way}: ${error?.message}`);
      await actor.ask('write', 0, PAGE, 6);
      assert.equal((await persistBy(actor, way, page(0), 6)).error, undefined);
      await actor.ask('close');
      assert.equal(await readAnew(startActor, file, page(0)), 6);
    }
  }
}

/** What rebuild does not know stays lost, and does not hinder what it knows. */
async function rebuildSome({ place }) {
  const file = await makeFile(await place('ext4'), 'file', { lost: [2, 4] });
  const opened = await PmemFile.open(file, { driver });
  const { units } = await opened.repair([page(2), page(4)], {
    rebuild: ({ offset, length }) => (offset === 2 * PAGE ? new Uint8Array(length).fill(6) : undefined),
  });
  assert.equal(units.length, 2);
  const bytes = new Uint8Array(PAGE);
  opened.read(bytes, 2 * PAGE);
  assert.ok(bytes.every((byte) => byte === 6));
  assert.throws(() => opened.read(bytes, 4 * PAGE), { code: 'ERR_PMEM_LOST' });
  await opened.close();
}

/** close() ends a scrub that was told to be slow. */
async function closedScrub({ place }) {
  const opened = await PmemFile.open(await makeFile(await place('tmpfs'), 'file', { pages: 4096 }), { driver });
  const scrubbing = opened.scrub({ bytesPerSecond: 1024 }).then(
    () => 'ended',
    ({ code }) => code,
  );
  await opened.close();
  assert.equal(await scrubbing, 'ERR_PMEM_CLOSED');
}

/** Names with control characters cannot write to a terminal through a message. */
async function controlCharacters({ place }) {
  const { folder } = await place('tmpfs');
  const missing = path.join(folder, 'a\x1b[2Jb\n');
  await assert.rejects(PmemFile.open(missing, { driver }), ({ code, message }) => {
    assert.equal(code, 'ERR_PMEM_NOT_FOUND');
    assert.ok(!message.includes('\x1b') && !message.includes('\n'), JSON.stringify(message));
    return true;
  });
}

export const harmCases = [
  ...[
    'XFS: a reflinked file on a full filesystem',
    'btrfs: a quota over a snapshotted file',
    'ext4: blocks reserved for root',
  ].map((name) => ({ name: `harm: ${name}`, run: scenario(name) })),
  { name: 'harm: a file is copied with its journal', run: copiedWithJournal },
  { name: 'harm: a journal that another user has planted', run: plantedJournal },
  { name: "harm: root's repair of a user's file", run: ownersJournal },
  { name: 'harm: a persist of what was cut off', run: persistAfterCut },
  { name: 'harm: a rebuild that knows some of what was lost', run: rebuildSome },
  { name: 'harm: a close during a slow scrub', run: closedScrub },
  { name: 'harm: a path with control characters', run: controlCharacters },
  { name: 'harm: a listener for SIGBUS that comes after open()', run: program('late-listener.mjs', 'told, and alive') },
  { name: 'harm: a view of more than 4 GiB', run: program('big-view.mjs', 'alive') },
  { name: 'harm: as many files open as there may be', run: program('too-many-files.mjs', 'ERR_PMEM_TOO_MANY_FILES') },
];
