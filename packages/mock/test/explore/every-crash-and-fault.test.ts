/** What everyCrash and everyFault try, and that they try all of it. */
import { describe, expect, it } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { everyCrash, everyFault, replaySchedule } from '../../src/index.js';
import { exploring, failureOf, firstEvents, PAGE, PATH, storeAndPersist } from './exploring.js';

describe('everyCrash', () => {
  it('fails power at every operation, at inner steps, and at the end', async () => {
    const { exploration, schedules } = exploring(async ({ driver, file }) => {
      file.write(Uint8Array.of(1), 0);
      driver.poison(PATH, { offset: 0, length: 1 });
      await file.repair({ offset: 0, length: 1 }, { fill: 0 });
    });
    const report = await everyCrash(exploration);
    const operations = firstEvents(schedules).map(({ at, operation }) => `${at} ${operation ?? ''}`);
    expect(operations).toContain('1 write');
    expect(operations.some((name) => name.endsWith('writeJournal:renamed'))).toBe(true);
    expect(operations.some((name) => name.endsWith(':cleared'))).toBe(true);
    expect(operations).toContain(`${report.operations + 1} end`);
    expect(new Set(operations).size).toBe(report.operations + 1);
  });

  it('enumerates every set of surviving words where there are few', async () => {
    const { exploration, images } = exploring(({ file }) => {
      file.write(new Uint8Array(16).fill(1), 0);
      file.write(new Uint8Array(8).fill(1), 640);
    });
    const report = await everyCrash(exploration);
    expect(images.size).toBe(8);
    expect(report).toEqual({ seed: 1, operations: 2, states: 1 + 1 + 4 + 8, byKind: { crash: 13, none: 1 }, complete: true });
  });

  it('samples where there are many: all, none, every neighbour of both, and others', async () => {
    const line = new Uint8Array(64).fill(1);
    const { exploration, schedules, images } = exploring(({ file }) => {
      file.write(line, 0);
      file.write(line, 1024);
    });
    const report = await everyCrash(exploration, { samples: 160 });
    expect(report.complete).toBe(false);
    expect(images.size).toBeGreaterThan(140);
    const tried = new Set(schedules.map(({ events }) => JSON.stringify(events[0])));
    const at = { at: 3, operation: 'end', effect: 'crash' };
    for (const choice of [0, 1]) {
      for (let bit = 1; bit < 256; bit *= 2) {
        expect(tried).toContain(JSON.stringify({ ...at, rest: 'lose', answers: { [choice]: bit } }));
        expect(tried).toContain(JSON.stringify({ ...at, rest: 'keep', answers: { [choice]: 255 - bit } }));
      }
      expect(tried).toContain(JSON.stringify({ ...at, rest: 'lose', answers: { [choice]: 255 } }));
    }
    for (const rest of ['lose', 'keep']) expect(tried).toContain(JSON.stringify({ ...at, rest }));
  });

  it('tries metadata that no sync made durable both ways', async () => {
    const { exploration, images } = exploring(({ file }) => file.resize(2 * PAGE));
    await everyCrash(exploration);
    expect([...images].map((image) => image.length / 2)).toEqual(expect.arrayContaining([PAGE, 2 * PAGE]));
  });

  it('fails power in recovery too, and recovers again', async () => {
    let attempts = 0;
    const { exploration, schedules } = exploring(storeAndPersist, {
      recover: async ({ driver }) => {
        attempts++;
        const file = await PmemFile.open(PATH, { driver });
        file.write(Uint8Array.of(9), 64);
        await file.close();
      },
    });
    const { byKind } = await everyCrash(exploration, { recoveryCrashes: 2 });
    expect(byKind).toEqual({ none: 1, crash: 4, 'crash+crash': 8 });
    expect(attempts).toBe(4 + 2 * 8);
    for (const schedule of [...schedules]) await replaySchedule(exploration, schedule);
  });
});

describe('everyFault', () => {
  it('fails every operation in every way it can fail, once and from then on', async () => {
    const { exploration, schedules } = exploring(async ({ file }) => {
      file.write(Uint8Array.of(1), 0);
      await file.close();
    });
    const report = await everyFault(exploration);
    const places = firstEvents(schedules).map((event) => {
      const what = event.effect === 'signal' ? event.signalCode : event.effect === 'errno' ? event.errno : '';
      return `${event.at} ${event.operation ?? ''} ${what}${'persistent' in event ? '…' : ''}`;
    });
    const ofClose = ['EIO', 'EINTR', 'ENOSPC', 'EDQUOT', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN'];
    expect(places).toEqual([
      '1 write 2', '1 write 2…', '1 write 4', '1 write 4…',
      ...ofClose.flatMap((errno) => [`2 close ${errno}`, `2 close ${errno}…`]),
    ]);
    expect(report).toMatchObject({ states: 19, byKind: { none: 1, signal: 4, errno: 14 }, complete: true });
  });

  it('from then on means every later operation that can fail like that', async () => {
    let failures = 0;
    const { exploration } = exploring(async (state) => {
      failures = 0;
      const { file } = state;
      for (const action of [() => file.persistAsync(0, 1), () => file.badBlocks(), () => file.persistAsync(0, 1)]) {
        await action().catch(() => failures++);
      }
    });
    const event = { at: 1, operation: 'persist', effect: 'errno', errno: 'EIO' } as const;
    await replaySchedule(exploration, { seed: 1, events: [event] });
    expect(failures).toBe(1);
    await replaySchedule(exploration, { seed: 1, events: [{ ...event, persistent: true }] });
    expect(failures).toBe(2);
  });

  it('with crash: finds an engine that goes on after an error that it should have heard', async () => {
    const { exploration } = exploring(({ file }) => {
      file.write(Uint8Array.of(1), PAGE);
      try {
        file.persist(PAGE, 1);
      } catch {
        // The planted bug: the caller is not told.
      }
      file.write(Uint8Array.of(1), 0);
      file.persist(0, 1);
    }, {
      sizeBytes: 2 * PAGE,
      check: ({ driver }) => {
        const bytes = driver.readFile(PATH);
        if (bytes[0] === 1 && bytes[PAGE] !== 1) throw new Error('the flag is there, and what it stands for is not');
      },
    });
    const { schedule } = await failureOf(everyFault(exploration, { crash: true }));
    expect(schedule.events).toEqual([
      { at: 2, operation: 'persist', effect: 'errno', errno: 'EIO' },
      { at: 5, operation: 'end', effect: 'crash', rest: 'lose' },
    ]);
    await everyFault(exploration);
    await everyCrash(exploration);
  });
});
