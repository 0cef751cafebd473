import { describe, expect, test } from 'vitest';
import { decodeHeaderPage } from '../../src/wal/format/header-page.js';
import { Wal } from '../../src/wal/index.js';
import type { Role } from '../../src/wal/index.js';
import {
  LogMachine,
  PAGE,
  accountFor,
  commitRecords,
  itemsOf,
  payloadOf,
  sequencesByPage,
  union,
} from './log-machine.js';

const PAGES = 12;
const LENGTHS = [100, 200, 9000, 4040, 50, 60, 70, 5000, 300, 400];

async function pair(): Promise<{ machine: LogMachine; wal: Wal; records: Map<number, Uint8Array> }> {
  const machine = new LogMachine({ pages: PAGES, mirrored: true });
  const wal = await machine.open({ create: true });
  return { machine, wal, records: commitRecords(wal, LENGTHS, 2) };
}

/**
 * The same bytes in every data page of both files, but for near slots in pages without records, and the same commit
 * point in all four header pages.
 */
function expectEqualFiles(machine: LogMachine): void {
  const used = sequencesByPage(machine);
  for (let page = 1; page < PAGES - 1; page++) {
    const lengthBytes = used.has(page) ? PAGE : PAGE - 256;
    const [log, mirror] = (['log', 'mirror'] as const).map((role) => machine.page(role, page).subarray(0, lengthBytes));
    expect([page, Buffer.compare(log as Uint8Array, mirror as Uint8Array)]).toEqual([page, 0]);
  }
  const headers = [0, PAGES - 1].flatMap((page) => [machine.page('log', page), machine.page('mirror', page)]);
  const [first, ...others] = headers.map((page) => {
    const state = decodeHeaderPage(page);
    if (state.status !== 'valid') throw new Error(`a header page is ${state.status}`);
    return { header: state.header, commitPoint: state.commitPoint };
  });
  for (const other of others) expect(other).toEqual(first);
}

describe('a log with a mirror', () => {
  test('stores the same bytes twice', async () => {
    expectEqualFiles((await pair()).machine);
  });

  test.each(['log', 'mirror'] as const)(
    'any page of the %s: nothing is lost, and repair() brings it back',
    async (role) => {
      for (let page = 0; page < PAGES; page++) {
        const { machine, wal, records } = await pair();
        machine.poison(role, page);
        expect([page, (await accountFor(wal, records)).lost]).toEqual([page, []]);
        const again = await machine.open();
        expect([page, (await accountFor(again, records)).lost]).toEqual([page, []]);
        const report = await again.repair();
        expect(report).toMatchObject({ lost: [], failed: [] });
        expect([...report.rebuilt, ...report.emptied]).toMatchObject([{ role, range: { offset: page * PAGE } }]);
        expectEqualFiles(machine);
        await again.repair().then((second) => {
          expect(second).toEqual({ rebuilt: [], emptied: [], lost: [], failed: [] });
        });
      }
    },
  );

  test('every page of one file at once, headers included', async () => {
    for (const role of ['log', 'mirror'] as const) {
      const { machine, records } = await pair();
      for (let page = 0; page < PAGES; page++) machine.poison(role, page);
      const wal = await machine.open();
      expect((await accountFor(wal, records)).lost).toEqual([]);
      records.set(wal.append(payloadOf(11, 30)), payloadOf(11, 30));
      expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
      expect(await wal.repair()).toMatchObject({ lost: [], failed: [] });
      expect(wal.commit()).toEqual({ lastSequence: 11, missing: [] });
      expectEqualFiles(machine);
      expect((await accountFor(await machine.open(), records)).returned).toHaveLength(11);
    }
  });

  test('different pages of both files: each comes back from the other', async () => {
    const { machine, wal, records } = await pair();
    for (const page of [1, 4]) machine.poison('log', page);
    for (const page of [2, 3]) machine.poison('mirror', page);
    const report = await wal.repair();
    expect(report.rebuilt.map(({ role, range, from }) => [role, range.offset / PAGE, from])).toEqual([
      ['log', 1, 'mirror'],
      ['log', 4, 'mirror'],
      ['mirror', 2, 'log'],
      ['mirror', 3, 'log'],
    ]);
    expectEqualFiles(machine);
    expect((await accountFor(wal, records)).lost).toEqual([]);
  });

  test('the same page of both: exactly its records are lost', async () => {
    for (const [page, sequences] of sequencesByPage((await pair()).machine)) {
      const { machine, records } = await pair();
      for (const role of ['log', 'mirror'] as const) machine.poison(role, page);
      const wal = await machine.open();
      expect([page, (await accountFor(wal, records)).lost]).toEqual([page, union([sequences])]);
      const report = await wal.repair();
      expect(report.lost.map(({ role }) => role)).toEqual(['log', 'mirror']);
      expect([page, (await accountFor(await machine.open(), records)).lost]).toEqual([page, union([sequences])]);
    }
  });

  test('bytes of the other file that do not verify are not used for a rebuild', async () => {
    const { machine, records } = await pair();
    const damaged = machine.page('mirror', 2).slice(2000, 2001);
    damaged[0] = (damaged[0] as number) ^ 1;
    await machine.overwrite('mirror', 2 * PAGE + 2000, damaged);
    machine.poison('log', 2);
    const wal = await machine.open();
    const lost = union([sequencesByPage(machine).get(2) ?? []]);
    const report = await wal.repair();
    expect(report).toMatchObject({ rebuilt: [], lost: [{ role: 'log', range: { offset: 2 * PAGE } }] });
    expect((await accountFor(wal, records)).lost).toEqual(lost);
  });

  test('a damaged page that reads without an error comes back too', async () => {
    const { machine, records } = await pair();
    await machine.overwrite('log', 3 * PAGE + 100, payloadOf(9, 40));
    const wal = await machine.open();
    expect((await accountFor(wal, records)).lost).toEqual([]);
    expect((await wal.repair()).rebuilt).toMatchObject([{ role: 'log', range: { offset: 3 * PAGE }, from: 'mirror' }]);
    expectEqualFiles(machine);
  });

  test('a page that was repaired without the mirror comes back once the mirror is there', async () => {
    const { machine, records } = await pair();
    machine.poison('log', 2);
    await machine.closeFiles();
    const file = await machine.openFile('log');
    await file.repair({ offset: 2 * PAGE, length: PAGE });
    const wal = await machine.open();
    expect((await wal.repair()).rebuilt).toMatchObject([{ role: 'log', range: { offset: 2 * PAGE }, from: 'mirror' }]);
    expect((await accountFor(wal, records)).lost).toEqual([]);
    expectEqualFiles(machine);
  });
});

describe('which files belong together', () => {
  async function openRoles(machine: LogMachine, roles: readonly Role[], options = {}): Promise<Wal> {
    await machine.closeFiles();
    const [file, mirror] = [await machine.openFile(roles[0] as Role), roles[1] && (await machine.openFile(roles[1]))];
    return Wal.open({ file, ...(mirror === undefined ? {} : { mirror }), ...options });
  }

  test('a mirrored log is not opened without its mirror by accident', async () => {
    const { machine, records } = await pair();
    await expect(openRoles(machine, ['log'])).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_MISSING' });
    expect((await accountFor(await openRoles(machine, ['log'], { readOnly: true }), records)).lost).toEqual([]);
    expect((await accountFor(await openRoles(machine, ['mirror', 'log']), records)).lost).toEqual([]);
  });

  test('a mirror that was given up stays so until it is attached again', async () => {
    const { machine, records } = await pair();
    const alone = await openRoles(machine, ['log'], { detachMirror: true });
    records.set(alone.append(payloadOf(11, 500)), payloadOf(11, 500));
    alone.commit();
    expect((await accountFor(await openRoles(machine, ['log']), records)).returned).toHaveLength(11);
    await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE', path: '/pmem1/mirror' });
    await expect(openRoles(machine, ['mirror', 'log'])).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE' });
    const again = await machine.open({ attachMirror: true });
    expect((await accountFor(again, records)).returned).toHaveLength(11);
    machine.poison('log', 1);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('a mirror attached to a log with a lost page has that page lost, and no other', async () => {
    const { machine, records } = await pair();
    const lost = union([sequencesByPage(machine).get(3) ?? []]);
    machine.poison('log', 3);
    await openRoles(machine, ['log'], { detachMirror: true });
    await machine.closeFiles();
    machine.driver.writeFile('/pmem1/mirror', new Uint8Array(PAGES * PAGE));
    const wal = await machine.open({ attachMirror: true });
    expect((await accountFor(wal, records)).lost).toEqual(lost);
    expect(machine.page('mirror', 3).every((byte) => byte === 0)).toBe(true);
    for (let page = 4; page < PAGES; page++) machine.poison('log', page);
    expect((await accountFor(await machine.open(), records)).lost).toEqual(lost);
  });

  test('a file that is not a copy, and the same file twice, are refused', async () => {
    const { machine } = await pair();
    await machine.closeFiles();
    machine.driver.writeFile('/pmem1/mirror', new Uint8Array(PAGES * PAGE));
    await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE', path: '/pmem1/mirror' });
    await expect(openRoles(machine, ['mirror', 'log'])).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE' });
    const file = await machine.openFile('log');
    await expect(Wal.open({ file, mirror: file })).rejects.toThrow(TypeError);
  });

  test('losing every header copy of both files is an end that is unknown', async () => {
    const { machine, records } = await pair();
    for (const role of ['log', 'mirror'] as const) for (const page of [0, PAGES - 1]) machine.poison(role, page);
    const wal = await machine.open();
    expect(wal.commitPointLost).toBe(true);
    const items = await itemsOf(wal);
    expect(items.filter((item) => item.type === 'record').map((item) => item.sequence)).toEqual([...records.keys()]);
    expect(items.at(-1)).toMatchObject({ type: 'lost', first: 11, last: undefined, certain: false });
    expect((await wal.reset(500)).rebuilt).toHaveLength(4);
    wal.append(payloadOf(1, 1));
    wal.commit();
    expectEqualFiles(machine);
    expect((await machine.open()).firstSequence).toBe(500);
  });
});
