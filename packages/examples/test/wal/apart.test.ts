/** Two files of one log that were opened apart, or of which one is from an earlier moment. */
import { describe, expect, test } from 'vitest';
import type { Role } from '../../src/wal/index.js';
import { Wal } from '../../src/wal/index.js';
import { accountFor, commitRecords, LogMachine, PAGE, payloadOf } from './log-machine.js';

const PAGES = 8;
const STALE = { code: 'ERR_WAL_MIRROR_STALE' };
const PATHS = { log: '/pmem0/log', mirror: '/pmem1/mirror' } as const;

async function newPair(): Promise<LogMachine> {
  const machine = new LogMachine({ pages: PAGES, mirrored: true });
  const wal = await machine.open({ create: true });
  commitRecords(wal, [10, 20]);
  wal.close();
  await machine.closeFiles();
  return machine;
}

/** Goes on in one file alone, as after the loss of the other device, with records of these lengths. */
async function goOnAlone(machine: LogMachine, role: Role, seeds: readonly number[], starts = 1): Promise<void> {
  for (let start = 1; start <= starts; start++) {
    const wal = await Wal.open({ file: await machine.openFile(role), detachMirror: true });
    if (start === starts) for (const seed of seeds) wal.append(payloadOf(seed, 30));
    wal.commit();
    wal.close();
    await machine.closeFiles();
  }
}

describe('a file in which the log has gone on alone', () => {
  test.each([
    ['though the other was started more often since', [], 5],
    ['though the other has gone on for longer', [4, 5], 5],
    ['though the other has gone on by as many bytes', [4], 1],
  ] as const)('is not overwritten by attachMirror, %s', async (_, seeds, starts) => {
    const machine = await newPair();
    await goOnAlone(machine, 'mirror', [3]);
    await goOnAlone(machine, 'log', seeds, starts);
    const before = Buffer.from(machine.driver.readFile(PATHS.mirror));
    await expect(machine.open({ attachMirror: true })).rejects.toMatchObject(STALE);
    expect(before.equals(machine.driver.readFile(PATHS.mirror))).toBe(true);
  });

  test('is not overwritten either if it has records in a page that the log has lost', async () => {
    const machine = await newPair();
    await goOnAlone(machine, 'log', [3]);
    machine.poison('log', 1);
    const before = Buffer.from(machine.driver.readFile(PATHS.mirror));
    await expect(machine.open({ attachMirror: true })).rejects.toMatchObject(STALE);
    expect(before.equals(machine.driver.readFile(PATHS.mirror))).toBe(true);
    machine.driver.writeFile(PATHS.mirror, new Uint8Array(PAGES * PAGE));
    machine.files = [];
    const wal = await machine.open({ attachMirror: true });
    const records = new Map([10, 20, 30].map((length, i) => [i + 1, payloadOf(i + 1, length)]));
    expect((await accountFor(wal, records)).lost).toEqual([1, 2, 3]);
  });

  test('is told from one that was left behind, which becomes a copy', async () => {
    const machine = await newPair();
    await goOnAlone(machine, 'log', [3], 2);
    const wal = await machine.open({ attachMirror: true });
    const records = new Map([10, 20, 30].map((length, i) => [i + 1, payloadOf(i + 1, length)]));
    expect((await accountFor(wal, records)).lost).toEqual([]);
  });
});

test('an attach after a commit that was cut off, itself cut off, is gone on with', async () => {
  let runs = 0;
  for (let at = 1; ; at++) {
    const machine = await newPair();
    const wal = await machine.open();
    wal.append(payloadOf(3, 30));
    // The commit point survives in the first page, and nothing of the record.
    const header = machine.driver.physicalOf(PATHS.log, 0) ?? 0;
    machine.driver.observe(({ name }) => {
      if (name !== 'persist') return undefined;
      return { crash: true, chooser: (choice) => (isOfPage(choice, header) ? choice.alternatives - 1 : 0) };
    });
    expect(() => wal.commit()).toThrow();
    machine.files = [];
    const copy = machine.driver.clone();
    copy.writeFile(PATHS.mirror, new Uint8Array(PAGES * PAGE));
    const attaching = Object.assign(new LogMachine({ pages: PAGES, mirrored: true }), { driver: copy });
    const moment = copy.operations + at;
    const stop = copy.observe(({ index }) => (index === moment ? { crash: true, chooser: () => 0 } : undefined));
    const first = await attaching.open({ attachMirror: true }).catch(() => undefined);
    stop();
    attaching.files = [];
    if (first !== undefined) break;
    const second = await attaching.open({ attachMirror: true });
    const records = new Map([10, 20].map((length, i) => [i + 1, payloadOf(i + 1, length)]));
    expect((await accountFor(second, records)).lost, `power failed at ${at}`).toEqual([]);
    runs++;
  }
  expect(runs).toBeGreaterThan(20);
});

function isOfPage(choice: { readonly kind: string; readonly deviceOffset?: number }, page: number): boolean {
  const { kind, deviceOffset = -1 } = choice;
  return kind === 'line' && Math.floor(deviceOffset / PAGE) === page / PAGE;
}

describe.each(['log', 'mirror'] as const)('the %s is from an earlier moment', (role) => {
  const other = role === 'log' ? 'mirror' : 'log';
  const LENGTHS = [20, 3000, 2000, 5000];

  async function pairWithOlder(): Promise<{ machine: LogMachine; records: Map<number, Uint8Array> }> {
    const machine = new LogMachine({ pages: PAGES, mirrored: true });
    const wal = await machine.open({ create: true });
    wal.append(payloadOf(1, 20));
    wal.commit();
    const older = Buffer.from(machine.driver.readFile(PATHS[role]));
    for (const [i, length] of LENGTHS.slice(1).entries()) {
      wal.append(payloadOf(i + 2, length));
      wal.commit();
    }
    wal.close();
    await machine.closeFiles();
    machine.driver.writeFile(PATHS[role], older);
    return { machine, records: new Map(LENGTHS.map((length, i) => [i + 1, payloadOf(i + 1, length)])) };
  }

  test('it has every record once the log was opened: it is enough alone', async () => {
    const { machine, records } = await pairWithOlder();
    (await machine.open()).close();
    await machine.closeFiles();
    machine.driver.poison(PATHS[other], { offset: 0, length: PAGES * PAGE });
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('a record that the other file has lost is still returned from it', async () => {
    const { machine, records } = await pairWithOlder();
    machine.poison(other, 1);
    const wal = await machine.open();
    expect((await accountFor(wal, records)).returned).toEqual([1, 4]);
  });

  test('a page that was restored alone comes back with repair()', async () => {
    const { machine, records } = await pairWithOlder();
    const page = Buffer.from(machine.page(role, 1));
    (await machine.open()).close();
    await machine.overwrite(role, PAGE, page);
    const wal = await machine.open();
    const { rebuilt } = await wal.repair();
    expect(rebuilt).toEqual([{ role, from: other, range: { offset: PAGE, length: PAGE } }]);
    wal.close();
    await machine.closeFiles();
    machine.driver.poison(PATHS[other], { offset: 0, length: PAGES * PAGE });
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });
});

test('power fails at each call of an attach into the place of the log: it can be gone on with', async () => {
  const machine = await newPair();
  machine.driver.writeFile(PATHS.log, new Uint8Array(PAGES * PAGE));
  const records = new Map([10, 20].map((length, i) => [i + 1, payloadOf(i + 1, length)]));
  let runs = 0;
  for (let at = 1; ; at++) {
    const driver = machine.driver.clone();
    const attaching = Object.assign(new LogMachine({ pages: PAGES, mirrored: true }), { driver });
    const moment = attaching.driver.operations + at;
    const stop = attaching.driver.observe(({ index }) => (index === moment ? { crash: true } : undefined));
    const first = await attaching.open({ attachMirror: true }).catch(() => undefined);
    stop();
    attaching.files = [];
    if (first !== undefined) break;
    const second = await attaching.open({ attachMirror: true });
    expect((await accountFor(second, records)).lost, `power failed at ${at}`).toEqual([]);
    runs++;
  }
  expect(runs).toBeGreaterThan(20);
});
