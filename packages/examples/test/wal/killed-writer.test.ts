/**
 * A writer that dies in the middle of a commit, or whose flush fails, leaves bytes that can be read and that a power
 * failure takes back. The next start believes them, so it has to make them durable.
 */
import { PmemFile } from '@safe-pmem/core';
import { loseAll, mockDriver } from '@safe-pmem/mock';
import type { MockDriver } from '@safe-pmem/mock';
import { describe, expect, test } from 'vitest';
import { Wal } from '../../src/wal/index.js';
import { sizeOf } from '../share.js';
import { PAGE, accountFor, payloadOf, seedsFor } from './log-machine.js';

const PATH = '/pmem0/log';
const PAGES = 10;

async function openBy(driver: MockDriver, process: string, create = false): Promise<Wal> {
  return Wal.open({ file: await PmemFile.open(PATH, { driver: driver.process(process) }), create });
}

/** A machine whose first process dies at the `at`-th operation of its third commit. Undefined if it does not die. */
async function withDeadWriter(
  seed: number, dax: boolean, at: number, records: Map<number, Uint8Array>,
): Promise<MockDriver | undefined> {
  const driver = mockDriver({ seed, dax });
  driver.writeFile(PATH, new Uint8Array(PAGES * PAGE));
  const wal = await openBy(driver, 'first', true);
  for (const length of [10, 4000, 5000]) {
    const payload = payloadOf(records.size + 1, length);
    records.set(wal.append(payload), payload);
    if (records.size < 3) wal.commit();
  }
  const last = driver.operations + at;
  const stop = driver.observe(({ index }) => {
    if (index === last) driver.process('first').kill();
    return undefined;
  });
  try {
    wal.commit();
    return undefined;
  } catch {
    return driver;
  } finally {
    stop();
  }
}

const WAYS = [['by cache lines', true], ['by msync', false]] as const;

describe.each(WAYS)('a log that persists %s, whose writer was killed in a commit', (_, dax) => {
  test('what the next process reads and commits is there after a power failure', async () => {
    const [seed = 1] = seedsFor(1);
    let runs = 0;
    for (let at = 1; ; at++) {
      const records = new Map<number, Uint8Array>();
      const driver = await withDeadWriter(seed, dax, at, records);
      if (driver === undefined) break;
      const second = await openBy(driver, 'second');
      expect(second.lastSequence).toBeGreaterThanOrEqual(2);
      const payload = payloadOf(9, 30);
      records.set(second.append(payload), payload);
      const { lastSequence } = second.commit();
      driver.crash(loseAll);
      const third = await openBy(driver, 'third');
      expect(third.lastSequence, `WAL_SEED=${seed}, killed at operation ${at}`).toBe(lastSequence);
      expect((await accountFor(third, records)).lost, `WAL_SEED=${seed}, killed at operation ${at}`).toEqual([]);
      runs++;
    }
    expect(runs).toBeGreaterThan(3);
  });

  test('power fails in the next start, and a header copy is lost: nothing acknowledged is gone', async () => {
    const copies = [0, PAGES - 1];
    for (const copy of sizeOf({ whole: copies, share: [copies[(seedsFor(1)[0] ?? 0) % 2] as number] })) {
      for (const seed of seedsFor(sizeOf({ whole: 3, share: 1 }))) {
        for (let killed = 1; ; killed++) {
          const isOver = (await withDeadWriter(seed, dax, killed, new Map())) === undefined;
          if (isOver) break;
          for (let at = 1; ; at++) {
            const records = new Map<number, Uint8Array>();
            const driver = (await withDeadWriter(seed, dax, killed, records)) as MockDriver;
            const moment = driver.operations + at;
            const stop = driver.observe(({ index }) => (index === moment ? { crash: true } : undefined));
            const started = await openBy(driver, 'second').catch(() => undefined);
            stop();
            if (started !== undefined) break;
            driver.poison(PATH, { offset: copy * PAGE, length: PAGE });
            const third = await openBy(driver, 'third');
            const found = `WAL_SEED=${seed}, killed at ${killed}, power failed at ${at}, without page ${copy}`;
            expect(third.lastSequence, found).toBeGreaterThanOrEqual(2);
          }
        }
      }
    }
  });
});

test('a commit whose flush fails, and the next process: what that commits survives a power failure', async () => {
  const driver = mockDriver({ seed: 1, dax: false });
  driver.writeFile(PATH, new Uint8Array(PAGES * PAGE));
  const records = new Map<number, Uint8Array>();
  const append = (wal: Wal, length: number): void => {
    const payload = payloadOf(records.size + 1, length);
    records.set(wal.append(payload), payload);
  };
  const first = await openBy(driver, 'first', true);
  append(first, 4000);
  first.commit();
  append(first, 5000);
  const stop = driver.observe(({ name }) => (name === 'persist' ? { errno: 5 } : undefined));
  expect(() => first.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_IO' }) as Error);
  stop();
  driver.process('first').kill();
  const second = await openBy(driver, 'second');
  expect(second.lastSequence).toBe(2);
  append(second, 30);
  second.commit();
  driver.crash(loseAll);
  expect((await accountFor(await openBy(driver, 'third'), records)).lost).toEqual([]);
});
