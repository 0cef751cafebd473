import { expect, test } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { MemoryLevel } from 'memory-level';
import type { AbstractLevel } from 'abstract-level';
import { LevelMachine } from './level-machine.js';

type Level = AbstractLevel<string | Buffer | Uint8Array>;

const LETTERS = Array.from('abcdefgh');

async function bothDatabases(): Promise<readonly [Level, Level]> {
  const databases = [await new LevelMachine().open(), new MemoryLevel()] as unknown as readonly [Level, Level];
  for (const db of databases) await db.batch(LETTERS.map((key) => ({ type: 'put', key, value: key })));
  return databases;
}

test.each([
  ['before the range', { gt: 'b', lt: 'f' }, 'a'],
  ['at the end that does not belong to it', { gt: 'b', lt: 'f' }, 'b'],
  ['after the range', { gte: 'b', lte: 'f' }, 'g'],
  ['before the range, backwards', { gt: 'b', lt: 'f', reverse: true }, 'a'],
  ['after the range, backwards', { gt: 'b', lt: 'f', reverse: true }, 'f'],
  ['at the empty key', { gte: 'b' }, ''],
  ['into the range', { gt: 'b', lt: 'f' }, 'd'],
])('seek %s answers as memory-level does', async (_, range, target) => {
  const [answer, wanted] = await Promise.all(
    (await bothDatabases()).map(async (db) => {
      const iterator = db.iterator(range);
      const before = await iterator.next();
      iterator.seek(target);
      const after = await iterator.next();
      iterator.seek('d');
      const rest = await iterator.nextv(3);
      await iterator.close();
      return [before, after, rest];
    }),
  );
  expect(answer).toEqual(wanted);
});

const CLOSED = 'a read after a seek says that the snapshot was closed, %s the iterator came';
test.each(['before', 'after'])(CLOSED, async (when) => {
  for (const db of await bothDatabases()) {
    const snapshot = db.snapshot();
    if (when === 'before') await snapshot.close();
    const iterator = db.iterator({ snapshot });
    await snapshot.close();
    iterator.seek('c');
    await expect(iterator.next()).rejects.toMatchObject({ code: 'LEVEL_SNAPSHOT_NOT_OPEN' });
  }
});

test('a target that the caller changes after seek() is the one that was given', async () => {
  const db = await new LevelMachine().open();
  await db.batch(LETTERS.map((key) => ({ type: 'put', key, value: key })));
  const iterator = db.iterator<Buffer, string>({ keyEncoding: 'buffer' });
  const target = Buffer.from('c');
  iterator.seek(target);
  target.write('g');
  expect(await iterator.next()).toEqual([Buffer.from('c'), 'c']);
});

/** The first two keys of a sublevel's iterator, and two more after seek(). */
async function seekIn(db: Level, path: string[], keys: readonly string[], range: object, target: string) {
  const sub = db.sublevel(path);
  await sub.clear();
  await sub.batch(keys.map((key) => ({ type: 'put', key, value: key })));
  const iterator = sub.keys(range);
  const found = [await iterator.next(), await iterator.next()];
  iterator.seek(target);
  found.push(await iterator.next(), await iterator.next());
  await iterator.close();
  return found;
}

test('a sublevel whose iterator seeks to its separator, or out of it, answers as the others do', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'level-seek-'));
  const opened = [await new LevelMachine().open(), new MemoryLevel(), new ClassicLevel(directory)];
  const databases = opened as unknown as readonly Level[];
  for (const keys of [['a', 'b', 'c'], ['!', '!a', 'a', 'b']]) {
    for (const range of [{}, { gt: 'a' }, { reverse: true }, { lt: 'c', reverse: true }, { gte: '' }]) {
      for (const target of ['!', '"', '', 'zz']) {
        for (const path of [['s'], ['s', 't']]) {
          const answers = await Promise.all(databases.map((db) => seekIn(db, path, keys, range, target)));
          const asked = { keys, range, target, path };
          expect({ ...asked, answer: answers[0] }).toEqual({ ...asked, answer: answers[1] });
          expect(answers[2]).toEqual(answers[1]);
        }
      }
    }
  }
  for (const db of databases) await db.close();
  await rm(directory, { recursive: true });
});
