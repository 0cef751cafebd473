// Journals and temporary files that others have made, and forged journals.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { run } from '../places/command.mjs';
import { STRANGER } from '../stranger.mjs';
import { assert, assertCode, makeFile, opener, page, PAGE, readAnew } from './support.mjs';

/** The name that a journal is written under first can be guessed. */
async function plantedTemporary({ place, startActor }) {
  for (const kind of ['ext4', 'xfs', 'tmpfs']) {
    const there = await place(kind);
    const secret = path.join(there.folder, 'secret');
    writeFileSync(secret, 'of another program');
    const plant = {
      file: (name) => writeFileSync(name, 'notes'),
      link: (name) => symlinkSync(secret, name),
      dangling: (name) => symlinkSync(path.join(there.folder, 'nowhere'), name),
      folder: (name) => mkdirSync(name),
    };
    const actor = startActor(`in ${kind}`);
    for (const [what, make] of Object.entries(plant)) {
      const file = await makeFile(there, what, { lost: [2, 4] });
      const planted = path.join(there.folder, `.repair-${statSync(file).ino.toString(16)}.tmp`);
      make(planted);
      lchownSync(planted, STRANGER, STRANGER);
      const before = lstatSync(planted);
      await actor.ask('open', file);
      await actor.ask('write', 2 * PAGE, PAGE, 5);
      await actor.ask('persist', 2 * PAGE, PAGE);
      await actor.ask('close');
      assert.equal(await readAnew(startActor, file, page(2)), 5, what);
      assert.equal(await readAnew(startActor, file, page(4)), 'ERR_PMEM_LOST', what);
      const after = lstatSync(planted);
      assert.deepEqual([after.ino, after.uid, after.mode], [before.ino, before.uid, before.mode], what);
      if (what === 'file') assert.equal(readFileSync(planted, 'utf8'), 'notes');
      if (what === 'link') assert.equal(readlinkSync(planted), secret);
    }
    assert.equal(readFileSync(secret, 'utf8'), 'of another program');
  }
}

/** In a user namespace that maps root alone the owner of the file looks like the user who planted the journal. */
async function plantedInNamespace({ place }) {
  const there = await place('ext4');
  const OWNER = 3000;
  const [victim, other] = [await makeFile(there, 'victim'), await makeFile(there, 'other', { lost: [2] })];
  const journal = readFileSync(`${other}.repair`);
  // Of the victim's inode, with an intent.
  journal.writeBigUInt64LE(statSync(victim, { bigint: true }).ino, 16);
  journal.writeBigInt64LE(statSync(victim, { bigint: true }).birthtimeNs, 24);
  const planted = withRecords(journal, [fill(3, 7), lost(5 * PAGE)]);
  const open = path.join(import.meta.dirname, 'programs', 'open-and-read.mjs');
  const inNamespace = (file) => run('unshare', '-U', '-r', process.execPath, open, file, '3', '5').trim();
  for (const user of [STRANGER, 65534]) {
    writeFileSync(`${victim}.repair`, planted);
    chownSync(victim, OWNER, OWNER);
    chmodSync(victim, 0o666);
    chownSync(`${victim}.repair`, user, user);
    assert.equal(inNamespace(victim), 'ERR_PMEM_JOURNAL', `planted by ${user}`);
    assert.ok(readFileSync(victim).every((byte) => byte === 1), `planted by ${user}: written to the file`);
    assert.deepEqual(readFileSync(`${victim}.repair`), planted);
  }
  // Root's own is believed there.
  chownSync(`${victim}.repair`, 0, 0);
  assert.equal(inNamespace(victim), '7 ERR_PMEM_LOST');
}

/** A file takes the name of the journal while that is written; also on a server without RENAME_NOREPLACE and links. */
async function nameTakenMeanwhile({ place, startActor }) {
  const [EPERM, EINVAL] = [1, 22];
  for (const refused of [{}, { rename: EINVAL, link: EPERM }]) {
    const fuse = await place('fuse');
    const file = await makeFile(fuse, 'car');
    await fuse.makeBad(file, 5);
    const actor = await opener(startActor, 'actor', file);
    assertCode(await actor.call('read', 5 * PAGE, 8), 'ERR_PMEM_MEDIA');
    const fsync = await fuse.hold('fsync');
    for (const [request, errno] of Object.entries(refused)) await fuse.command('fail', request, errno, 1);
    const repair = actor.call('repair', page(5), 9);
    await Promise.race([fsync.arrived, repair]);
    // On the server's own disk: the server itself is held.
    writeFileSync(path.join(fuse.below, 'car.repair'), 'how to repair the car');
    await fuse.command('release');
    await repair;
    assert.equal(readFileSync(`${file}.repair`, 'utf8'), 'how to repair the car');
    await fuse.command('calm');
    await actor.ask('repair', page(5), 9);
    await actor.ask('close');
    assert.equal(await readAnew(startActor, file, page(5)), 9);
    assert.equal(readFileSync(`${file}.repair`, 'utf8'), 'how to repair the car');
    await actor.kill();
  }
}

const HEADER = 96;
const RECORD = 32;
const [INTENT, LOST, UNIFORM] = [1, 2, 3];

/** The journal with other records, `[kind, detail, offset, length, size of the file]` each, and a digest that holds. */
function withRecords(journal, records) {
  const bytes = Buffer.alloc(HEADER + RECORD * records.length + 32);
  journal.copy(bytes, 0, 0, HEADER);
  bytes.writeUInt32LE(records.length, 12);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 32);
  for (const [i, [kind, detail, offset, length, size = 0]] of records.entries()) {
    const at = HEADER + RECORD * i;
    bytes.writeUInt32LE(kind, at);
    bytes.writeUInt32LE(detail, at + 4);
    for (const [j, number] of [offset, length, size].entries())
      bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(number)), at + 8 + 8 * j);
  }
  return signed(bytes);
}

function signed(bytes) {
  const end = bytes.length - 32;
  createHash('sha256').update(bytes.subarray(0, end)).digest().copy(bytes, end);
  return bytes;
}

const SIZE = 16 * PAGE;
const fill = (number, byte) => [UNIFORM, byte, number * PAGE, PAGE, SIZE];
const lost = (offset, length = PAGE) => [LOST, 0, offset, length];
const changed = (journal, change) => {
  const bytes = Buffer.from(journal);
  change(bytes);
  return signed(bytes);
};
const RECORDS = {
  'two intents for one page': [fill(3, 7), fill(3, 8)],
  'one intent twice': [fill(3, 7), fill(3, 7)],
  'one loss twice': [lost(2 * PAGE), lost(2 * PAGE)],
  'losses that overlap': [lost(2 * PAGE, 2 * PAGE), lost(3 * PAGE, 2 * PAGE)],
  'an intent within a page': [[UNIFORM, 7, 100, PAGE, SIZE]],
  'an intent of many pages': [[UNIFORM, 7, 0, 8 * PAGE, SIZE]],
  'an intent of no bytes': [[UNIFORM, 7, PAGE, 0, SIZE]],
  'an intent past every file': [[UNIFORM, 7, 2n ** 62n, PAGE, SIZE]],
  'an intent whose end overflows': [[UNIFORM, 7, 2n ** 64n - 4096n, PAGE, SIZE]],
  'a loss whose end overflows': [lost(PAGE, 2n ** 64n - 1n)],
  'a content that is not there': [[INTENT, PAGE, 3 * PAGE, PAGE, SIZE]],
  'a content of 4 GiB': [[INTENT, 2 ** 32 - 1, 3 * PAGE, PAGE, SIZE]],
  'a kind that does not exist': [[9, 0, 3 * PAGE, PAGE, SIZE]],
};
const FIELDS = {
  'more records than it holds': (bytes) => bytes.writeUInt32LE(2 ** 32 - 1, 12),
  'fewer records than it holds': (bytes) => bytes.writeUInt32LE(0, 12),
  'a length of 4 EiB': (bytes) => bytes.writeBigUInt64LE(2n ** 62n, 32),
  'a length of nothing': (bytes) => bytes.writeBigUInt64LE(0n, 32),
  'a version of another time': (bytes) => bytes.writeUInt32LE(77, 8),
};

/** None is believed, though root owns it: nothing of the file changes, nor the journal; `discard` opens. */
async function forgedJournals({ place, startActor, random }) {
  const there = await place(random.pick(['ext4', 'xfs', 'btrfs', 'tmpfs']));
  const file = await makeFile(there, 'file', { lost: [2] });
  const [content, journal] = [readFileSync(file), readFileSync(`${file}.repair`)];
  const forged = new Map();
  for (const [name, records] of Object.entries(RECORDS)) forged.set(name, withRecords(journal, records));
  for (const [name, change] of Object.entries(FIELDS)) forged.set(name, changed(journal, change));
  forged.set('half of it', journal.subarray(0, journal.length / 2));
  forged.set('more behind its end', Buffer.concat([journal, Buffer.alloc(100)]));
  const spoilt = Buffer.from(journal);
  spoilt[random.below(spoilt.length - 8) + 8] ^= 1 << random.below(8);
  forged.set('one bit of it is another', spoilt);
  const actor = startActor('actor');
  for (const [name, bytes] of forged) {
    writeFileSync(`${file}.repair`, bytes);
    for (const options of [{}, { readOnly: true }, { journal: 'adopt' }]) {
      const { error } = await actor.call('open', file, options);
      assert.equal(error?.code, 'ERR_PMEM_JOURNAL', `${name}, ${JSON.stringify(options)}`);
    }
    assert.deepEqual(readFileSync(`${file}.repair`), bytes, name);
    assert.deepEqual(readFileSync(file), content, name);
  }
  // As long as a disk, and of no bytes.
  writeFileSync(`${file}.repair`, journal);
  truncateSync(`${file}.repair`, 2 ** 40);
  assertCode(await actor.call('open', file), 'ERR_PMEM_JOURNAL');
  assert.equal(statSync(`${file}.repair`).size, 2 ** 40);
  writeFileSync(`${file}.repair`, journal);
  assert.equal(await readAnew(startActor, file, page(2)), 'ERR_PMEM_LOST', 'the right one is believed');
  writeFileSync(`${file}.repair`, forged.get('two intents for one page'));
  assert.equal(await readAnew(startActor, file, page(3), { journal: 'discard' }), 1);
  assert.deepEqual(readFileSync(file), content);
}

export const plantedCases = [
  { name: 'harm: temporary files that another user has planted', run: plantedTemporary },
  { name: 'harm: a journal that is planted outside of a user namespace', run: plantedInNamespace },
  { name: 'harm: the name of a journal is taken meanwhile', run: nameTakenMeanwhile },
  { name: 'harm: forged journals', run: forgedJournals },
];
