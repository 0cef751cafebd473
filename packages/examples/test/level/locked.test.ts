/** A database that is open already: a rolling restart, a cron job beside a server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Driver } from '@safe-pmem/core';
import { type MockDriver, mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import { PmemLevel } from '../../src/level/index.js';

const made: string[] = [];
afterAll(async () => {
  for (const path of made) await rm(path, { recursive: true });
});

const locked = { code: 'LEVEL_DATABASE_NOT_OPEN', cause: { code: 'LEVEL_LOCKED', cause: { code: 'ERR_PMEM_LOCKED' } } };

test.each([
  ['on the mock', mockDriver],
  ['on real files', nativeDriver],
])('a second open in this process is refused, changes nothing, and works after close(): %s', async (_, makeDriver) => {
  const directory = await mkdtemp(join(tmpdir(), 'level-locked-'));
  made.push(directory);
  const options = { driver: makeDriver(), logBytes: 28 * 4096 };
  if ('makeDirectory' in options.driver) (options.driver as MockDriver).makeDirectory(directory);
  const first = new PmemLevel(join(directory, 'db'), options);
  await first.put('a', '1');
  await expect(new PmemLevel(join(directory, 'db'), options).open()).rejects.toMatchObject(locked);
  await first.put('b', '2');
  await first.close();
  const second = new PmemLevel(join(directory, 'db'), options);
  expect(await second.getMany(['a', 'b'])).toEqual(['1', '2']);
  await second.close();
});

test.each([
  ['on the mock', mockDriver],
  ['on real files', nativeDriver],
])('a database that another process makes and closes while open() is about to make it: %s', async (_, makeDriver) => {
  const directory = await mkdtemp(join(tmpdir(), 'level-locked-'));
  made.push(directory);
  const driver: Driver = makeDriver();
  if ('makeDirectory' in driver) (driver as MockDriver).makeDirectory(directory);
  const location = join(directory, 'db');
  let meanwhile = async (): Promise<void> => {
    const other = new PmemLevel(location, { driver, logBytes: 28 * 4096 });
    await other.put('a', '1');
    await other.close();
  };
  const late: Driver = {
    name: driver.name,
    devices: driver.devices,
    async open(path, request) {
      if (request.create) {
        const first = meanwhile;
        meanwhile = () => Promise.resolve();
        await first();
      }
      return driver.open(path, request);
    },
  };
  const db = new PmemLevel(location, { driver: late, logBytes: 28 * 4096 });
  expect(await db.get('a')).toBe('1');
  await db.close();
});

test('a second process is refused, and let in when the first was killed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'level-locked-'));
  made.push(directory);
  const location = join(directory, 'db');
  const driver = nativeDriver();
  await (async () => {
    const db = new PmemLevel(location, { driver, logBytes: 28 * 4096 });
    await db.put('a', '1');
    await db.close();
  })();
  const native = import.meta.resolve('@safe-pmem/native');
  const core = import.meta.resolve('@safe-pmem/core');
  // The lock is that of the files: a process that has one of them exclusively has the database.
  const program = `
    import { PmemFile } from ${JSON.stringify(core)};
    import { nativeDriver } from ${JSON.stringify(native)};
    globalThis.file = await PmemFile.open(${JSON.stringify(`${location}.log`)}, { driver: nativeDriver(), exclusive: true });
    console.log('open');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const files = await readdir(directory);
  await expect(new PmemLevel(location, { driver }).open()).rejects.toMatchObject(locked);
  expect(await readdir(directory)).toEqual(files);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const db = new PmemLevel(location, { driver });
  expect(await db.get('a')).toBe('1');
  await db.close();
});

test('a database whose close() failed can be opened again', async () => {
  const driver = mockDriver();
  const first = new PmemLevel('/pmem/db', { driver, logBytes: 28 * 4096 });
  await first.put('a', '1');
  const isLog = (path: string): boolean => path.endsWith('.log');
  const stop = driver.observe(({ name, path }) => (name === 'close' && isLog(path) ? { errno: 5 } : undefined));
  await expect(first.close()).rejects.toMatchObject({ cause: { code: 'ERR_PMEM_IO' } });
  stop();
  const second = new PmemLevel('/pmem/db', { driver, logBytes: 28 * 4096 });
  expect(await second.get('a')).toBe('1');
  await second.close();
});
