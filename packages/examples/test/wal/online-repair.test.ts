/** Repairs while the log goes on: commits, truncations and power loss at every moment of a repair. */
import { describe, expect, test } from 'vitest';
import type { PmemFile } from '@safe-pmem/core';
import { SimulatedCrash, crashAt, keepAll, loseAll } from '@safe-pmem/mock';
import { decodeHeaderPage } from '../../src/wal/format/header-page.js';
import { Wal } from '../../src/wal/index.js';
import type { Role } from '../../src/wal/index.js';
import { MOMENTS_APART } from '../share.js';
import type { LogMachineOptions } from './log-machine.js';
import { LogMachine, PAGE, accountFor, payloadOf, seedsFor, sequencesByPage, union } from './log-machine.js';

const PAGES = 12;
/** Refusals after which nothing was committed and the records are still there. */
const CLEAN = ['ERR_PMEM_MEDIA', 'ERR_PMEM_LOCKED', 'ERR_WAL_BUSY'];

test('power that fails after close(), in a repair that still runs, is no unhandled rejection', async () => {
  for (let turns = 0; turns < 30; turns++) {
    const machine = new LogMachine({ pages: PAGES });
    const wal = await machine.open({ create: true });
    wal.append(payloadOf(1, 3000));
    wal.commit();
    machine.poison('log', 1);
    const repair = wal.repair().catch(() => undefined);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    wal.close();
    machine.crash(loseAll);
    await repair;
    await new Promise(setImmediate);
  }
});

/** A log whose last page is half full, and what it holds. */
class Scene {
  readonly machine: LogMachine;
  readonly records = new Map<number, Uint8Array>();
  wal!: Wal;

  constructor(options: Partial<LogMachineOptions> = {}) {
    this.machine = new LogMachine({ pages: PAGES, ...options });
  }

  async fill(): Promise<this> {
    this.wal = await this.machine.open({ create: true });
    for (const length of [100, 5000, 3000, 900]) this.append(length);
    this.wal.commit();
    return this;
  }

  append(lengthBytes: number): void {
    const sequence = this.wal.nextSequence ?? 0;
    this.records.set(sequence, payloadOf(sequence, lengthBytes));
    this.wal.append(payloadOf(sequence, lengthBytes));
  }

  /** True if the commit was done; false if the repair was in its way. */
  tryCommit(): boolean {
    try {
      this.wal.commit();
      return true;
    } catch (error) {
      if (!CLEAN.includes((error as { code: string }).code)) throw error;
      return false;
    }
  }

  /** The same bytes in every used page of both files, and the commit point in force in every header copy. */
  expectWhole(): void {
    const { machine } = this;
    const roles: readonly Role[] = machine.mirrored ? ['log', 'mirror'] : ['log'];
    for (const page of sequencesByPage(machine).keys()) {
      for (const role of roles) expect(Buffer.compare(machine.page(role, page), machine.page('log', page))).toBe(0);
    }
    for (const role of roles) {
      for (const page of [0, PAGES - 1]) {
        const state = decodeHeaderPage(machine.page(role, page));
        expect(state.status === 'valid' && state.commitPoint?.lastSequence).toBe(this.wal.lastSequence);
      }
    }
  }
}

async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await (i % 3 === 2 ? new Promise(setImmediate) : Promise.resolve());
}

/** Pages of the log: a header, one of records, the one being filled, and the next. */
const DAMAGES: readonly (readonly [string, readonly (readonly [Role, number])[]])[] = [
  ['a page of records', [['log', 1]]],
  ['the page being filled', [['log', 3]]],
  ['the page being filled of both files', [['log', 3], ['mirror', 3]]],
  ['the next page', [['mirror', 4]]],
  ['a header copy', [['log', 0]]],
  ['every header copy', [['log', 0], ['log', PAGES - 1], ['mirror', 0], ['mirror', PAGES - 1]]],
  ['everything', Array.from({ length: PAGES }, (_, page) => ['mirror', page] as const)],
];

const firstMoment = (): number => (seedsFor(1)[0] ?? 0) % MOMENTS_APART;

describe.each(DAMAGES)('while %s is repaired', (_, damage) => {
  test('commits go on at every moment, or are refused with nothing changed', async () => {
    let isOver = false;
    for (let moment = firstMoment(); !isOver; moment += MOMENTS_APART) {
      const scene = await new Scene({ mirrored: true }).fill();
      for (const [role, page] of damage) scene.machine.poison(role, page);
      const over = { ended: false };
      const repair = scene.wal.repair().finally(() => {
        over.ended = true;
      });
      await ticks(moment);
      scene.append(300);
      isOver = over.ended;
      const isDone = scene.tryCommit();
      expect(scene.wal.lastSequence).toBe(isDone ? 5 : 4);
      await repair;
      // A page that was met before the repair knew of it is repaired by the next one.
      scene.append(4100);
      if (!scene.tryCommit()) {
        await scene.wal.repair();
        scene.wal.commit();
      }
      expect(await scene.wal.repair()).toMatchObject({ lost: [], failed: [] });
      scene.expectWhole();
      scene.machine.crash(loseAll);
      expect((await accountFor(await scene.machine.open(), scene.records)).returned).toHaveLength(6);
    }
  });

  test('writers who wait for nothing but their own group never see it', async () => {
    const scene = await new Scene({ mirrored: true }).fill();
    for (const [role, page] of damage) scene.machine.poison(role, page);
    const over = { ended: false };
    const repair = scene.wal.repair().finally(() => {
      over.ended = true;
    });
    do {
      const sequence = scene.wal.nextSequence ?? 0;
      scene.records.set(sequence, payloadOf(sequence, 60));
      await scene.wal.appendDurable(payloadOf(sequence, 60));
    } while (!over.ended);
    await repair;
    expect(await scene.wal.repair()).toMatchObject({ lost: [], failed: [] });
    scene.expectWhole();
    expect((await accountFor(await scene.machine.open(), scene.records)).lost).toEqual([]);
  });
});

describe('a repair beside commits', () => {
  test('loses what no file has, and no record of a later commit', async () => {
    for (let moment = firstMoment(); moment < 60; moment += MOMENTS_APART) {
      const scene = await new Scene().fill();
      const lost = union([sequencesByPage(scene.machine).get(2) ?? []]);
      scene.machine.poison('log', 2);
      const repair = scene.wal.repair();
      await ticks(moment);
      scene.append(700);
      scene.wal.commit();
      scene.wal.truncate(1);
      await repair;
      scene.append(5000);
      scene.wal.commit();
      expect(await accountFor(await scene.machine.open(), scene.records)).toMatchObject({
        lost,
        returned: [2, 3, 4, 5, 6].filter((sequence) => !lost.includes(sequence)),
      });
    }
  });

  test('stops when the log is closed', async () => {
    const scene = await new Scene().fill();
    scene.machine.poison('log', 2);
    const repair = scene.wal.repair();
    scene.wal.close();
    await expect(repair).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
  });

  test('is one at a time', async () => {
    const scene = await new Scene().fill();
    const repair = scene.wal.repair();
    await expect(scene.wal.repair()).rejects.toMatchObject({ code: 'ERR_WAL_BUSY' });
    await repair;
    await scene.wal.repair();
  });

  test('of the last header copy that has the commit point keeps commits out: no other could vouch for them', async () => {
    const codes = new Set<string>();
    for (let moment = 0; moment < 150; moment += 3) {
      const scene = await new Scene().fill();
      await scene.machine.overwrite('log', (PAGES - 1) * PAGE, new Uint8Array(PAGE));
      scene.machine.poison('log', 0);
      const repair = scene.wal.repair();
      for (let i = 0; i < moment; i++) await Promise.resolve();
      scene.append(20);
      try {
        scene.wal.commit();
      } catch (error) {
        codes.add((error as { code: string }).code);
      }
      await repair;
      scene.wal.commit();
      scene.machine.poison('log', moment % 2 === 0 ? 0 : PAGES - 1);
      expect((await accountFor(await scene.machine.open(), scene.records)).returned).toHaveLength(5);
    }
    expect(codes).toContain('ERR_WAL_BUSY');
  });

  test('whose units hold several pages keeps commits out, and groups wait for it', async () => {
    const scene = await new Scene().fill();
    await scene.machine.closeFiles();
    const file = withLargeUnits(await scene.machine.openFile('log'));
    const wal = await Wal.open({ file });
    scene.machine.poison('log', 0);
    const over = { ended: false };
    const repair = wal.repair().finally(() => {
      over.ended = true;
    });
    const group = wal.appendDurable(payloadOf(5, 50));
    scene.records.set(5, payloadOf(5, 50));
    let refused = 0;
    for (let moment = 0; !over.ended; moment++) {
      try {
        wal.truncate(0);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_WAL_BUSY' });
        refused++;
      }
      await (moment % 200 === 199 ? new Promise(setImmediate) : Promise.resolve());
    }
    await repair;
    expect(refused).toBeGreaterThan(0);
    expect(await group).toBe(5);
    expect((await accountFor(await scene.machine.open(), scene.records)).lost).toEqual([]);
  });
});

/** A file on a filesystem of 8 KiB blocks, as far as the log can tell. */
function withLargeUnits(file: PmemFile): PmemFile {
  return new Proxy(file, {
    get: (target, name) => {
      if (name === 'info') return () => ({ ...target.info(), repairUnitBytes: 2 * PAGE });
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

describe('power loss at every operation of a repair beside commits', () => {
  const survivors = [['nothing unpersisted', loseAll], ['everything', keepAll], ['any subset', undefined]] as const;
  test.each(survivors)('%s survives; then a header copy fails, and no old commit point comes back', async (_, chooser) => {
    const [seed = 0] = seedsFor(1);
    for (const mirrored of chooser === undefined ? [false, true] : [false]) {
      for (let at = 1 + (seed % MOMENTS_APART), crashed = true; crashed; at += MOMENTS_APART) {
        for (const header of [0, PAGES - 1]) {
          crashed = await crashAndCheck(at, header, mirrored, seed, chooser).catch((cause: unknown) => {
            throw new Error(`operation ${at}, header ${header}, mirrored ${mirrored}, WAL_SEED=${seed}`, { cause });
          });
        }
      }
    }
  }, 180_000);
});

async function crashAndCheck(
  at: number,
  header: number,
  mirrored: boolean,
  seed: number,
  chooser: Parameters<typeof crashAt>[1],
): Promise<boolean> {
  const scene = await new Scene({ mirrored, seed }).fill();
  const { machine } = scene;
  const other = header === 0 ? PAGES - 1 : 0;
  for (const page of [other, 3]) machine.poison('log', page);
  const stop = machine.driver.observe(crashAt(machine.driver.operations + at, chooser));
  let acknowledged = 4;
  const died = { crashed: false };
  const noting = async (action: () => Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof SimulatedCrash) && (error as { code?: unknown }).code !== 'ERR_WAL_FAILED') throw error;
      died.crashed = true;
    }
  };
  const repair = noting(async () => {
    await scene.wal.repair();
  });
  await noting(async () => {
    while (!died.crashed && acknowledged < 10) {
      await ticks(3);
      const sequence = scene.wal.nextSequence ?? 0;
      scene.records.set(sequence, payloadOf(sequence, 90));
      acknowledged = Math.max(acknowledged, await scene.wal.appendDurable(payloadOf(sequence, 90)));
    }
  });
  await repair;
  stop();
  if (!died.crashed) return false;
  machine.files = [];
  machine.poison('log', header);
  const again = await machine.open();
  if (!again.commitPointLost) {
    expect(again.lastSequence).toBeGreaterThanOrEqual(acknowledged);
    const { lost } = await accountFor(again, scene.records);
    if (mirrored) expect(lost).toEqual([]);
  } else if (mirrored) {
    throw new Error('the mirror has the commit point');
  }
  return true;
}
