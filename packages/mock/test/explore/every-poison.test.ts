/** What everyPoison tries, alone and with failures and crashes after it; and the list of all ways. */
import { describe, expect, it } from 'vitest';
import { everyPoison, everyWay } from '../../src/index.js';
import { type Body, exploring, failureOf, firstEvents, PAGE, PATH, storeAndPersist } from './exploring.js';

describe('everyPoison', () => {
  it('poisons every page at every moment, a page or a sector, listed or latent, and then fails power', async () => {
    const { exploration, schedules } = exploring(storeAndPersist, { sizeBytes: 2 * PAGE });
    const alone = await everyPoison(exploration, { crash: false });
    expect(alone.byKind).toEqual({ none: 1, poison: 3 * 2 * 2, 'latent poison': 3 * 2 * 2 });
    expect(alone.complete).toBe(true);
    const events = firstEvents(schedules);
    for (const at of [1, 2, 3]) {
      for (const offset of [0, PAGE]) {
        for (const place of [{ offset, length: PAGE }, { offset: offset + 1536, length: 512 }]) {
          const operation = ['write', 'persist', 'end'][at - 1];
          expect(events).toContainEqual({ at, operation, effect: 'poison', path: PATH, ...place });
          expect(events).toContainEqual({ at, operation, effect: 'poison', path: PATH, ...place, latent: true });
        }
      }
    }
    const { byKind } = await everyPoison(exploration);
    expect(byKind['poison+crash']).toBeGreaterThanOrEqual(12 * 2);
  });

  it('with fault: an operation fails after the poison, once and from then on, and then power', async () => {
    const { exploration, schedules } = exploring(storeAndPersist);
    const { byKind, complete } = await everyPoison(exploration, { fault: true, crash: false });
    // Before the store: 4 failures of the store; the body ends there, unless the poison is a latent sector elsewhere in
    // the page, and then 14 of the persist. Before the persist: 14 of it. At the end: none. Each for page and sector.
    expect(byKind).toEqual({
      'none': 1,
      'poison': 6,
      'latent poison': 6,
      'poison+signal': 8,
      'latent poison+signal': 8,
      'poison+errno': 28,
      'latent poison+errno': 42,
    });
    expect(Object.values(byKind).reduce((sum, states) => sum + states, 0)).toBe(schedules.length);
    expect(complete).toBe(true);
    const product = await everyPoison(exploration, { fault: true });
    for (const kind of ['poison+crash', 'poison+signal+crash', 'latent poison+errno+crash']) {
      expect(product.byKind[kind], kind).toBeGreaterThan(0);
    }
  });

  it('poisons repair journals too, unless it is told not to', async () => {
    const body: Body = async ({ driver, file }) => {
      driver.poison(PATH, { offset: 0, length: 1 });
      await file.repair({ offset: 0, length: 1 }, { fill: 0 });
    };
    for (const files of [undefined, (path: string) => path === PATH]) {
      const { exploration, schedules } = exploring(body);
      await everyPoison(exploration, { crash: false, files });
      const paths = new Set(firstEvents(schedules).map((event) => (event.effect === 'poison' ? event.path : '')));
      expect(paths.has(`${PATH}.repair`)).toBe(files === undefined);
    }
  });
});

describe('everyWay', () => {
  it('names a target for each way, which runs it and replays what it has found', async () => {
    let broken = false;
    const { exploration } = exploring(storeAndPersist, {
      check: ({ driver }, { schedule }) => {
        const kinds = schedule.events.map(({ effect }) => effect).join('+');
        if (broken && kinds === 'poison+signal+crash' && driver.poisoned.length > 0) throw new Error(kinds);
      },
    });
    const targets = everyWay('notes', exploration, { files: (path) => path === PATH });
    expect(targets.map(({ name }) => name)).toEqual([
      'notes, every crash',
      'notes, every fault, crash',
      'notes, every poison, crash',
      'notes, every poison, fault, crash',
    ]);
    const kinds: string[][] = [];
    for (const { run } of targets) kinds.push(Object.keys((await run({ limit: 500 })).byKind));
    expect(kinds.map((found) => found.includes('crash'))).toEqual([true, false, false, false]);
    expect(kinds.map((found) => found.includes('errno+crash'))).toEqual([false, true, false, false]);
    expect(kinds.map((found) => found.includes('poison+crash'))).toEqual([false, false, true, true]);
    expect(kinds.map((found) => found.includes('poison+errno+crash'))).toEqual([false, false, false, true]);
    broken = true;
    const results = await Promise.allSettled(targets.map(({ run }) => run({ limit: 500 })));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    const { schedule } = await failureOf(Promise.reject((results[3] as PromiseRejectedResult).reason as Error));
    await expect(targets[0]?.replay(schedule)).rejects.toThrow('poison+signal+crash');
  });
});
