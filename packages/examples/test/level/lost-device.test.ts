/** One of the two devices has died, and a new, empty one is in its place. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { MockDriver } from '@safe-pmem/mock';
import { mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import type { PmemLevelOptions } from '../../src/level/index.js';
import { PmemLevel } from '../../src/level/index.js';

const LOCATION = '/a/db';
const FILES = { a: ['/a/db.log', '/a/db.pages'], b: ['/b/db.log-mirror', '/b/db.pages-mirror'] } as const;
const KEYS = Array.from({ length: 40 }, (_, i) => `key ${String(i).padStart(2, '0')}`);

type Options = Partial<PmemLevelOptions>;

async function opened(driver: MockDriver, options: Options = {}): Promise<PmemLevel> {
  const db = new PmemLevel(LOCATION, { driver, mirrorLocation: '/b/db', logBytes: 28 * 4096, ...options });
  await db.open();
  return db;
}

/** What open() says: undefined if it opens, and the database is closed again. */
async function refusalOf(driver: MockDriver, options: Options = {}): Promise<unknown> {
  try {
    await (await opened(driver, options)).close();
    return undefined;
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: string } };
    return cause?.code ?? cause;
  }
}

async function filled(): Promise<MockDriver> {
  const driver = mockDriver();
  const db = await opened(driver);
  for (const key of KEYS) await db.put(key, key.repeat(key.endsWith('7') ? 900 : 30));
  await db.checkpoint();
  await db.put('last', 'in the log alone');
  await db.close();
  return driver;
}

async function expectAll(db: PmemLevel): Promise<void> {
  for (const key of KEYS) expect(await db.get(key)).toBe(key.repeat(key.endsWith('7') ? 900 : 30));
  expect(await db.get('last')).toBe('in the log alone');
}

describe.each(['a', 'b'] as const)('device %s is new and empty', (device) => {
  const other = device === 'a' ? 'b' : 'a';

  test('open refuses, makes nothing, and says what to do', async () => {
    const driver = await filled();
    for (const path of FILES[device]) driver.unlink(path);
    for (const options of [{}, { createIfMissing: false }, { mirror: false }]) {
      expect(await refusalOf(driver, options)).toBe('ERR_PAGES_MIRROR_MISSING');
      expect(driver.listFiles()).toEqual([...FILES[other]]);
    }
  });

  test('attachMirror brings everything back, and after that either device is enough', async () => {
    const driver = await filled();
    for (const path of FILES[device]) driver.unlink(path);
    const db = await opened(driver, { attachMirror: true, logBytes: 99 * 4096 });
    await expectAll(db);
    await db.put('after', 'on both');
    await db.close();
    for (const path of FILES[other]) {
      const length = driver.readFile(path).length;
      driver.poison(path, { offset: 0, length });
    }
    const again = await opened(driver, { autoRepair: false });
    await expectAll(again);
    expect(await again.get('after')).toBe('on both');
    await again.close();
  });

  test('files of zeros on it are filled as well; whole ones are left alone', async () => {
    const driver = await filled();
    for (const path of FILES[device]) driver.writeFile(path, new Uint8Array(driver.readFile(path).length));
    expect(await refusalOf(driver)).toMatch(/^ERR_(WAL|PAGES)_MIRROR_STALE$/);
    const filledAgain = await opened(driver, { attachMirror: true });
    await expectAll(filledAgain);
    await filledAgain.close();
    // A log notes in its headers, the first and the last page, that it was opened.
    const contentOf = (path: string): Buffer => {
      const bytes = Buffer.from(driver.readFile(path));
      return path.includes('.log') ? bytes.subarray(4096, -4096) : bytes;
    };
    const before = [...FILES.a, ...FILES.b].map(contentOf);
    expect(await refusalOf(driver, { attachMirror: true })).toBeUndefined();
    expect([...FILES.a, ...FILES.b].map((path, i) => before[i]?.equals(contentOf(path)))).toEqual([true, true, true, true]);
  });

  test('the old device comes back after it was replaced: it is overwritten, never believed', async () => {
    const driver = await filled();
    const old = FILES[device].map((path) => [path, driver.readFile(path)] as const);
    for (const path of FILES[device]) driver.unlink(path);
    const db = await opened(driver, { attachMirror: true });
    for (const key of KEYS) await db.put(key, `newer ${key}`);
    await db.close();
    for (const [path, bytes] of old) driver.writeFile(path, bytes);
    expect(await refusalOf(driver)).toMatch(/^ERR_(WAL|PAGES)_MIRROR_STALE$/);
    const again = await opened(driver, { attachMirror: true });
    for (const key of KEYS) expect(await again.get(key)).toBe(`newer ${key}`);
    await again.close();
    expect(await refusalOf(driver)).toBeUndefined();
  });

  test('the files of another database on it are not overwritten', async () => {
    const [driver, stranger] = [await filled(), await filled()];
    for (const path of FILES[device]) driver.writeFile(path, stranger.readFile(path));
    const before = FILES[device].map((path) => Buffer.from(driver.readFile(path)));
    expect(await refusalOf(driver, { attachMirror: true })).toMatch(/STALE$/);
    expect(FILES[device].map((path, i) => before[i]?.equals(driver.readFile(path)))).toEqual([true, true]);
  });
});

test.each(['/a/db.log', '/b/db.log-mirror'])('%s was cut off by a copy tool that died: it comes back', async (path) => {
  for (const missing of [100, 4096, 20 * 4096]) {
    const driver = await filled();
    const size = driver.readFile(path).length;
    driver.truncate(path, size - missing);
    const db = await opened(driver);
    await expectAll(db);
    await db.close();
    expect(driver.readFile(path)).toHaveLength(size);
    const twin = path === '/a/db.log' ? '/b/db.log-mirror' : '/a/db.log';
    driver.poison(twin, { offset: 0, length: size });
    const again = await opened(driver, { autoRepair: false });
    await expectAll(again);
    await again.close();
  }
});

test('an open() that was interrupted while it made its files is gone on with', async () => {
  const driver = mockDriver();
  for (const path of ['/a/db.log', '/b/db.log-mirror']) {
    driver.writeFile(path, new Uint8Array(28 * 4096));
    expect(await refusalOf(driver, { createIfMissing: false })).toBeInstanceOf(Error);
  }
  const db = await opened(driver);
  await db.put('a', '1');
  expect(await db.get('a')).toBe('1');
  await db.close();
});

describe('an open() that fails on real files', () => {
  const made: string[] = [];
  afterAll(async () => {
    for (const path of made) await rm(path, { recursive: true });
  });

  test.each([
    ['of which one is something else', { 'db.log-mirror': 'not a log '.repeat(2000) }],
    ['of which one data file is something else', { 'db.pages': 'not a page'.repeat(2000) }],
    ['in a place where the last cannot be made', { 'db.pages-mirror/': '' }],
  ])('%s leaves none that was not there before', async (_, there) => {
    const directory = await mkdtemp(join(tmpdir(), 'level-lost-'));
    made.push(directory);
    const { mkdir, writeFile } = await import('node:fs/promises');
    for (const [name, content] of Object.entries(there)) {
      if (name.endsWith('/')) await mkdir(join(directory, name));
      else await writeFile(join(directory, name), content);
    }
    const before = await readdir(directory);
    const db = new PmemLevel(join(directory, 'db'), { driver: nativeDriver(), logBytes: 28 * 4096 });
    await expect(db.open()).rejects.toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN' });
    expect(await readdir(directory)).toEqual(before);
  });
});
