// Engines on files that somebody restored, opened twice, or lost with their device.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { PmemLevel } from '@safe-pmem/examples/level';
import { nativeDriver } from '@safe-pmem/native';
import { assert, program } from './support.mjs';

const NAMES = ['.pages', '.pages-mirror', '.log', '.log-mirror'];
const KEYS = 20;
const ROUNDS = 4;

const levelAt = (location, options = {}) =>
  new PmemLevel(location, { driver: nativeDriver(), logBytes: 256 * 1024, ...options });
const keyOf = (number) => `k${String(number).padStart(4, '0')}`;

/** One or two of four files are older: every key is current, or reported lost, or the open is refused. */
async function olderFiles({ place }) {
  const { folder } = await place('tmpfs');
  const base = path.join(folder, 'db');
  for (let round = 0; round < ROUNDS; round++) {
    const db = levelAt(base);
    for (let i = 0; i < KEYS; i++) await db.put(keyOf(i), `round ${round}`);
    await db.checkpoint();
    await db.close();
    for (const name of NAMES) copyFileSync(base + name, path.join(folder, `backup-${round}${name}`));
  }
  const sets = [
    ...NAMES.map((name) => [name]),
    ['.log', '.log-mirror'],
    ['.pages', '.pages-mirror'],
    ['.pages', '.log'],
  ];
  for (const older of sets) {
    for (let round = 0; round < ROUNDS - 1; round++) {
      for (const name of NAMES)
        copyFileSync(path.join(folder, `backup-${older.includes(name) ? round : ROUNDS - 1}${name}`), base + name);
      await readsCurrentOrLost(base, `${older.join(' and ')} from round ${round}`);
    }
  }
}

async function readsCurrentOrLost(base, what) {
  const db = levelAt(base);
  try {
    await db.open();
  } catch {
    await db.close().catch(() => undefined);
    return;
  }
  for (let i = 0; i < KEYS; i++) {
    // An error is a report; a wrong value is not.
    const value = await db.get(keyOf(i)).catch(() => 'lost');
    assert.ok(value === 'lost' || value === `round ${ROUNDS - 1}`, `${what}: ${keyOf(i)} is ${value}`);
  }
  await db.close();
}

async function secondWriter({ place }) {
  const { folder } = await place('tmpfs');
  const location = path.join(folder, 'db');
  const here = levelAt(location);
  await here.put('start', '1');
  const again = levelAt(location);
  await assert.rejects(again.open(), ({ cause }) => cause.code === 'LEVEL_LOCKED');
  const open = [path.join(import.meta.dirname, 'programs', 'open-level.mjs'), location];
  const refused = spawnSync(process.execPath, open, { encoding: 'utf8' });
  assert.equal(refused.stdout.trim(), 'LEVEL_LOCKED', refused.stderr);
  await here.put('more', '2');
  await here.close();
  const taken = spawnSync(process.execPath, open, { encoding: 'utf8' });
  assert.equal(taken.stdout.trim(), '2 keys', taken.stderr);
}

async function lostDevice({ place }) {
  const { folder } = await place('ext4');
  const [one, two] = ['one', 'two'].map((name) => path.join(folder, name));
  for (const lost of [one, two]) {
    for (const device of [one, two]) {
      rmSync(device, { recursive: true, force: true });
      mkdirSync(device);
    }
    const location = path.join(one, 'db');
    const options = { mirrorLocation: path.join(two, 'db') };
    const db = levelAt(location, options);
    for (let i = 0; i < 50; i++) await db.put(keyOf(i), 'value');
    await db.checkpoint();
    await db.put('last', 'value');
    await db.close();
    rmSync(lost, { recursive: true });
    mkdirSync(lost);
    const refused = levelAt(location, options);
    await assert.rejects(refused.open());
    await refused.close().catch(() => undefined);
    const restored = levelAt(location, { ...options, attachMirror: true });
    assert.equal((await restored.keys().all()).length, 51);
    await restored.put('after', 'value');
    await restored.close();
  }
}

/** A process that was killed while it made a database leaves files, of which the last may have 0 bytes. */
async function halfMade({ place }) {
  const { folder } = await place('ext4');
  for (const [count] of NAMES.entries()) {
    const location = path.join(folder, `half-made-${count}`);
    for (const name of NAMES.slice(0, count + 1)) writeFileSync(location + name, '');
    const db = levelAt(location);
    await db.put('key', 'value');
    await db.close();
  }
  // One of 0 bytes among files that hold data is a file that was lost: the others are kept.
  const location = path.join(folder, 'emptied');
  const db = levelAt(location);
  for (let i = 0; i < KEYS; i++) await db.put(keyOf(i), 'round 3');
  await db.close();
  for (const name of NAMES) copyFileSync(location + name, path.join(folder, `kept${name}`));
  for (const emptied of NAMES) {
    for (const name of NAMES) copyFileSync(path.join(folder, `kept${name}`), location + name);
    truncateSync(location + emptied, 0);
    await readsCurrentOrLost(location, `${emptied} has 0 bytes`);
  }
}

/** The filesystem is full, and so is the log: deletes still work, and make room for what is written next. */
async function deletesOnFull({ place }) {
  const there = await place('ext4');
  for (const way of ['del', 'clear']) {
    const location = path.join(there.folder, way);
    const db = levelAt(location, { logBytes: 64 * 1024 });
    await db.put('kept', 'value');
    there.fill();
    const keys = [];
    let refusal;
    while (refusal === undefined) {
      const key = keyOf(keys.length);
      await db.put(key, 'v'.repeat(3000)).then(
        () => keys.push(key),
        (error) => {
          refusal = error;
        },
      );
    }
    assert.equal(refusal.code, 'ERR_PMEM_NO_SPACE', refusal.message);
    if (way === 'clear') await db.clear({ lt: 'kept' });
    else for (const key of keys) await db.del(key);
    await db.checkpoint();
    await db.put('new', 'value');
    await db.close();
    there.unfill();
    const again = levelAt(location);
    assert.deepEqual(await again.keys().all(), ['kept', 'new'], way);
    await again.close();
  }
}

export const engineCases = [
  { name: '15 a store, one or two files of which are from an older moment', run: olderFiles },
  { name: '25 a second writer of a store, here and in another process', run: secondWriter },
  { name: '28 two copies of the library in one process', run: program('two-copies.cjs', 'known, one two three') },
  { name: '33 a device with half of a store is lost', run: lostDevice },
  { name: 'a database whose making was cut short, and files of 0 bytes', run: halfMade },
  { name: 'deletes on a full filesystem with a full log', run: deletesOnFull },
  { name: 'the signal names another mapping, of 4 KiB', run: program('other-mapping.mjs', 'right', '12') },
  { name: 'the signal names another mapping, of 2 MiB', run: program('other-mapping.mjs', 'right', '21') },
];
