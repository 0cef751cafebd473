import { describe, expect, test } from 'vitest';
import { pauseMs } from '../../src/wal/repair/scrub-log.js';
import type { WalScrubProgress } from '../../src/wal/index.js';
import { LogMachine, PAGE, accountFor, commitRecords, payloadOf } from './log-machine.js';

const PAGES = 140;
const LENGTHS = Array.from({ length: 60 }, (_, i) => 4000 + i * 11);
const FAST = { bytesPerSecond: 1e12 };

async function pair(): Promise<{ machine: LogMachine; records: Map<number, Uint8Array> }> {
  const machine = new LogMachine({ pages: PAGES, mirrored: true });
  return { machine, records: commitRecords(await machine.open({ create: true }), LENGTHS, 5) };
}

describe('scrub()', () => {
  test('finds latent errors that no access has met, and rebuilds their pages from the other file', async () => {
    const { machine, records } = await pair();
    const wal = await machine.open();
    machine.driver.poison('/pmem0/log', { offset: 5 * PAGE, length: 64 }, { latent: true });
    machine.driver.poison('/pmem1/mirror', { offset: 90 * PAGE, length: 64 }, { latent: true });
    machine.driver.poison('/pmem1/mirror', { offset: 0, length: 64 }, { latent: true });
    const report = await wal.scrub(FAST);
    const found = [...report.rebuilt, ...report.emptied].map(({ role, range }) => [role, range.offset / PAGE]);
    expect(found.sort()).toEqual([
      ['log', 5],
      ['mirror', 0],
      ['mirror', 90],
    ]);
    expect(report).toMatchObject({ lost: [], failed: [] });
    expect(await wal.scrub(FAST)).toEqual({ rebuilt: [], emptied: [], lost: [], failed: [] });
    expect((await accountFor(wal, records)).lost).toEqual([]);
  });

  test('verifies what reads without an error', async () => {
    const { machine, records } = await pair();
    await machine.overwrite('log', 7 * PAGE + 100, payloadOf(1, 40));
    const wal = await machine.open();
    expect((await wal.scrub(FAST)).rebuilt).toMatchObject([{ role: 'log', range: { offset: 7 * PAGE }, from: 'mirror' }]);
    for (let page = 1; page < PAGES - 1; page++) machine.poison('mirror', page);
    expect((await accountFor(wal, records)).lost).toEqual([]);
  });

  test('says how far it is, and stops when it is told to', async () => {
    const { machine } = await pair();
    const wal = await machine.open();
    const seen: WalScrubProgress[] = [];
    await wal.scrub({ ...FAST, onProgress: (progress) => seen.push(progress) });
    expect(seen.map(({ doneBytes }) => doneBytes / PAGE / 2)).toEqual([1, 2, 66, 130, 140]);
    expect(seen.every(({ totalBytes }) => totalBytes === 2 * PAGES * PAGE)).toBe(true);

    const stop = new AbortController();
    const stopped = wal.scrub({
      bytesPerSecond: 1,
      signal: stop.signal,
      onProgress: () => {
        stop.abort(new Error('enough'));
      },
    });
    await expect(stopped).rejects.toThrow('enough');
    await expect(wal.scrub({ bytesPerSecond: 0 })).rejects.toThrow(RangeError);
  });

  test('runs beside writers and beside repair()', async () => {
    const { machine, records } = await pair();
    const wal = await machine.open();
    for (const page of [3, 40, 80]) machine.driver.poison('/pmem0/log', { offset: page * PAGE, length: 64 }, { latent: true });
    const over = { ended: false };
    const scrub = wal.scrub(FAST).finally(() => {
      over.ended = true;
    });
    const repair = wal.repair();
    do {
      const sequence = wal.nextSequence ?? 0;
      records.set(sequence, payloadOf(sequence, 70));
      await wal.appendDurable(payloadOf(sequence, 70));
    } while (!over.ended);
    const reports = await Promise.all([scrub, repair]);
    expect(reports.flatMap(({ lost, failed }) => [...lost, ...failed])).toEqual([]);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('waits so long that the rate is kept, and never a negative time', () => {
    expect(pauseMs(1000, 0, 500)).toBe(2000);
    expect(pauseMs(1000, 1500, 500)).toBe(500);
    expect(pauseMs(1000, 5000, 500)).toBe(0);
  });
});
