// One function a situation. Each gets an empty folder, and throws if anything is not as it has to be.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chownSync, copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { accessAs, MIB, mountNew, NOBODY, PAGE, run } from './mounted.mjs';

const PAGES = 64;
const SIZE = PAGES * PAGE;
const KNOWN_TO_NOBODY = ['unsupported', 'none'];

/** A file of ones that an ordinary user owns, on the medium. */
function makeFile(name, bytes = Buffer.alloc(SIZE, 1)) {
  writeFileSync(name, bytes);
  chownSync(name, NOBODY, NOBODY);
  run('sync', name);
  return name;
}

/** Writes as nobody until nothing more fits. */
function fill(name) {
  spawnSync('dd', ['if=/dev/zero', `of=${name}`, 'bs=64k', 'conv=fsync'], { uid: NOBODY, gid: NOBODY });
  spawnSync('dd', ['if=/dev/zero', `of=${name}-rest`, 'bs=4k', 'conv=fsync'], { uid: NOBODY, gid: NOBODY });
}

function assertCode(outcome, code, more = {}) {
  assert.equal(outcome?.code, code, JSON.stringify(outcome));
  for (const [key, value] of Object.entries(more)) assert.deepEqual(outcome[key], value, `${key} of ${JSON.stringify(outcome)}`);
}

/** A store found no space, and every byte can still be read; `after` is what the file holds then. */
function assertNoSpaceAndReadable([opened, stored, reread, scrubbed, salvaged, listed]) {
  assert.equal(opened, 'ok');
  assertCode(stored, 'ERR_PMEM_NO_SPACE');
  assert.equal(reread, 'ok');
  assert.deepEqual([scrubbed, salvaged], [[], []]);
  assert.ok(KNOWN_TO_NOBODY.includes(listed), listed);
}

const LOOK = [['scrub'], ['salvage'], ['badBlocks']];

function shutDown(kind, sizeBytes) {
  return (folder) => {
    const place = mountNew(folder, kind, sizeBytes);
    const file = makeFile(path.join(place, 'file'));
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    const outcomes = accessAs(0, file, [
      ['open', {}], ['number', 0],
      ['command', 'xfs_io', '-x', '-c', 'shutdown', place],
      ['read', 60 * PAGE, 10, 1], ['number', 50 * PAGE], ['view', 40 * PAGE, PAGE], ['write', 30 * PAGE, 10, 1],
      ['scrub'], ['persist'], ['salvage'], ['close'],
    ]);
    const accesses = outcomes.slice(3, 9);
    for (const outcome of accesses) {
      // Pages that the page cache holds are read and written as ever; everything else is the filesystem's EIO.
      if (outcome !== 'ok' && typeof outcome !== 'number') assertCode(outcome, 'ERR_PMEM_IO', { errno: 'EIO' });
    }
    assertCode(outcomes[7], 'ERR_PMEM_IO');
    assert.ok(outcomes[9].every(({ reason }) => reason === 'io'), JSON.stringify(outcomes[9]));
    run('umount', place);
    run('mount', '-o', 'loop', path.join(folder, 'image'), place);
    const again = accessAs(0, file, [['open', {}], ['read', 0, SIZE, 1], ...LOOK]);
    assert.deepEqual(again.slice(0, 4), ['ok', 'ok', [], []]);
  };
}

function remountedReadOnly(option, assertStore) {
  return (folder) => {
    const place = mountNew(folder, 'ext4', 64 * MIB, { options: `errors=remount-ro,${option}` });
    const file = makeFile(path.join(place, 'file'));
    truncateSync(file, 2 * SIZE);
    const device = path.basename(run('findmnt', '-n', '-o', 'SOURCE', place).trim());
    const outcomes = accessAs(0, file, [
      ['open', {}],
      ['command', 'sh', '-c', `echo test > /sys/fs/ext4/${device}/trigger_fs_error`],
      ['write', SIZE + 5 * PAGE, 10, 1],
      ['read', 0, SIZE, 1],
      ...LOOK.slice(0, 2),
      ['write', 0, 10, 1], ['persist'], ['persist'],
    ]);
    assertStore(outcomes[2]);
    assert.deepEqual(outcomes.slice(3, 6), ['ok', [], []]);
    for (const persist of outcomes.slice(7)) assertCode(persist, 'ERR_PMEM_ACCESS', { errno: 'EROFS' });
  };
}

/** Has a device drop stores to two pages of a file. `scenario` gives the steps that come after, and judges them. */
function droppedStores(scenario) {
  return (folder) => {
    const device = path.join(folder, 'device');
    mkdirSync(device);
    run('mount', '-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', device);
    try {
      const place = mountNew(device, 'ext4', 256 * MIB, { mkfs: ['-E', 'lazy_itable_init=0', '-O', '^has_journal'] });
      try {
        const file = makeFile(path.join(place, 'file'));
        const image = path.join(device, 'image');
        const [, first] = /^\s*0:\s+0\.\.\s*\d+:\s+(\d+)\.\./m.exec(run('filefrag', '-v', '-b4096', file));
        // The device has no room for these blocks any more; those of the filesystem itself keep theirs.
        run('fallocate', '-p', '-o', String(first * PAGE), '-l', String(SIZE), image);
        const filler = path.join(device, 'filler');
        const [a, b] = [[0, PAGE], [32 * PAGE, PAGE]];
        const { steps, judge } = scenario(a, b);
        const before = [
          ['open', {}],
          ['command', 'sh', '-c', `dd if=/dev/zero of=${filler} bs=64k 2>&1 || true`],
          ['write', ...a, 1], ['write', ...b, 1],
          ['command', 'sh', '-c', `sync -f ${place} || true`],
          ['command', 'rm', filler],
        ];
        const outcomes = accessAs(0, file, [...before, ...steps, ['close']]);
        judge(outcomes.slice(before.length, -1));
        assert.equal(outcomes.at(-1), 'ok');
        run('umount', place);
        run('mount', '-o', 'loop', image, place);
        assert.deepEqual(accessAs(0, file, [['open', {}], ['read', ...a, 3], ['read', ...b, 3]]), ['ok', 'ok', 'ok']);
      } finally {
        spawnSync('umount', ['-l', place]);
      }
    } finally {
      spawnSync('umount', ['-l', device]);
    }
  };
}

/** Blocks of a file that was deleted a moment ago: statfs does not call them free yet, and fallocate gives them. */
function deletedJustNow(kind) {
  return (folder) => {
    const place = mountNew(folder, kind, 512 * MIB);
    const [old, file] = ['old', 'file'].map((name) => path.join(place, name));
    const preallocated = { create: true, size: 300 * MIB, preallocate: true };
    assert.deepEqual(accessAs(0, old, [['open', preallocated], ['close']]), ['ok', 'ok']);
    const outcomes = accessAs(0, file, [['remove', old], ['open', preallocated]]);
    assert.deepEqual(outcomes, ['ok', 'ok']);
  };
}

const APPENDER = `
const { appendFileSync, existsSync } = require('node:fs');
const [name, stop] = process.argv.slice(1);
let count = 0;
while (!existsSync(stop)) {
  try {
    appendFileSync(name, String(count).padStart(8));
    count++;
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  }
}
console.log(count);
`;

/** Another process appends without a pause while preallocations fail: every record is there, in its place. */
async function appendedBeside(folder) {
  const place = mountNew(folder, 'ext4', 512 * MIB, { mkfs: ['-m', '50'] });
  const [file, stop] = ['file', 'stop'].map((name) => path.join(place, name));
  makeFile(file, Buffer.alloc(PAGE, 1));
  const appender = promisify(execFile)(process.execPath, ['-e', APPENDER, file, stop]);
  const growths = Array.from({ length: 20 }, () => ['grow', 400 * MIB]);
  const outcomes = accessAs(NOBODY, file, [['open', {}], ...growths]);
  writeFileSync(stop, '');
  const count = Number((await appender).stdout);
  for (const outcome of outcomes.slice(1)) assertCode(outcome, 'ERR_PMEM_NO_SPACE');
  const found = readFileSync(file).subarray(PAGE).toString();
  const wanted = Array.from({ length: count }, (_, i) => String(i).padStart(8)).join('');
  assert.ok(found === wanted, `${found.length} of ${wanted.length} bytes are there`);
}

export const scenarios = {
  'XFS: a reflinked file on a full filesystem': (folder) => {
    const place = mountNew(folder, 'xfs', 320 * MIB, { mkfs: ['-m', 'reflink=1'] });
    const file = makeFile(path.join(place, 'file'), Buffer.alloc(16 * MIB, 1));
    run('cp', '--reflink=always', file, path.join(place, 'snapshot'));
    fill(path.join(place, 'filler'));
    // The reserve of a filesystem that is full gives a few pages more.
    const outcomes = accessAs(NOBODY, file, [['open', {}], ['writePages', 0, 4096, 1], ['read', 0, 16 * MIB, 1], ...LOOK]);
    assertNoSpaceAndReadable(outcomes);
    rmSync(path.join(place, 'filler'));
    run('sync', '-f', place);
    assert.deepEqual(accessAs(NOBODY, file, [['open', {}], ['writePages', 0, 4096, 2], ['persist'], ['read', 0, 16 * MIB, 2]]), ['ok', 'ok', 'ok', 'ok']);
  },

  'ext4: blocks reserved for root': (folder) => {
    const place = mountNew(folder, 'ext4', 64 * MIB, { mkfs: ['-m', '20'] });
    const file = makeFile(path.join(place, 'file'), Buffer.alloc(8 * PAGE, 1));
    truncateSync(file, 8 * MIB);
    fill(path.join(place, 'filler'));
    const outcomes = accessAs(NOBODY, file, [['open', {}], ['writePages', 8, 2048, 3], ['read', 0, 8 * PAGE, 1], ...LOOK]);
    assertNoSpaceAndReadable(outcomes);
    assert.equal(accessAs(0, file, [['open', {}], ['write', 2000 * PAGE, PAGE, 3]])[1], 'ok', 'root has blocks left');
  },

  'ext4: records that are appended while preallocations fail': appendedBeside,
  'ext4: a file in the place of one that was deleted just now': deletedJustNow('ext4'),
  'XFS: a file in the place of one that was deleted just now': deletedJustNow('xfs'),
  'btrfs: a file in the place of one that was deleted just now': deletedJustNow('btrfs'),

  'btrfs: a quota over a snapshotted file': (folder) => {
    const place = mountNew(folder, 'btrfs', 512 * MIB);
    const volume = path.join(place, 'volume');
    run('btrfs', 'quota', 'enable', place);
    run('btrfs', 'subvolume', 'create', volume);
    chownSync(volume, NOBODY, NOBODY);
    const file = makeFile(path.join(volume, 'file'), Buffer.alloc(16 * MIB, 1));
    run('btrfs', 'subvolume', 'snapshot', volume, path.join(place, 'snapshot'));
    run('btrfs', 'qgroup', 'limit', '20M', volume);
    run('sync', '-f', place);
    const outcomes = accessAs(NOBODY, file, [
      ['open', {}], ['writePages', 0, 4096, 1], ['read', 0, 16 * MIB, 1], ...LOOK, ['statfs'],
    ]);
    assertNoSpaceAndReadable(outcomes);
    assert.ok(outcomes[6] > 200 * MIB, `statfs tells of ${outcomes[6]} bytes`);
    run('btrfs', 'qgroup', 'limit', 'none', volume);
    assert.deepEqual(accessAs(NOBODY, file, [['open', {}], ['writePages', 0, 4096, 2], ['persist']]), ['ok', 'ok', 'ok']);
  },

  'btrfs: a full filesystem': (folder) => {
    const place = mountNew(folder, 'btrfs', 256 * MIB);
    const file = makeFile(path.join(place, 'file'), Buffer.alloc(16 * MIB, 1));
    run('cp', '--reflink=always', file, path.join(place, 'snapshot'));
    fill(path.join(place, 'filler'));
    assertNoSpaceAndReadable(accessAs(NOBODY, file, [['open', {}], ['writePages', 0, 4096, 1], ['read', 0, 16 * MIB, 1], ...LOOK]));
  },

  'btrfs: a block whose checksum does not match': (folder) => {
    const place = mountNew(folder, 'btrfs', 256 * MIB);
    const page = Buffer.alloc(PAGE, 'spoilt on the medium');
    const bytes = Buffer.alloc(SIZE, 1);
    page.copy(bytes, 5 * PAGE);
    const file = makeFile(path.join(place, 'file'), bytes);
    run('umount', place);
    const image = path.join(folder, 'image');
    const medium = readFileSync(image);
    const at = medium.indexOf(page);
    assert.ok(at > 0 && at === medium.lastIndexOf(page), 'the page is on the medium once');
    medium.fill(0xff, at + 100, at + 108);
    writeFileSync(image, medium);
    run('mount', '-o', 'loop', image, place);
    const bad = [{ offset: 5 * PAGE, length: PAGE }];
    const outcomes = accessAs(0, file, [
      ['open', {}], ['read', 0, SIZE, 1], ['read', 0, 5 * PAGE, 1], ['scrub'], ['repair', 5 * PAGE, PAGE, 1],
      ['read', 0, SIZE, 1], ['scrub'], ['close'],
    ]);
    assertCode(outcomes[1], 'ERR_PMEM_MEDIA', { ranges: bad });
    assert.deepEqual(outcomes.slice(2), ['ok', bad, ['unverifiable'], 'ok', [], 'ok']);
    assert.deepEqual(accessAs(0, file, [['open', {}], ['read', 0, SIZE, 1]]), ['ok', 'ok']);
  },

  'ext4: shut down': shutDown('ext4', 64 * MIB),
  'XFS: shut down': shutDown('xfs', 320 * MIB),

  // With delayed allocation a store is taken all the same, and it is the persist that fails.
  'ext4: remounted read-only by an error': remountedReadOnly('nodelalloc', (store) => {
    assertCode(store, 'ERR_PMEM_IO', { errno: 'EROFS' });
    assert.match(store.message, /takes no stores/);
  }),
  'ext4 with delayed allocation: remounted read-only by an error': remountedReadOnly('delalloc', (store) => {
    assert.equal(store, 'ok');
  }),

  'ext4: a device that drops stores, which the kernel tells once, by whatever comes next': droppedStores((a, b) => ({
    steps: [
      ['write', ...b, 2], ['persist', ...b], ['persist', ...a],
      ['write', ...a, 3], ['write', ...b, 3], ['persist', ...a], ['persist', ...b],
    ],
    judge([, first, second, ...others]) {
      assert.ok(['EIO', 'ENOSPC'].includes(first.errno), JSON.stringify(first));
      assertCode(second, 'ERR_PMEM_IO', { ranges: [{ offset: 0, length: PAGE }] });
      assert.deepEqual(others, ['ok', 'ok', 'ok', 'ok']);
    },
  })),
  'ext4: a device that drops stores, told to a flush whose caller has not heard of it': droppedStores((a, b) => ({
    steps: [
      ['persistBeside', a, b], ['write', ...a, 3], ['write', ...b, 3], ['persist', ...a], ['persist', ...b],
    ],
    judge([beside, ...others]) {
      for (const outcome of Object.values(beside)) assert.match(outcome, /^ERR_PMEM_(IO|NO_SPACE)$/);
      assert.deepEqual(others, ['ok', 'ok', 'ok', 'ok']);
    },
  })),

  'ext4: a device that does not give some blocks, and then does': (folder) => {
    const place = mountNew(folder, 'ext4', 64 * MIB);
    const name = path.join(place, 'file');
    const image = path.join(folder, 'image');
    const file = makeFile(name);
    // The last byte of the device that the first 20 pages need: what lies beyond is cut off from the image.
    const [, first] = /^\s*0:\s+0\.\.\s*\d+:\s+(\d+)\.\./m.exec(run('filefrag', '-v', '-b4096', file));
    run('umount', place);
    // Read-only and without its log, the filesystem needs nothing of the device but these blocks.
    run('mount', '-o', 'loop,ro,noload', image, place);
    run('find', place);
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    const cut = (Number(first) + 20) * PAGE;
    copyFileSync(image, `${image}-copy`);
    const restore = path.join(folder, 'restore.sh');
    writeFileSync(restore, `dd if=${image}-copy of=${image} bs=4096 skip=${cut / PAGE} seek=${cut / PAGE} conv=notrunc\n`);
    const outcomes = accessAs(0, file, [
      ['open', { readOnly: true }],
      ['command', 'truncate', '-s', String(cut), image],
      ['command', 'sh', '-c', 'echo 1 > /proc/sys/vm/drop_caches'],
      ['read', 0, 16 * PAGE, 1], ['read', 0, SIZE, 1], ['number', 30 * PAGE], ['view', 30 * PAGE, PAGE], ['scrub'],
      ['command', 'sh', restore],
      ['read', 0, SIZE, 1], ['scrub'], ['salvage'],
    ]);
    assert.equal(outcomes[3], 'ok');
    assertCode(outcomes[4], 'ERR_PMEM_MEDIA');
    // The page cache reads several pages as one (a large folio), and then all of them give EIO.
    const { ranges: bad } = outcomes[4];
    assert.equal(bad.length, 1);
    assert.ok(bad[0].offset >= 16 * PAGE && bad[0].offset <= 20 * PAGE && bad[0].offset + bad[0].length === SIZE, JSON.stringify(bad));
    assertCode(outcomes[5], 'ERR_PMEM_MEDIA', { source: 'known' });
    assertCode(outcomes[6], 'ERR_PMEM_MEDIA');
    assert.deepEqual(outcomes[7], bad);
    assert.deepEqual(outcomes.slice(9), ['ok', [], []]);
  },
};
