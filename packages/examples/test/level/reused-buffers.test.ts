/** A program that uses one buffer for many keys finds the same as with a buffer for each key, as in LevelDB. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PmemLevel } from '../../src/level/index.js';
import { LevelMachine, LOCATION } from './level-machine.js';

type Database = PmemLevel<Buffer, Buffer>;

const ENCODINGS = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

function classic(): Database {
  const folder = mkdtempSync(path.join(tmpdir(), 'reused-buffers-'));
  const db = new ClassicLevel<Buffer, Buffer>(folder, ENCODINGS);
  onTestFinished(async () => {
    await db.close();
    rmSync(folder, { recursive: true, force: true });
  });
  // The tests call what both have.
  return db as unknown as Database;
}

function pmem(): Database {
  const { driver } = new LevelMachine();
  return new PmemLevel<Buffer, Buffer>(LOCATION, { driver, logBytes: 2 ** 20, ...ENCODINGS });
}

const bytes = (text: string): Buffer => Buffer.from(text);

async function keysOf(db: Database): Promise<string[]> {
  return (await db.keys().all()).map((key) => key.toString());
}

describe.each([['PmemLevel', pmem], ['classic-level', classic]])('%s', (_, make) => {
  async function filled(): Promise<Database> {
    const db = make();
    await db.batch(['a', 'b', 'c', 'd', 'e'].map((key) => ({ type: 'put', key: bytes(key), value: bytes('') })));
    return db;
  }

  test('a chained batch stores each key and value as it was given', async () => {
    const db = make();
    await db.open();
    const [key, value] = [bytes('k0'), bytes('v0')];
    const batch = db.batch().put(bytes('gone'), value);
    for (let i = 1; i <= 3; i++) {
      key.write(`k${i}`);
      value.write(`v${i}`);
      batch.put(key, value);
    }
    key.write('k2');
    batch.del(key);
    key.write('k9');
    batch.del(bytes('gone'));
    await batch.write();
    const entries = (await db.iterator().all()).map(([found, its]) => `${found.toString()}=${its.toString()}`);
    expect(entries).toEqual(['k1=v1', 'k3=v3']);
  });

  test.each([
    ['from a key', 'gte', false, 'b', 'd', 'bcde'],
    ['after a key', 'gt', false, 'b', 'd', 'cde'],
    ['before a key', 'lt', false, 'c', 'e', 'ab'],
    ['up to a key, backwards', 'lte', true, 'd', 'b', 'dcba'],
  ])('an iterator %s goes through that range', async (__, bound, reverse, asked, later, found) => {
    const db = await filled();
    const key = bytes(asked);
    const iterator = db.keys({ [bound]: key, reverse });
    key.write(later);
    expect((await iterator.all()).map(String).join('')).toBe(found);
  });

  test('clear() with a limit deletes nothing beyond the end it was given', async () => {
    const db = make();
    const keys = Array.from({ length: 2500 }, (__, i) => `k${String(i).padStart(4, '0')}`);
    await db.batch(keys.map((key) => ({ type: 'put', key: bytes(key), value: bytes('') })));
    const end = bytes('k1500');
    const cleared = db.clear({ lt: end, limit: 5000 });
    end.write('k9');
    await cleared;
    expect(await keysOf(db)).toEqual(keys.slice(1500));
  });
});
