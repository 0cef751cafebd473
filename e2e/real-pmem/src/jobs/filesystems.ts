/** Tries filesystems besides ext4 and XFS with DAX, as root: what works, and with which code the rest is refused. */
import assert from 'node:assert/strict';
import {
  linkSync, readdirSync, readFileSync, renameSync, statSync, truncateSync, unlinkSync, writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { PmemFile } from '@safe-pmem/core';
import { Wal } from '@safe-pmem/examples/wal';
import {
  assertPages, codesOf, driver, losesPageTwo, makeFile, makeFileWithLosses, openFile, PAGE, SIZE,
} from '../filesystems/files.js';
import { mountImage, newFolder, NfsServer, run } from '../filesystems/mounts.js';
import { guestPaths } from '../protocol.js';
import { jobContext } from './job-io.js';

const server = new NfsServer(path.join(jobContext().mountPoint, 'exported'));
const fill = { fill: 0 };

/** Differences of one filesystem from the others. */
interface Expected {
  readonly filesystem: string;
  readonly preallocate: 'ok' | 'ERR_PMEM_NOT_SUPPORTED EOPNOTSUPP';
  /** Code after a rename, if not ERR_PMEM_LOST: without marks and births the file is refused. */
  readonly renamed?: 'ERR_PMEM_JOURNAL';
  readonly hasLinks: boolean;
  readonly ignoresCase?: boolean;
}

const untold = 'ERR_PMEM_NOT_SUPPORTED EOPNOTSUPP';
const folders: readonly (readonly [string, string, Expected])[] = [
  [
    'vfat', mountImage('vfat', 'utf8=1'),
    { filesystem: 'vfat', preallocate: 'ok', hasLinks: false, ignoresCase: true },
  ],
  ['exfat', mountImage('exfat'), { filesystem: 'exfat', preallocate: untold, hasLinks: false, ignoresCase: true }],
  ['f2fs', mountImage('f2fs', '', 128), { filesystem: 'f2fs', preallocate: 'ok', hasLinks: true }],
  ['NFS 4.2', await server.mount('vers=4.2'), { filesystem: 'nfs', preallocate: 'ok', hasLinks: true }],
  [
    'NFS 3', await server.mount('vers=3'),
    { filesystem: 'nfs', preallocate: untold, hasLinks: true, renamed: 'ERR_PMEM_JOURNAL' },
  ],
  [
    'NFS 3 without locks', await server.mount('vers=3,nolock,wsize=65536'),
    { filesystem: 'nfs', preallocate: untold, hasLinks: true, renamed: 'ERR_PMEM_JOURNAL' },
  ],
];

for (const [name, folder, expected] of folders) {
  void describe(name, () => {
    const place = (file: string): string => path.join(folder, `${name.replaceAll(' ', '-')}-${file}`);

    void it('opens, stores, persists, repairs nothing that is healthy, and opens again', async () => {
      const file = await makeFile(place('life'));
      const { filesystem, repairUnitBytes, persistMethod, dax } = file.info();
      assert.deepEqual([filesystem, repairUnitBytes, persistMethod, dax], [expected.filesystem, PAGE, 'msync', false]);
      await file.persistAsync(0, SIZE);
      for (const options of [{}, fill, { strategy: 'zero-range' as const, ...fill }]) {
        const { units } = await file.repair({ offset: PAGE, length: PAGE }, options);
        assert.deepEqual(units.map(({ outcome }) => outcome), ['healthy']);
      }
      assert.equal((await file.badBlocks()).status, 'unsupported');
      assert.deepEqual((await file.scrub()).mediaErrors, []);
      assert.equal(await codesOf(() => openFile(place('life'), { exclusive: true })), 'ERR_PMEM_LOCKED');
      await file.close();
      const again = await openFile(place('life'));
      assertPages(again, 0, 16, 7);
      await again.close();
    });

    void it(`preallocation: ${expected.preallocate}, and nothing is left of it`, async () => {
      let made: PmemFile | undefined;
      const code = await codesOf(async () => {
        made = await openFile(place('allocated'), { create: true, size: SIZE, preallocate: true });
      });
      await made?.close();
      assert.equal(code, expected.preallocate);
      assert.equal(readdirSync(folder).includes(path.basename(place('allocated'))), code === 'ok');
    });

    void it('a file that another program cuts off, renames and deletes', async () => {
      const file = await makeFile(place('cut'));
      truncateSync(place('cut'), 8 * PAGE);
      assert.equal(await codesOf(() => file.readUInt8(10 * PAGE)), 'ERR_PMEM_TRUNCATED');
      assert.equal(await codesOf(() => { file.persist(); }), 'ERR_PMEM_TRUNCATED');
      assertPages(file, 0, 8, 7);
      renameSync(place('cut'), place('renamed'));
      file.write(new Uint8Array(8 * PAGE).fill(8), 0);
      file.persist(0, 8 * PAGE);
      unlinkSync(place('renamed'));
      assertPages(file, 0, 8, 8);
      await file.close();
      // NFS has given the deleted file another name as long as it was open, and its client deletes it some time after.
      const left = (): string[] => readdirSync(folder).filter((entry) => /nfs0|cut/.test(entry));
      for (let tries = 0; tries < 100 && left().length > 0; tries++) await delay(100);
      assert.deepEqual(left(), []);
    });

    void it('losses are told after open() and after caches are dropped, and go when they are written', async () => {
      await makeFileWithLosses(place('lost'));
      writeFileSync('/proc/sys/vm/drop_caches', '3');
      assert.equal(await losesPageTwo(place('lost')), 'ERR_PMEM_LOST');
      if (expected.ignoresCase === true) {
        const other = path.join(folder, path.basename(place('lost')).toUpperCase());
        assert.equal(await losesPageTwo(other), 'ERR_PMEM_LOST');
      }
      if (expected.hasLinks) {
        linkSync(place('lost'), place('linked'));
        assert.equal(await losesPageTwo(place('linked')), 'ERR_PMEM_LOST');
        unlinkSync(place('linked'));
      }
      renameSync(place('lost'), place('moved'));
      assert.equal(await losesPageTwo(place('moved')), expected.renamed ?? 'ERR_PMEM_LOST');
      writeFileSync(place('lost'), 'a new file under the old name');
      assert.equal(await losesPageTwo(place('moved')), expected.renamed ?? 'ERR_PMEM_LOST');
      unlinkSync(place('lost'));
      renameSync(place('moved'), place('lost'));
      const file = await openFile(place('lost'));
      file.write(new Uint8Array(2 * PAGE).fill(9), 2 * PAGE);
      file.persist(2 * PAGE, 2 * PAGE);
      await file.close();
      assert.deepEqual(readdirSync(folder).filter((entry) => entry.endsWith('.repair')), []);
    });

    void it("another program's short X.REPAIR is left alone, and does not stop a new file x", async () => {
      const usual = path.basename(place('notes.repair'));
      const foreign = path.join(folder, expected.ignoresCase === true ? usual.toUpperCase() : usual);
      writeFileSync(foreign, 'mine');
      const file = await openFile(place('notes'), { create: true, size: SIZE });
      await file.close();
      assert.equal(readFileSync(foreign, 'utf8'), 'mine');
      unlinkSync(foreign);
    });

    void it('a write-ahead log keeps its records', async () => {
      const file = await openFile(place('log'), { create: true, size: 64 * PAGE });
      const log = await Wal.open({ file, create: true });
      log.append(Buffer.from('one'));
      await log.commitAsync();
      log.close();
      await file.close();
      const again = await openFile(place('log'));
      const reopened = await Wal.open({ file: again });
      const records: string[] = [];
      for await (const item of reopened.replay()) {
        if (item.type === 'record') records.push(Buffer.from(item.payload).toString());
      }
      assert.deepEqual(records, ['one']);
      reopened.close();
      await again.close();
    });
  });
}

void describe('a server that is away, by NFS mounted soft', () => {
  void it('EIO is no media error: nothing is written over, and all is there when the server is back', async () => {
    const folder = await server.mount('vers=3,nolock,soft,timeo=5,retrans=1');
    const name = path.join(folder, 'away');
    await (await makeFile(name)).close();
    const onServer = path.join(server.exported, 'away');
    const before = readFileSync(onServer);
    run('umount', folder);
    run('mount', '-t', 'nfs', '-o', 'vers=3,nolock,soft,timeo=5,retrans=1', `127.0.0.1:${server.exported}`, folder);
    const file = await openFile(name);
    server.stop();
    try {
      assert.equal(await codesOf(() => file.readUInt8(5 * PAGE)), 'ERR_PMEM_IO EIO');
      assert.equal(await codesOf(() => file.scrub()), 'ERR_PMEM_IO EIO');
      for (const options of [fill, {}]) {
        assert.equal(await codesOf(() => file.repair({ offset: 5 * PAGE, length: PAGE }, options)), 'ERR_PMEM_IO EIO');
      }
    } finally {
      server.start();
    }
    assertPages(file, 0, 16, 7);
    const { units } = await file.repair({ offset: 5 * PAGE, length: PAGE }, fill);
    assert.deepEqual(units.map(({ outcome }) => outcome), ['healthy']);
    await file.close();
    assert.deepEqual(readFileSync(onServer), before);
    assert.deepEqual(readdirSync(server.exported).filter((entry) => entry.startsWith('away')), ['away']);
  });

  void it('a file that the server has deleted: ESTALE is ERR_PMEM_IO', async () => {
    const folder = await server.mount('vers=3,nolock,soft,timeo=5,retrans=1,noac');
    const name = path.join(folder, 'deleted');
    await (await makeFile(name)).close();
    const file = await openFile(name);
    unlinkSync(path.join(server.exported, 'deleted'));
    assert.equal(await codesOf(() => file.repair({ offset: 5 * PAGE, length: PAGE }, fill)), 'ERR_PMEM_IO ESTALE');
    assert.match(await codesOf(() => { file.persist(); }), /^(ok|ERR_PMEM_IO ESTALE)$/);
    await file.close().catch(() => undefined);
  });
});

void describe('a server that gives root no rights (root_squash)', () => {
  after(() => { server.export('no_root_squash'); });

  void it('what root makes there can be opened again, with its losses', async () => {
    server.export('root_squash');
    const folder = await server.mount('vers=3,nolock');
    const name = path.join(folder, 'squashed');
    await makeFileWithLosses(name);
    assert.equal(statSync(name).uid, 65534);
    assert.equal(await losesPageTwo(name), 'ERR_PMEM_LOST');
  });
});

void describe('9p', () => {
  void it('is called 9p and not what the server has below, and a file in it can be mapped for reading', async () => {
    const name = path.join(guestPaths.tree, 'package.json');
    const file = await PmemFile.open(name, { driver, readOnly: true });
    const { filesystem, repairUnitBytes } = file.info();
    assert.deepEqual([filesystem, repairUnitBytes], ['9p', PAGE]);
    assert.equal(file.readUInt8(0), '{'.charCodeAt(0));
    await file.close();
    const written = path.join(guestPaths.tree, path.basename(newFolder('9p')));
    assert.equal(await codesOf(() => openFile(written, { create: true, size: SIZE })), 'ERR_PMEM_ACCESS EROFS');
  });
});
