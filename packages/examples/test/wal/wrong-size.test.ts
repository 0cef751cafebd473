/**
 * A copy tool that died, a truncate(1) too many, a file that was lengthened: files that are not as long as their log.
 */
import { describe, expect, test } from 'vitest';
import { SimulatedCrash } from '@safe-pmem/mock';
import type { Role } from '../../src/wal/index.js';
import { Wal } from '../../src/wal/index.js';
import { powerFails } from '../power-fails.js';
import { accountFor, commitRecords, LogMachine, PAGE, payloadOf } from './log-machine.js';

const PAGES = 12;
const SIZE = PAGES * PAGE;
const PATHS = { log: '/pmem0/log', mirror: '/pmem1/mirror' } as const;
/** They fill the ring up to its last page but one. */
const LENGTHS = [100, 200, 9000, 4040, 50, 60, 70, 9000, 5000, 300, 400];
const ROLES = ['log', 'mirror'] as const;

type Records = ReadonlyMap<number, Uint8Array>;

/** Files that were closed, or whose process was killed with the last batch open. */
async function pair(how: 'closed' | 'killed'): Promise<{ machine: LogMachine; records: Records }> {
  const machine = new LogMachine({ pages: PAGES, mirrored: true });
  const wal = await machine.open({ create: true });
  const records = commitRecords(wal, LENGTHS, 3);
  if (how === 'closed') wal.close();
  await machine.closeFiles();
  return { machine, records };
}

/** Every record is there, and is still there when the file that was whole is lost. */
async function expectWhole(machine: LogMachine, records: Records, whole: Role): Promise<void> {
  const wal = await machine.open();
  expect((await accountFor(wal, records)).lost).toEqual([]);
  expect(ROLES.map((role) => machine.driver.readFile(PATHS[role]).length)).toEqual([SIZE, SIZE]);
  wal.close();
  await machine.closeFiles();
  machine.driver.poison(PATHS[whole], { offset: 0, length: SIZE });
  expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
}

const CUTS = [SIZE - 100, SIZE - PAGE, SIZE - PAGE - 1, 7 * PAGE, 3 * PAGE, PAGE + 1, 100, 20];

describe.each(['closed', 'killed'] as const)('one file of two was cut off after the log was %s', (how) => {
  test.each(ROLES)('%s: it comes back from the other one', async (role) => {
    for (const size of CUTS) {
      const { machine, records } = await pair(how);
      machine.driver.truncate(PATHS[role], size);
      await expectWhole(machine, records, role === 'log' ? 'mirror' : 'log').catch((cause: unknown) => {
        throw new Error(`cut off after ${size} bytes`, { cause });
      });
    }
  });

  test('reading alone returns every record, and changes nothing', async () => {
    for (const role of ROLES) {
      const { machine, records } = await pair(how);
      machine.driver.truncate(PATHS[role], 5 * PAGE + 7);
      const before = Buffer.from(machine.driver.readFile(PATHS[role]));
      expect((await accountFor(await machine.open({ readOnly: true }), records)).lost).toEqual([]);
      expect(before.equals(machine.driver.readFile(PATHS[role]))).toBe(true);
    }
  });
});

test('power loss at every step of bringing it back: it can be brought back again', async () => {
  for (const role of ROLES) {
    for (let at = 1, crashed = true; crashed; at += 7) {
      const { machine, records } = await pair('killed');
      machine.driver.truncate(PATHS[role], 4 * PAGE + 9);
      const start = machine.driver.operations;
      const stop = machine.driver.observe(({ index }) => (index === start + at ? { crash: true } : undefined));
      crashed = await machine.open().then(() => false, (error: unknown) => {
        if (error instanceof SimulatedCrash) return true;
        throw error;
      });
      stop();
      if (crashed) machine.files = [];
      const wal = await machine.open();
      expect([role, at, (await accountFor(wal, records)).lost]).toEqual([role, at, []]);
      expect(wal.append(payloadOf(12, 30))).toBe(12);
      wal.truncate(3);
      expect(wal.commit().lastSequence).toBe(12);
    }
  }
}, 60_000);

describe('a file that is longer than its log', () => {
  test('is used as far as the log goes, and keeps what follows', async () => {
    for (const roles of [['log'], ['mirror'], ROLES] as const) {
      const { machine, records } = await pair('closed');
      for (const role of roles) machine.driver.append(PATHS[role], Buffer.alloc(2 * PAGE + 50, 'appended'));
      const wal = await machine.open();
      expect((await accountFor(wal, records)).lost).toEqual([]);
      wal.truncate(8);
      for (let i = 0; i < 20; i++) {
        wal.append(payloadOf(i, 2000));
        const { lastSequence } = wal.commit();
        wal.truncate(lastSequence - 1);
      }
      await wal.repair();
      wal.close();
      for (const role of roles) {
        const after = Buffer.from(machine.driver.readFile(PATHS[role])).subarray(SIZE);
        expect(after.equals(Buffer.alloc(2 * PAGE + 50, 'appended'))).toBe(true);
      }
    }
  });

  test('without a mirror as well', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const records = commitRecords(await machine.open({ create: true }), LENGTHS);
    await machine.closeFiles();
    machine.driver.append(PATHS.log, Buffer.from('appended'));
    const wal = await machine.open();
    expect((await accountFor(wal, records)).lost).toEqual([]);
    expect(wal.pageCount).toBe(PAGES);
  });
});

describe('what stays refused, with nothing changed', () => {
  test.each([
    ['a log that was cut off and has no mirror', false, ['log']],
    ['two files that were both cut off', true, ROLES],
  ] as const)('%s', async (_, mirrored, roles) => {
    const machine = new LogMachine({ pages: PAGES, mirrored });
    commitRecords(await machine.open({ create: true }), LENGTHS);
    await machine.closeFiles();
    for (const role of roles) machine.driver.truncate(PATHS[role], SIZE - 100);
    const contents = (): Buffer[] => roles.map((role) => Buffer.from(machine.driver.readFile(PATHS[role])));
    const before = contents();
    await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_SIZE' });
    await expect(machine.open({ create: true, attachMirror: true })).rejects.toMatchObject({ code: 'ERR_WAL_SIZE' });
    expect(contents()).toEqual(before);
  });

  test('a short file of something else as the mirror, and two new files of different lengths', async () => {
    const { machine } = await pair('closed');
    const note = Buffer.from('not a log, but a note of twenty words or so');
    machine.driver.writeFile(PATHS.mirror, note);
    await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE', path: PATHS.mirror });
    expect(note.equals(machine.driver.readFile(PATHS.mirror))).toBe(true);
    machine.driver.writeFile(PATHS.log, new Uint8Array(SIZE));
    machine.driver.writeFile(PATHS.mirror, new Uint8Array(SIZE + PAGE));
    await expect(machine.open({ create: true })).rejects.toMatchObject({ code: 'ERR_WAL_SIZE' });
  });

  test('a header that names more pages than memory has, with a checksum that holds', async () => {
    const machine = new LogMachine({ pages: PAGES });
    await machine.open({ create: true });
    await machine.closeFiles();
    const header = machine.page('log', 0).slice();
    const view = new DataView(header.buffer);
    view.setBigUint64(16, 2n ** 45n, true);
    const { crc32 } = await import('node:zlib');
    view.setUint32(32, crc32(header.subarray(0, 32)), true);
    for (const page of [0, PAGES - 1]) await machine.overwrite('log', page * PAGE, header);
    await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_SIZE' });
  });
});

describe('one of two devices was replaced', () => {
  test.each(ROLES)('%s is new and empty: attachMirror makes it a copy, whatever its size', async (role) => {
    for (const size of [SIZE, SIZE - PAGE, PAGE, SIZE + PAGE]) {
      const { machine, records } = await pair('killed');
      machine.driver.writeFile(PATHS[role], new Uint8Array(size));
      await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE', path: PATHS[role] });
      const wal = await machine.open({ attachMirror: true });
      expect((await accountFor(wal, records)).lost).toEqual([]);
      wal.close();
      // The option may stay on.
      (await machine.open({ attachMirror: true })).close();
      await machine.closeFiles();
      machine.driver.poison(PATHS[role === 'log' ? 'mirror' : 'log'], { offset: 0, length: SIZE });
      expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
    }
  });

  test('a file that holds something is not overwritten in the place of the log', async () => {
    const { machine } = await pair('closed');
    const foreign = Buffer.alloc(SIZE);
    foreign.write('somebody needs this', 3 * PAGE);
    machine.driver.writeFile(PATHS.log, foreign);
    await expect(machine.open({ attachMirror: true })).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE' });
    expect(foreign.equals(machine.driver.readFile(PATHS.log))).toBe(true);
  });

  test('the log file of an older moment is not copied over the mirror that has gone on', async () => {
    const { machine, records } = await pair('closed');
    const old = Buffer.from(machine.driver.readFile(PATHS.log));
    machine.driver.writeFile(PATHS.log, new Uint8Array(SIZE));
    const wal = await machine.open({ attachMirror: true });
    wal.append(payloadOf(12, 30));
    wal.commit();
    wal.close();
    await machine.closeFiles();
    machine.driver.writeFile(PATHS.log, old);
    const stale = { code: 'ERR_WAL_MIRROR_STALE', path: PATHS.log };
    await expect(machine.open({ attachMirror: true })).rejects.toMatchObject(stale);
    await machine.closeFiles();
    const files = { file: await machine.openFile('mirror'), mirror: await machine.openFile('log') };
    const swapped = await Wal.open({ ...files, attachMirror: true });
    expect((await accountFor(swapped, new Map([...records, [12, payloadOf(12, 30)]]))).lost).toEqual([]);
  });

  test('a create that was cut off at any moment, and so was the next one, is gone on with', async () => {
    // An open() that is not cut off makes some fifty operations.
    for (let first = 1; first < 60; first += 2) {
      for (let second = 1 + (first % 8); second < 60; second += 8) {
        const machine = new LogMachine({ pages: 4, mirrored: true });
        for (const at of [first, second]) {
          const failed = await powerFails(machine.driver, at, () => machine.open({ create: true }));
          if (failed) machine.files = [];
        }
        const wal = await machine.open({ create: true }).catch((cause: unknown) => {
          throw new Error(`cut off at operation ${first}, then ${second}`, { cause });
        });
        expect([wal.lastSequence, machine.files.length]).toEqual([0, 2]);
      }
    }
  });

  test('a create that was cut off goes on over an empty mirror, and over no other file', async () => {
    const machine = new LogMachine({ pages: PAGES });
    await machine.open({ create: true });
    await machine.closeFiles();
    const foreign = Buffer.alloc(SIZE, 'x');
    for (const bytes of [foreign, new Uint8Array(SIZE)]) {
      machine.driver.writeFile(PATHS.mirror, bytes);
      const files = { file: await machine.openFile('log'), mirror: await machine.openFile('mirror') };
      const opened = Wal.open({ ...files, create: true });
      if (bytes === foreign) await expect(opened).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE' });
      else (await opened).close();
      await machine.closeFiles();
    }
  });
});
