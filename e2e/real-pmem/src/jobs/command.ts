/**
 * What a person on call has: `safe-pmem` as nobody and as root, and a program that watches its file, on real
 * filesystems with bad blocks that the kernel lists.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchEvent } from '@safe-pmem/core';
import type { Screen } from '@safe-pmem/cli';
import { nativeSurroundings, runCli } from '@safe-pmem/cli';
import { PmemFile } from '@safe-pmem/core';
import type { WalWatchOutcome } from '@safe-pmem/examples/wal';
import { Wal } from '@safe-pmem/examples/wal';
import { openForLooking } from '@safe-pmem/core/tools';
import { nativeDriver } from '@safe-pmem/native';
import type { CommandEnd } from '../protocol.js';
import { guestPaths, mappedSector } from '../protocol.js';
import { InjectorClient } from './injector-client.js';
import { jobContext } from './job-io.js';
import { kernelAbilities } from './kernel-abilities.js';

const PAGE = 4096;
const PAGES = 64;
const context = jobContext();
const { recoveryWrite, repairInPlace, deviceMapper: hasDeviceMapper } = kernelAbilities(context);
const injector = await InjectorClient.connect(context.injector);
const directory = path.join(context.mountPoint, 'command');
mkdirSync(directory);
const database = path.join(directory, 'app.db');
const replica = path.join(directory, 'replica.db');
const content = Buffer.from(Array.from({ length: PAGES * PAGE }, (_, i) => ((i * 7 + (i >>> 12) * 13) % 255) + 1));
for (const file of [database, replica]) writeFileSync(file, content, { flush: true });

interface Json extends Record<string, unknown> {
  readonly type: string;
}

const surroundings = nativeSurroundings();

/** In this process: a start of node takes seconds in an emulated machine. The watch and root have their own. */
async function safePmem(...argv: string[]): Promise<CommandEnd> {
  let [stdout, stderr] = ['', ''];
  const screen: Screen = {
    out: (text) => { stdout += text; },
    err: (text) => { stderr += text; },
    hasColor: false, canRewrite: false, columns: 80,
  };
  const { driver, tree, destination, now, interrupted } = surroundings;
  const stayAlive = (): (() => void) => surroundings.stayAlive();
  const status = await runCli(argv, { driver, tree, destination, screen, now, interrupted, stayAlive });
  return { status, stdout, stderr };
}

function jsonOf(text: string): Json[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Json);
}

/** Sector of the device that holds a page of the file. */
async function sectorOf(file: string, page: number): Promise<number> {
  const opened = await openForLooking(file, nativeDriver());
  const outcome = await opened.extents(page * PAGE, PAGE);
  await opened.close();
  const extent =
    'extents' in outcome ? outcome.extents.find(({ offset, length }) => offset + length > page * PAGE) : undefined;
  assert.ok(extent !== undefined);
  return (extent.physicalOffset + page * PAGE - extent.offset) / 512;
}

async function poison(file: string, page: number): Promise<number> {
  const sector = await sectorOf(file, page);
  await injector.inject(sector + 3, 1);
  return sector + 3;
}

/** Lets events arrive; the job's own limit of time ends a wait for what never comes. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function range(page: number): { offset: number; length: number } {
  return { offset: page * PAGE, length: PAGE };
}

// After the last of all tests: each of them poisons through it.
after(() => {
  injector.close();
});

void describe('safe-pmem', () => {
  void it('check looks at no file while the device lists nothing', async () => {
    const { status, stdout } = await safePmem('check', context.mountPoint);
    assert.equal(status, 0);
    assert.match(stdout, /lists no bad blocks/);
  });

  void it('watch names the file of a new error and of one that is cleared', async () => {
    const watch = spawn(process.execPath, [guestPaths.command, 'watch', '--json', context.mountPoint], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    watch.stdout.on('data', (chunk: Buffer) => {
      text += String(chunk);
    });
    const ended = new Promise<number | null>((resolve) => {
      watch.on('close', resolve);
    });
    await until(() => text.includes('"watching"'));
    const sector = await poison(database, 5);
    await until(() => text.includes('"new"'));
    const found = jsonOf(text).find(({ type }) => type === 'new');
    assert.deepEqual(
      {
        path: found?.path,
        offset: found?.offset,
        length: found?.length,
        sector: Math.floor(Number(found?.sector) / 8),
      },
      { path: database, ...range(5), sector: Math.floor(sector / 8) },
    );
    if (recoveryWrite) {
      overwrite(database, 5);
      await until(() => text.includes('"cleared"'));
      await poison(database, 5);
      await until(() => text.split('"new"').length > 2);
    }
    watch.kill('SIGINT');
    assert.equal(await ended, 1);
  });

  void it('check names the file, the bytes and the sector, and root sees what nobody may not', async () => {
    const { status, stdout } = await safePmem('check', '--json', context.mountPoint);
    const records = jsonOf(stdout);
    const damage = records.find(({ type }) => type === 'damage');
    assert.equal(status, 1);
    assert.deepEqual(
      { path: damage?.path, offset: damage?.offset, length: damage?.length },
      { path: database, ...range(5) },
    );
    assert.equal(records.at(-1)?.badBlocksElsewhere, 0);
    chmodSync(database, 0);
    const blind = await safePmem('check', '--json', directory);
    const root = await injector.safePmem('check', '--json', directory);
    chmodSync(database, 0o600);
    assert.equal(blind.status, 2);
    assert.equal(jsonOf(blind.stdout).at(-1)?.notLookedAt, 1);
    assert.equal(root.status, 1);
    assert.equal(jsonOf(root.stdout)[0]?.path, database);
  });

  void it('who, map, info and scrub agree', async () => {
    const sector = await sectorOf(database, 5);
    const who = await safePmem('who', 'pmem0', String(sector + 1));
    assert.deepEqual(
      { status: who.status, stdout: who.stdout },
      { status: 0, stdout: `${database} +${5 * PAGE + 512}\n` },
    );
    assert.match((await safePmem('map', database, '--width', '64')).stdout, / {2}#{5}X#{58}\n/);
    assert.match((await safePmem('info', database)).stdout, /DAX +yes/);
    const scrub = await safePmem('scrub', database);
    assert.equal(scrub.status, 1);
    assert.match(scrub.stdout, /\[20480, 24576\).*known before/);
  });

  void it('salvage copies what cp does not', async () => {
    const copy = path.join(directory, 'copy.db');
    const { status, stdout } = await safePmem('salvage', database, copy);
    assert.equal(status, 1);
    assert.match(stdout, /^258048 of 262144 bytes; 1 gap \[20480, 24576\)/);
    const bytes = readFileSync(copy);
    assert.ok(bytes.subarray(0, 5 * PAGE).equals(content.subarray(0, 5 * PAGE)));
    assert.ok(bytes.subarray(6 * PAGE).equals(content.subarray(6 * PAGE)));
    const gaps = JSON.parse(readFileSync(`${copy}.gaps.json`, 'utf8')) as { readonly gaps: unknown };
    assert.deepEqual(gaps.gaps, [{ ...range(5), reason: 'media' }]);
    // By itself cp has XFS share the blocks, the bad one too: the copy succeeds, and the page cannot be repaired in place any more.
    assert.notEqual(spawnSync('cp', ['--reflink=never', database, `${copy}.cp`]).status, 0);
  });

  void it('report enters nothing that can be read, and root is told the same', async () => {
    assert.match((await safePmem('report', database, '0', '--yes')).stdout, /nothing to report/);
    const root = await injector.safePmem('report', database, String(5 * PAGE), '--yes');
    assert.match(root.stdout, /listed already/);
  });

  void it(`repair ${repairInPlace ? 'takes the bytes of a replica' : 'fails and changes nothing'}`, async () => {
    const plan = await safePmem('repair', database, '--from', replica);
    assert.equal(plan.status, 1);
    assert.match(plan.stdout, /nothing was changed/);
    const done = await safePmem('repair', database, '--from', replica, '--yes');
    if (repairInPlace) {
      assert.equal(done.status, 0, done.stdout + done.stderr);
      assert.ok(readFileSync(database).equals(content));
      assert.equal((await safePmem('check', context.mountPoint)).status, 0);
    } else {
      assert.equal(done.status, 1);
      assert.match(done.stdout, /not repaired/);
      assert.equal((await safePmem('check', context.mountPoint)).status, 1);
    }
  });
});

void describe('PmemFile.watch()', () => {
  void it('hears of errors and of clears by another process, before anything touches the bytes', async () => {
    const file = await PmemFile.open(replica, { driver: nativeDriver() });
    const events: WatchEvent[] = [];
    await file.watch((event) => {
      events.push(event);
    });
    await poison(replica, 9);
    await until(() => events.length > 0);
    assert.deepEqual(events, [{ kind: 'new', ranges: [range(9)] }]);
    assert.throws(
      () => {
        file.read(new Uint8Array(8), 9 * PAGE);
      },
      { source: 'known' },
    );
    if (recoveryWrite) {
      overwrite(replica, 9);
      await until(() => events.length > 1);
      assert.deepEqual(events[1], { kind: 'cleared', ranges: [range(9)] });
      const bytes = Buffer.alloc(PAGE);
      file.read(bytes, 9 * PAGE);
      assert.ok(bytes.equals(content.subarray(9 * PAGE, 10 * PAGE)));
    }
    await file.close();
  });

  void it('wakes nothing up while nothing happens, whatever the number of files', async () => {
    const file = await PmemFile.open(replica, { driver: nativeDriver() });
    const watches = await Promise.all(Array.from({ length: 100 }, () => file.watch(() => undefined)));
    assert.deepEqual(
      process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout'),
      [],
    );
    // The end of a pause is one itself, and what is left of opening (V8 collects garbage on threads of its own) may be
    // others; a timer or a thread that polls would be many in each pause.
    let fewest = Infinity;
    for (let pauses = 0; fewest > 3 && pauses < 20; pauses++) {
      const before = wakeUps();
      await sleep(1500);
      fewest = Math.min(fewest, wakeUps() - before);
    }
    for (const watch of watches) watch.close();
    await file.close();
    assert.ok(fewest <= 3, `${fewest} wake-ups at least in each pause`);
  });
});

void describe('a log with a mirror', () => {
  void it(`${repairInPlace ? 'repairs' : 'names'} what the kernel announces before it is read`, async () => {
    const files = await Promise.all(['log', 'mirror'].map((name) => {
      return PmemFile.open(path.join(directory, name), { driver: nativeDriver(), create: true, size: 12 * PAGE });
    }));
    const [file, mirror] = files;
    assert.ok(file !== undefined && mirror !== undefined);
    const log = await Wal.open({ file, mirror, create: true });
    for (let i = 0; i < 8; i++) log.append(Buffer.alloc(3000, i + 1));
    log.commit();
    const outcomes: WalWatchOutcome[] = [];
    await log.watch({ onRepair: (outcome) => { outcomes.push(outcome); } });
    await poison(file.path, 3);
    await until(() => outcomes.length > 0);
    const [outcome] = outcomes;
    assert.ok(outcome !== undefined && 'report' in outcome);
    assert.equal(outcome.report.rebuilt.length, repairInPlace ? 1 : 0);
    assert.equal(outcome.report.failed.length, repairInPlace ? 0 : 1);
    let records = 0;
    for await (const item of log.replay()) if (item.type === 'record') records++;
    assert.equal(records, 8);
    log.close();
    for (const one of files) await one.close();
  });
});

if (hasDeviceMapper) {
  void describe('on a dm-linear device', () => {
    void it('root is told which bytes are bad, others that only root is; the page is repaired', async () => {
      await injector.freshFilesystem({ mapped: true });
      const file = path.join(context.mountPoint, 'mapped.db');
      const copy = path.join(context.mountPoint, 'copy.db');
      for (const name of [file, copy]) writeFileSync(name, content, { flush: true });
      chmodSync(copy, 0o644);
      assert.equal((await safePmem('check', context.mountPoint)).status, 0);
      await injector.inject(mappedSector + (await sectorOf(file, 5)) + 3, 1);
      const blind = await safePmem('check', '--json', context.mountPoint);
      assert.equal(blind.status, 2, blind.stdout);
      assert.match(blind.stdout + blind.stderr, /only root can ask which bytes these are here/);
      const told = await injector.safePmem('check', '--json', context.mountPoint);
      assert.equal(told.status, 1, told.stdout + told.stderr);
      const damage = jsonOf(told.stdout).find(({ type }) => type === 'damage');
      const where = { path: damage?.path, offset: damage?.offset, length: damage?.length };
      assert.deepEqual(where, { path: file, ...range(5) });
      assert.match((await safePmem('scrub', file)).stdout, /\[20480, 24576\)/);
      const done = await injector.safePmem('repair', file, '--from', copy, '--yes');
      assert.equal(done.status, repairInPlace ? 0 : 1, done.stdout + done.stderr);
      if (repairInPlace) assert.ok(readFileSync(file).equals(content));
      assert.equal((await injector.safePmem('check', context.mountPoint)).status, repairInPlace ? 0 : 1);
      await injector.freshFilesystem();
    });
  });
}

/** The whole page, by pwrite of another process: on a device that can clear, that clears it. */
function overwrite(file: string, page: number): void {
  const source = path.join(directory, 'page');
  writeFileSync(source, content.subarray(page * PAGE, (page + 1) * PAGE));
  const { status, stderr } = spawnSync('dd', [
    `if=${source}`,
    `of=${file}`,
    'bs=4096',
    'count=1',
    `seek=${page}`,
    'conv=notrunc,fsync',
  ]);
  assert.equal(status, 0, String(stderr));
}

/** How often the main thread has given up the processor by itself. */
function wakeUps(): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}
