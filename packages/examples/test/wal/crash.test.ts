import { describe, expect, test } from 'vitest';
import { SimulatedCrash, crashAt, keepAll, loseAll } from '@safe-pmem/mock';
import type { CrashChooser } from '@safe-pmem/mock';
import { Wal } from '../../src/wal/index.js';
import { MOMENTS_APART } from '../share.js';
import { LogMachine, PAGE, accountFor, itemsOf, payloadOf, seedsFor } from './log-machine.js';

const PAGES = 8;

interface Survivor {
  readonly machine: LogMachine;
  readonly records: Map<number, Uint8Array>;
  /** Commits that had returned when power failed, and the last record of the one that had not. */
  readonly acknowledged: number;
  readonly attempted: number;
}

/** Runs three commits of several records and a truncation, and lets power fail at the given operation. */
async function crashDuring(
  at: number,
  mirrored: boolean,
  seed: number,
  chooser?: CrashChooser,
): Promise<Survivor | undefined> {
  const machine = new LogMachine({ pages: PAGES, mirrored, seed });
  const records = new Map<number, Uint8Array>();
  let wal = await machine.open({ create: true });
  let acknowledged = 0;
  let attempted = 0;
  const start = machine.driver.operations;
  const stop = machine.driver.observe(crashAt(start + at, chooser));
  try {
    for (const lengths of [[100, 30], [4500], [20, 3000, 40]]) {
      for (const length of lengths) {
        attempted = wal.append(payloadOf(records.size + 1, length));
        records.set(attempted, payloadOf(records.size + 1, length));
      }
      wal.commit();
      acknowledged = attempted;
    }
    wal.truncate(1);
    wal = await machine.open();
    stop();
    return undefined;
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
    stop();
    machine.files = [];
    return { machine, records, acknowledged, attempted };
  }
}

/** After the crash: all that was acknowledged, all or nothing of the commit in flight, and the log goes on. */
async function expectSound({ machine, records, acknowledged, attempted }: Survivor): Promise<void> {
  const wal = await machine.open({ create: true });
  expect([acknowledged, attempted]).toContain(wal.lastSequence);
  expect((await accountFor(wal, records)).lost).toEqual([]);
  const last = wal.lastSequence ?? 0;
  // Another history from here on: the numbers of what was not committed are used again, for other bytes.
  for (const length of [10, 500, 4100]) {
    const payload = payloadOf(records.size + length, length);
    records.set(wal.append(payload), payload);
  }
  wal.commit();
  const again = await machine.open();
  expect(again.lastSequence).toBe(last + 3);
  expect((await accountFor(again, records)).lost).toEqual([]);
}

/** True if power failed before the promise was fulfilled. */
async function crashes(attempt: Promise<unknown>): Promise<boolean> {
  try {
    await attempt;
    return false;
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
    return true;
  }
}

describe('power loss', () => {
  test.each([
    ['everything unpersisted lost', false, loseAll],
    ['everything kept', false, keepAll],
    ['any subset', false, undefined],
    ['everything unpersisted lost, with a mirror', true, loseAll],
    ['everything kept, with a mirror', true, keepAll],
    ['any subset, with a mirror', true, undefined],
  ] as const)('at every operation: %s', async (_, mirrored, chooser) => {
    const [seed = 0] = seedsFor(1);
    let crashes = 0;
    for (let at = 1 + (seed % MOMENTS_APART); ; at += MOMENTS_APART) {
      const survivor = await crashDuring(at, mirrored, seed, chooser);
      if (survivor === undefined) break;
      crashes++;
      await expectSound(survivor).catch((cause: unknown) => {
        throw new Error(`operation ${at}, WAL_SEED=${seed}`, { cause });
      });
    }
    expect(crashes).toBeGreaterThan(20 / MOMENTS_APART);
  });

  test('while the log is being made: it can be made again', async () => {
    for (let at = 1, crashed = true; crashed; at++) {
      const machine = new LogMachine({ pages: PAGES, mirrored: true });
      const stop = machine.driver.observe(crashAt(at));
      crashed = await crashes(machine.open({ create: true }));
      stop();
      if (crashed) machine.files = [];
      const wal = await machine.open({ create: true });
      wal.append(payloadOf(1, 10));
      expect([at, wal.commit().lastSequence]).toEqual([at, 1]);
    }
  });

  test('while a mirror is being attached: the log is whole, and attaching can be done again', async () => {
    for (let at = 1, crashed = true; crashed; at++) {
      const machine = new LogMachine({ pages: PAGES, mirrored: true });
      const first = await machine.open({ create: true });
      const records = new Map([[first.append(payloadOf(1, 9000)), payloadOf(1, 9000)]]);
      first.commit();
      await machine.closeFiles();
      machine.driver.writeFile('/pmem1/mirror', new Uint8Array(PAGES * PAGE));
      const stop = machine.driver.observe(crashAt(machine.driver.operations + at));
      crashed = await crashes(machine.open({ attachMirror: true }));
      stop();
      if (crashed) machine.files = [];
      const wal = await machine.open({ attachMirror: true });
      expect((await accountFor(wal, records)).lost).toEqual([]);
      machine.poison('log', 1);
      expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
    }
  });
});

describe('what a crash leaves behind', () => {
  /** Power fails when commit() has stored the records and not yet the commit point; everything stored survives. */
  function leaveLeftovers(machine: LogMachine, wal: Wal): void {
    const stop = machine.driver.observe((operation) =>
      operation.name === 'write' && operation.position < PAGE ? { crash: true, chooser: keepAll } : undefined,
    );
    expect(() => wal.commit()).toThrow(SimulatedCrash);
    stop();
    machine.files = [];
  }

  test('is erased by the next start, in both files, behind the commit point and in later pages', async () => {
    const machine = new LogMachine({ pages: PAGES, mirrored: true });
    const wal = await machine.open({ create: true });
    wal.append(payloadOf(1, 100));
    wal.commit();
    const committed = machine.page('log', 1).slice(0, 160);
    for (const length of [3000, 6000]) wal.append(payloadOf(2, length));
    leaveLeftovers(machine, wal);
    expect(
      machine
        .page('log', 1)
        .subarray(160)
        .some((byte) => byte !== 0),
    ).toBe(true);
    expect((await machine.open()).lastSequence).toBe(1);
    for (const role of ['log', 'mirror'] as const) {
      expect(machine.page(role, 1).slice(0, 160)).toEqual(committed);
      expect(
        machine
          .page(role, 1)
          .subarray(160)
          .every((byte) => byte === 0),
      ).toBe(true);
      for (const page of [2, 3])
        expect(
          machine
            .page(role, page)
            .subarray(0, 32)
            .every((byte) => byte === 0),
        ).toBe(true);
    }
  });

  test('does not come back when every copy of the commit point is lost later', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const wal = await machine.open({ create: true });
    wal.append(payloadOf(1, 100));
    wal.commit();
    for (const length of [3000, 2000, 50]) wal.append(payloadOf(2, length));
    leaveLeftovers(machine, wal);
    await machine.open();
    for (const page of [0, PAGES - 1]) machine.poison('log', page);
    expect(
      (await itemsOf(await machine.open())).map((item) => (item.type === 'record' ? item.sequence : item.first)),
    ).toEqual([1, 2]);
  });

  test('a commit point that only one copy has taken is copied before it is acknowledged', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const wal = await machine.open({ create: true });
    wal.append(payloadOf(1, 100));
    const stop = machine.driver.observe((operation) =>
      operation.name === 'write' && operation.position >= (PAGES - 1) * PAGE
        ? { crash: true, chooser: keepAll }
        : undefined,
    );
    expect(() => wal.commit()).toThrow(SimulatedCrash);
    stop();
    machine.files = [];
    expect((await machine.open()).lastSequence).toBe(1);
    machine.poison('log', 0);
    const again = await machine.open();
    expect((await accountFor(again, new Map([[1, payloadOf(1, 100)]]))).returned).toEqual([1]);
  });

  test('a commit point that only one file has taken is in force, whichever file is named first', async () => {
    const machine = new LogMachine({ pages: PAGES, mirrored: true });
    const wal = await machine.open({ create: true });
    wal.append(payloadOf(1, 100));
    const stop = machine.driver.observe((operation) =>
      operation.name === 'write' && operation.path === '/pmem1/mirror' && operation.position < PAGE
        ? { crash: true, chooser: keepAll }
        : undefined,
    );
    expect(() => wal.commit()).toThrow(SimulatedCrash);
    stop();
    machine.files = [];
    const swapped = await Wal.open({ file: await machine.openFile('mirror'), mirror: await machine.openFile('log') });
    expect((await accountFor(swapped, new Map([[1, payloadOf(1, 100)]]))).returned).toEqual([1]);
  });

  test('after an error that is no damage the log refuses to go on', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const wal = await machine.open({ create: true });
    wal.append(payloadOf(1, 100));
    const stop = machine.driver.observe((operation) => (operation.name === 'persist' ? { errno: 5 } : undefined));
    expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_IO' }));
    stop();
    expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_WAL_FAILED' }));
    expect(() => wal.append(payloadOf(1, 1))).toThrow(expect.objectContaining({ code: 'ERR_WAL_FAILED' }));
    expect([0, 1]).toContain((await machine.open()).lastSequence);
  });
});
