/** Some of the files are restored from an older moment: a volume rolled back, a device that forgot what it had promised. */
import { describe, expect, test } from 'vitest';
import { Errno } from '@safe-pmem/core';
import { failNth } from '@safe-pmem/mock';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/pages/checkpoint-record.js';
import { lastGenerationOf } from '../../src/pages/store-headers.js';
import { Wal } from '../../src/wal/index.js';
import type { Member } from './store-machine.js';
import { PATHS, StoreMachine, valueOf } from './store-machine.js';

const MEMBERS: readonly Member[] = ['file', 'mirror', 'log', 'logMirror'];
const KEYS = Array.from({ length: 8 }, (_, i) => `key ${i}`);
const ROUNDS = 5;

/** A store that has written every key in each round, and what its files were after each. */
async function storeWithPast(options: { readonly lastIsOpen?: boolean } = {}): Promise<readonly [StoreMachine, Map<Member, Uint8Array>[]]> {
  const machine = new StoreMachine({ pages: 16, logPages: 12 });
  await machine.open({ create: true });
  const past: Map<Member, Uint8Array>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, key] of KEYS.entries()) await machine.put(key, valueOf(100 * round + i, i === 7 ? 5000 : 700));
    if (options.lastIsOpen !== true || round < ROUNDS - 1) await machine.store.checkpoint();
    await machine.open();
    past.push(new Map(MEMBERS.map((member) => [member, machine.driver.readFile(PATHS[member])])));
  }
  await machine.close();
  return [machine, past];
}

function restore(machine: StoreMachine, past: readonly Map<Member, Uint8Array>[], round: number, members: readonly Member[]): void {
  for (const member of MEMBERS) {
    const bytes = past[members.includes(member) ? round : ROUNDS - 1]?.get(member);
    machine.driver.writeFile(PATHS[member], bytes ?? new Uint8Array());
  }
}

/** Opens the store and goes through it: the keys that it has not, or the code with which it refuses. */
async function outcomeOf(machine: StoreMachine): Promise<number | string> {
  try {
    await machine.open();
    const lost = new Set(machine.account());
    await machine.store.repair();
    for (const key of machine.account()) lost.add(key);
    return lost.size;
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === undefined) throw error;
    return code;
  }
}

describe.each([
  ['whose last round is in pages', false],
  ['whose last round is in the log', true],
])('a store %s', (_, lastIsOpen) => {
  test.each<readonly [string, readonly Member[], string | number]>([
    ['the data file', ['file'], 0],
    ['its mirror', ['mirror'], 0],
    ['the log', ['log'], 0],
    ['the mirror of the log', ['logMirror'], 0],
    ['both on one device', ['file', 'log'], 0],
    ['both on the other', ['mirror', 'logMirror'], 0],
    ['crosswise', ['file', 'logMirror'], 0],
  ])('%s: nothing is lost, and nothing old is believed', async (__, members, wanted) => {
    const [machine, past] = await storeWithPast({ lastIsOpen });
    for (let round = 0; round < ROUNDS - 1; round++) {
      restore(machine, past, round, members);
      expect([round, await outcomeOf(machine)]).toEqual([round, wanted]);
      await machine.close();
    }
  });

  test('both data files: what they have not is lost, and nothing old is believed', async () => {
    const [machine, past] = await storeWithPast({ lastIsOpen });
    for (let round = 0; round < ROUNDS - 2; round++) {
      restore(machine, past, round, ['file', 'mirror']);
      expect([round, await outcomeOf(machine)]).toEqual([round, lastIsOpen ? 0 : KEYS.length]);
      await machine.close();
    }
  });

  test('both files of the log: the store refuses, and says why', async () => {
    const [machine, past] = await storeWithPast({ lastIsOpen });
    for (let round = 0; round < ROUNDS - 2; round++) {
      restore(machine, past, round, ['log', 'logMirror']);
      expect([round, await outcomeOf(machine)]).toEqual([round, 'ERR_PAGES_LOG_STALE']);
      await machine.close();
    }
  });
});

test('a log older than the pages can be accepted; keys whose pages are gone are lost then', async () => {
  const [machine, past] = await storeWithPast();
  restore(machine, past, 0, ['log', 'logMirror']);
  const store = await machine.open({ acceptLostBatches: true });
  expect(store.lostKeys().length).toBeGreaterThan(0);
});

test('a store of an earlier version opens, and believes no older page after its next checkpoint', async () => {
  const machine = new StoreMachine({ pages: 16, logPages: 12 });
  await machine.open({ create: true });
  for (const key of KEYS) await machine.put(key, valueOf(1, 700));
  await machine.store.checkpoint();
  await machine.close();
  await asEarlierVersion(machine);
  await machine.open();
  expect(machine.account()).toEqual([]);
  const old = machine.driver.readFile(PATHS.file);
  for (let round = 2; round < 6; round++) {
    for (const key of KEYS) await machine.put(key, valueOf(round, 700));
    await machine.store.checkpoint();
  }
  await machine.close();
  machine.driver.writeFile(PATHS.file, old);
  expect(await outcomeOf(machine)).toBe(0);
});

/** Adds the checkpoint in force to the log again, without ages. */
async function asEarlierVersion(machine: StoreMachine): Promise<void> {
  const wal = await Wal.open({ file: await machine.openFile('log'), mirror: await machine.openFile('logMirror') });
  for await (const item of wal.replay()) {
    const checkpoint = item.type === 'record' ? decodeCheckpoint(Buffer.from(item.payload)) : undefined;
    if (checkpoint !== undefined) wal.append(encodeCheckpoint({ ...checkpoint, leafGenerations: undefined }));
  }
  wal.commit();
  wal.close();
  await machine.close();
}

describe('the number of a checkpoint that was never in force', () => {
  test('is not given again after a restart', async () => {
    const machine = new StoreMachine({ pages: 32, logPages: 12, mirrored: false });
    await machine.open({ create: true });
    await machine.put('a', valueOf(1, 700));
    const commitFails = failNth({ operation: 'persist', path: PATHS.log, nth: 1, errno: Errno.EIO, persistent: true });
    const stop = machine.driver.observe(commitFails);
    await expect(machine.store.checkpoint()).rejects.toThrow();
    stop();
    const attempted = generationsIn(machine);
    await machine.open();
    await machine.put('a', valueOf(2, 700));
    await machine.store.checkpoint();
    const after = generationsIn(machine).filter((generation) => !attempted.includes(generation));
    expect([attempted.length, after.length]).toEqual([1, 1]);
    expect(Math.max(...after)).toBeGreaterThan(Math.max(...attempted));
  });

  test('is told from the headers; without them, many may have been given', () => {
    const checkpoint = { generation: 7 } as Parameters<typeof lastGenerationOf>[1];
    const ids = { storeId: 1n, fileId: 2n };
    expect(lastGenerationOf([{ ...ids, inForce: 7, attempts: 0 }, { ...ids, inForce: 6, attempts: 2 }], checkpoint)).toBe(8);
    expect(lastGenerationOf([{ ...ids, inForce: 3, attempts: 1 }], checkpoint)).toBe(7);
    for (const unknown of [[], [{ ...ids, inForce: 0, attempts: 0 }], [{ ...ids, inForce: 7, attempts: 65535 }]]) {
      expect(lastGenerationOf(unknown, checkpoint)).toBe(7 + 65535);
    }
  });
});

/** Generations of all leaves in the data file, in force or not. */
function generationsIn(machine: StoreMachine): number[] {
  const bytes = Buffer.from(machine.driver.readFile(PATHS.file));
  const starts = Array.from({ length: bytes.length / 4096 }, (_, slot) => slot * 4096);
  return starts.filter((at) => bytes.toString('latin1', at + 4, at + 8) === 'leaf').map((at) => Number(bytes.readBigUInt64LE(at + 16)));
}
