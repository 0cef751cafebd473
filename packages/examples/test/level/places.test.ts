/** Places of a database: those that are none, files that a killed process has left empty, two opens at one moment. */
import { mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import { PmemLevel } from '../../src/level/index.js';
import type { PmemLevelOptions } from '../../src/level/index.js';

const LOG_BYTES = 28 * 4096;
const ROLES = ['log', 'log-mirror', 'pages', 'pages-mirror'] as const;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'level-places-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function opened(location: string, options: Partial<PmemLevelOptions> = {}): Promise<PmemLevel> {
  const db = new PmemLevel(location, { driver: nativeDriver(), logBytes: LOG_BYTES, ...options });
  await db.open();
  return db;
}

async function sizes(name: string): Promise<Record<string, number>> {
  const names = (await readdir(directory)).filter((file) => file.startsWith(`${name}.`));
  const found: Record<string, number> = {};
  for (const file of names) found[file.slice(name.length + 1)] = (await stat(join(directory, file))).size;
  return found;
}

describe('the constructor refuses', () => {
  const make = (location: unknown, options: unknown) => () =>
    new PmemLevel(location as string, options as PmemLevelOptions);

  test.each([[''], [undefined], [5], ['/pmem0/'], ['db/']])('the location %j', (location) => {
    expect(make(location, { driver: mockDriver() })).toThrow(TypeError);
    expect(make('/db', { driver: mockDriver(), mirrorLocation: location ?? null })).toThrow(TypeError);
  });

  test.each([
    [{ mirror: 'no' }], [{ attachMirror: 1 }], [{ autoRepair: null }], [{ driver: undefined }],
  ])('the options %j', (options) => {
    expect(make('/db', { driver: mockDriver(), ...options })).toThrow(TypeError);
    expect(make('/db', undefined)).toThrow(TypeError);
  });
});

test('of two opens at the same moment one has the database, the other one is told that it is locked', async () => {
  const location = join(directory, 'twice');
  const outcomes = await Promise.allSettled([opened(location), opened(location)]);
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  expect(refused).toMatchObject([{ cause: { code: 'LEVEL_LOCKED', cause: { code: 'ERR_PMEM_LOCKED' } } }]);
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value.close();
  expect(Object.keys(await sizes('twice'))).toHaveLength(ROLES.length);
});

describe('files of no bytes, as a process leaves them that was killed while it made them', () => {
  test.each([...ROLES.map((role) => [role]), [...ROLES]])('are as good as none: %s', async (...roles) => {
    const name = `empty-${roles.length}-${roles[0] ?? ''}`;
    for (const role of roles) await writeFile(join(directory, `${name}.${role}`), '');
    const db = await opened(join(directory, name));
    await db.put('a', '1');
    await db.close();
    const again = await opened(join(directory, name));
    expect(await again.get('a')).toBe('1');
    await again.close();
  });

  test('stay as they are if the open fails', async () => {
    await writeFile(join(directory, 'kept.log'), '');
    await writeFile(join(directory, 'kept.pages'), 'a text of others ');
    await expect(opened(join(directory, 'kept'))).rejects.toThrow();
    await expect(opened(join(directory, 'kept'), { attachMirror: true })).rejects.toThrow();
    expect(await sizes('kept')).toEqual({ log: 0, pages: 17 });
  });

  test.each(ROLES.map((role) => [role]))('are lost files of a database whose others are whole: %s', async (role) => {
    const name = `lost-${role}`;
    const db = await opened(join(directory, name));
    await db.put('a', '1');
    await db.close();
    await truncate(join(directory, `${name}.${role}`));
    await expect(opened(join(directory, name))).rejects.toMatchObject({ cause: { code: 'ERR_PAGES_MIRROR_MISSING' } });
    expect((await sizes(name))[role]).toBe(0);
    const again = await opened(join(directory, name), { attachMirror: true });
    expect(await again.get('a')).toBe('1');
    await again.close();
  });
});
