/** The databases that are compared: ours on a simulated machine, and two that many programs are written for. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { MemoryLevel } from 'memory-level';
import { mockDriver } from '@safe-pmem/mock';
import { PmemLevel } from '../../../src/level/index.js';
import type { Operation } from './operations.js';
import type { Level, Subject } from './subject.js';

const LOCATION = '/pmem/db';
const SUFFIXES = ['pages', 'pages-mirror', 'log', 'log-mirror'] as const;
const PAGE = 4096;

export function pmemSubject(): Subject {
  const driver = mockDriver();
  const opened = async (): Promise<Level> => {
    db = new PmemLevel(LOCATION, { driver, logBytes: 64 * PAGE, cachedLeaves: 2 });
    await db.open();
    return db as unknown as Level;
  };
  let db: PmemLevel | undefined;
  /** Files in which something is bad now: one more bad page in the twin could be a loss, which the others do not know. */
  let hurt: 'first' | 'second' | undefined;
  const poison = (file: number, page: number): void => {
    const side = file % 2 === 0 ? 'first' : 'second';
    if ((hurt ?? side) !== side) return;
    hurt = side;
    const path = `${LOCATION}.${SUFFIXES[file] ?? 'pages'}`;
    const pages = driver.readFile(path).length / PAGE;
    driver.poison(path, { offset: (page % pages) * PAGE, length: 64 }, { latent: page % 2 === 0 });
  };
  return {
    name: 'PmemLevel',
    open: async () => {
      if (db?.status !== 'closed') return opened();
      await db.open();
      return db as unknown as Level;
    },
    special: async (operation) => {
      if (operation.do === 'checkpoint') await db?.checkpoint();
      else if (operation.do === 'poison') poison(operation.file, operation.page);
      else if (operation.do === 'power loss') {
        driver.crash('lose-all');
        db = undefined;
      } else if (operation.do === 'repair') {
        const report = await db?.repair();
        if (report !== undefined && report.lostKeys.length + report.lost.length + report.failed.length > 0) throw new Error('keys were lost');
        hurt = undefined;
      }
    },
    close: async () => db?.close(),
    dispose: async () => db?.close(),
  };
}

/** A database whose content survives its own close(). `rootOf`: where the programs take place. */
function plainSubject(
  name: string,
  db: Level,
  takeAway: () => Promise<void>,
  rootOf: (db: Level) => Promise<Level> = () => Promise.resolve(db),
): Subject {
  return {
    name,
    open: async () => {
      await db.open();
      return rootOf(db);
    },
    special: async (operation: Operation) => {
      if (operation.do === 'power loss') await db.close();
    },
    close: () => db.close(),
    dispose: async () => {
      await db.close();
      await takeAway();
    },
  };
}

export function memorySubject(): Subject {
  return plainSubject('memory-level', new MemoryLevel() as unknown as Level, () => Promise.resolve());
}

/** LevelDB ends the process where an iterator over nothing at all seeks out of its range, so there is always something. */
export async function classicSubject(): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), 'level-differential-'));
  const db = new ClassicLevel(directory) as unknown as Level;
  const rootOf = async (): Promise<Level> => {
    for (const end of ['first', 'zlast']) await db.sublevel(end).put('a', 'b');
    return db.sublevel('root') as unknown as Level;
  };
  return plainSubject('classic-level', db, () => rm(directory, { recursive: true }), rootOf);
}
