/** An engine that does not open, on real files and on the mock: no file is there that was not there before. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Driver, PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import { openWithFiles } from '../../src/files/index.js';
import { FirstLog } from '../../src/first/first-log.js';
import { PmemLevel } from '../../src/level/index.js';
import { PageStore } from '../../src/pages/index.js';
import { ReplicatedWal } from '../../src/replicated/index.js';
import { Wal } from '../../src/wal/index.js';

type Files = Readonly<Record<string, PmemFile>>;
interface Engine {
  readonly close?: () => unknown;
}

interface Kind {
  readonly roles: readonly string[];
  readonly open: (files: Files, isNew: boolean) => Promise<Engine>;
}

const SIZE = 64 * 4096;
const of = (files: Files, role: string): PmemFile => files[role] as PmemFile;

/** Opens what is there, or makes a new one where every file is new. */
const ENGINES: Readonly<Record<string, Kind>> = {
  'first log': { roles: ['file'], open: (files) => Promise.resolve(FirstLog.open(of(files, 'file')) as Engine) },
  'log': {
    roles: ['file', 'mirror'],
    open: (files, create) => Wal.open({ file: of(files, 'file'), mirror: of(files, 'mirror'), create }),
  },
  'paged store': {
    roles: ['file', 'mirror', 'log', 'logMirror'],
    open: (files, create) => {
      const [file, mirror] = [of(files, 'file'), of(files, 'mirror')];
      return PageStore.open({ file, mirror, log: of(files, 'log'), logMirror: of(files, 'logMirror'), create });
    },
  },
  'replicated log': {
    roles: ['file', 'mirror'],
    open: async (files, create) => {
      const wal = await Wal.open({ file: of(files, 'file'), mirror: of(files, 'mirror'), create });
      return ReplicatedWal.open({ wal, stream: new SimulatedServer().connect() });
    },
  },
};

let folder = '';
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'failed-open-')); });
afterEach(async () => { await rm(folder, { recursive: true }); });

async function contents(): Promise<readonly (readonly [string, string])[]> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const bytesOf = async (path: string): Promise<string> => (await readFile(path)).toString('base64');
  return Promise.all(names.map(async ({ name, parentPath }) => [name, await bytesOf(join(parentPath, name))] as const));
}

const THEIRS = 'something else '.repeat(SIZE / 15 + 1);

async function expectOnlyTheirs(name: string): Promise<void> {
  expect((await contents()).map(([found]) => found)).toEqual([name]);
  expect(await readFile(join(folder, name), 'utf8') === THEIRS).toBe(true);
}

/** The native driver, beside a process that fills `filled` just before it would be made here. */
function besideAnotherProcess(filled: string): Driver {
  const driver = nativeDriver();
  return {
    name: driver.name,
    devices: driver.devices,
    async open(path, request) {
      if (request.create && path === filled) await writeFile(path, THEIRS);
      return driver.open(path, request);
    },
  };
}

describe.each(Object.entries(ENGINES))('%s', (_, { roles, open }) => {
  const driver = nativeDriver();
  const wanted = () => Object.fromEntries(roles.map((role) => [role, { path: join(folder, role), size: SIZE }]));
  const opened = () =>
    openWithFiles<string, Engine>({
      driver, files: wanted(), open: (files, made) => open(files, made.size === roles.length),
    });

  test.each(roles)('%s is a directory', async (role) => {
    await mkdir(join(folder, role));
    await expect(opened()).rejects.toMatchObject({ name: 'PmemError' });
    expect(await contents()).toEqual([]);
  });

  test.each(roles)('%s holds something else', async (role) => {
    await writeFile(join(folder, role), 'something else '.repeat(SIZE / 15));
    const before = await contents();
    await expect(opened()).rejects.toBeInstanceOf(Error);
    expect(await contents()).toEqual(before);
  });

  test.each(roles)('%s has no bytes, as a process leaves it that is killed while it makes it', async (role) => {
    await writeFile(join(folder, role), '');
    const refuse = (): never => { throw new Error('not now'); };
    await expect(openWithFiles({ driver, files: wanted(), open: refuse })).rejects.toThrow('not now');
    expect(await contents()).toEqual([[role, '']]);
    const { engine, close } = await opened();
    await engine.close?.();
    await close();
  });

  test.each([
    ['is not there', undefined], ['has no bytes', ''],
  ])('a file that %s is filled by another process before it is made: it stays as it is', async (_how, before) => {
    const role = roles.at(-1) ?? '';
    if (before !== undefined) await writeFile(join(folder, role), before);
    const failing = openWithFiles<string, Engine>({
      driver: besideAnotherProcess(join(folder, role)), files: wanted(),
      open: (files, made) => open(files, made.size === roles.length),
    });
    await expect(failing).rejects.toBeInstanceOf(Error);
    await expectOnlyTheirs(role);
  });

  test('what an open that worked has made stays, and no open that fails removes it', async () => {
    const first = await opened();
    await first.engine.close?.();
    await first.close();
    const names = (await contents()).map(([name]) => name).sort();
    expect(names).toEqual([...roles].sort());
    const again = await opened();
    await expect(opened()).rejects.toMatchObject({ code: 'ERR_PMEM_LOCKED' });
    expect((await contents()).map(([name]) => name).sort()).toEqual(names);
    await again.engine.close?.();
    await again.close();
    const refuse = (): never => { throw new Error('not now'); };
    const failing = openWithFiles({ driver, files: wanted(), open: refuse });
    await expect(failing).rejects.toThrow('not now');
    expect((await contents()).map(([name]) => name).sort()).toEqual(names);
  });

  test('on the mock, where the last file finds no space', async () => {
    const mock = mockDriver({ capacityBytes: (roles.length + 1) * SIZE });
    const sizeOf = (role: string): number => (role === roles.at(-1) ? (roles.length + 2) * SIZE : SIZE);
    const files = Object.fromEntries(roles.map((role) => [role, { path: `/pmem/${role}`, size: sizeOf(role) }]));
    const removed: string[] = [];
    const remove = (path: string): void => { removed.push(path); mock.unlink(path); };
    const failing = openWithFiles<string, Engine>({ driver: mock, files, open: (all) => open(all, true), remove });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_PMEM_NO_SPACE' });
    expect([removed.length, mock.listFiles()]).toEqual([roles.length - 1, []]);
  });
});

const LEVEL_FILES = ['db.log', 'db.log-mirror', 'db.pages', 'db.pages-mirror'];
test.each(LEVEL_FILES)('Level database: %s is a directory', async (name) => {
  await mkdir(join(folder, name));
  const db = new PmemLevel(join(folder, 'db'), { driver: nativeDriver(), logBytes: SIZE });
  await expect(db.open()).rejects.toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN' });
  expect(await contents()).toEqual([]);
});

test.each(LEVEL_FILES)('Level database: %s is filled by another process before it is made', async (name) => {
  const path = join(folder, name);
  const db = new PmemLevel(join(folder, 'db'), { driver: besideAnotherProcess(path), logBytes: SIZE });
  await expect(db.open()).rejects.toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN' });
  await expectOnlyTheirs(name);
});
