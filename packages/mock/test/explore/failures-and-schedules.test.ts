/** What the explorer calls a failure, and how seeds, limits and schedules behave. */
import { describe, expect, it } from 'vitest';
import { PmemError } from '@safe-pmem/core';
import { everyCrash, everyFault, everyPoison, everyWay, replaySchedule } from '../../src/index.js';
import { type Body, exploring, failureOf, storeAndPersist } from './exploring.js';

describe('what counts as a failure', () => {
  it('an error of the undisturbed body', async () => {
    const { exploration } = exploring(() => {
      throw new TypeError('wrong call');
    });
    expect(await failureOf(everyCrash(exploration))).toMatchObject({ schedule: { seed: 1, events: [] }, states: 1 });
  });

  it('an error that is not acceptable, once something was made to fail; the check is given those that are', async () => {
    const seen: unknown[] = [];
    const body: Body = ({ file }) => {
      try {
        file.persist(0, 1);
      } catch (cause) {
        throw new Error('my own', { cause });
      }
    };
    const { exploration } = exploring(body, { check: (_, { error }) => seen.push(error) });
    expect((await failureOf(everyFault(exploration))).cause).toMatchObject({ message: 'my own' });
    await everyFault({ ...exploration, acceptable: (error) => error instanceof Error && error.message === 'my own' });
    expect(seen.filter((error) => error instanceof Error)).toHaveLength(2);
  });

  it('a body that never ends', async () => {
    const { exploration } = exploring(async ({ file }) => {
      for (;;) {
        try {
          await file.persistAsync(0, 1);
          return;
        } catch (error) {
          if (!(error instanceof PmemError)) throw error;
        }
      }
    });
    const failure = await failureOf(everyFault({ ...exploration, operationLimit: 500 }));
    expect(failure.cause).toMatchObject({ message: 'it never ends' });
    expect(failure.schedule.events).toMatchObject([{ errno: 'EIO', persistent: true }]);
  });

  it('a body that does not follow from the machine alone is told so', async () => {
    let runs = 0;
    const { exploration } = exploring(({ file }) => {
      if (++runs % 2 === 1) file.write(Uint8Array.of(1), 0);
      file.persist(0, 1);
    });
    await expect(everyCrash(exploration)).rejects.toThrow(
      'everyCrash: the body does not follow from the machine alone: at 1 there is persist, not write',
    );
  });
});

describe('seeds, limits and schedules', () => {
  const words: Body = ({ file }) => {
    for (let line = 0; line < 6; line++) file.write(new Uint8Array(64).fill(line + 1), line * 64);
  };

  it('the same seed explores the same states, another one others', async () => {
    const explored: string[] = [];
    for (const seed of [3, 3, 4]) {
      const { exploration, schedules } = exploring(words);
      await everyCrash(exploration, { seed });
      explored.push(JSON.stringify(schedules.map(({ events }) => events)));
    }
    expect(explored[0]).toBe(explored[1]);
    expect(explored[0]).not.toBe(explored[2]);
  });

  it('no state is explored twice, and no more than the limit', async () => {
    for (const limit of [1, 7, 30, 200]) {
      for (const way of ['every crash', 'every fault, crash', 'every poison, crash', 'every poison, fault, crash']) {
        const { exploration, schedules } = exploring(words);
        const target = everyWay('words', exploration).find(({ name }) => name === `words, ${way}`);
        if (target === undefined) throw new Error(`no target for ${way}`);
        const { states } = await target.run({ limit });
        expect(states).toBeLessThanOrEqual(limit);
        expect(schedules).toHaveLength(states);
        expect(new Set(schedules.map((schedule) => JSON.stringify(schedule))).size).toBe(states);
      }
    }
  });

  it('progress is told as it comes and at the end', async () => {
    const { exploration } = exploring(words);
    const told: number[] = [];
    const { states } = await everyCrash(exploration, { progressEvery: 50, onProgress: (progress) => told.push(progress.states) });
    expect(told).toEqual([...Array.from({ length: Math.floor(states / 50) }, (_, i) => (i + 1) * 50), states]);
  });

  it('every explored schedule can be replayed from its JSON', async () => {
    const { exploration, schedules } = exploring(words);
    await everyPoison(exploration, { limit: 300 });
    for (const schedule of [...schedules]) {
      schedules.length = 0;
      await replaySchedule(exploration, JSON.stringify(schedule));
      expect(schedules).toEqual([schedule]);
    }
  });

  it('refuses what is no schedule, and one that does not fit', async () => {
    const { exploration } = exploring(storeAndPersist);
    for (const wrong of ['[]', '{"seed":1}', '{"seed":1,"events":[{"at":0,"effect":"crash","rest":"lose"}]}', '{"seed":1,"events":[{"at":1,"effect":"boom"}]}']) {
      await expect(replaySchedule(exploration, wrong)).rejects.toThrow(TypeError);
    }
    const crash = { at: 3, effect: 'crash', rest: 'lose' } as const;
    await expect(replaySchedule(exploration, { seed: 1, events: [{ ...crash, at: 9 }] })).rejects.toThrow('nothing happens at 9');
    await expect(replaySchedule(exploration, { seed: 1, events: [{ ...crash, at: 2, answers: { 0: 5 } }] })).rejects.toThrow(
      'a crash choice at 2 has 2 alternatives, not 6',
    );
    await expect(everyCrash(exploration, { limit: 0 })).rejects.toThrow(RangeError);
  });
});
