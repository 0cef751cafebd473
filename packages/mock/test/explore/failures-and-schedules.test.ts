/** What the explorer calls a failure, and how seeds, limits and schedules behave. */
import { describe, expect, it } from 'vitest';
import { PmemError, PmemFile } from '@safe-pmem/core';
import { runEvents } from '../../src/explore/run.js';
import { shrink } from '../../src/explore/shrink.js';
import { everyCrash, everyFault, everyPoison, everyWay, replaySchedule, type ScheduledEvent } from '../../src/index.js';
import { type Body, exploring, failureOf, storeAndPersist } from './exploring.js';

describe('what counts as a failure', () => {
  it('an error of the undisturbed body, also one that would be acceptable of a disturbed one', async () => {
    for (const error of [new TypeError('wrong call'), new PmemError('ERR_PMEM_IO', 'of its own accord', { path: '/pmem/file' })]) {
      const { exploration } = exploring(() => {
        throw error;
      });
      expect(await failureOf(everyCrash(exploration))).toMatchObject({ schedule: { seed: 1, events: [] }, states: 1, cause: error });
    }
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
    // Seven errnos of msync, each once and from then on.
    expect(seen.filter((error) => error instanceof Error)).toHaveLength(14);
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

  it('what fails for good works again after power loss', async () => {
    const errors: unknown[] = [];
    const { exploration } = exploring(
      ({ file }) => {
        expect(() => { file.persist(0, 1); }).toThrow(PmemError);
        expect(() => { file.persist(0, 1); }).toThrow(PmemError);
        file.persist(0, 1);
      },
      {
        recover: async ({ driver }) => { (await PmemFile.open('/pmem/file', { driver })).persist(0, 1); },
        check: (_, { error }) => errors.push(error),
      },
    );
    const persistent = { at: 1, effect: 'errno', errno: 'EIO', persistent: true } as const;
    await replaySchedule(exploration, { seed: 1, events: [persistent, { at: 3, effect: 'crash', rest: 'lose' }] });
    expect(errors).toEqual([undefined]);
  });

  it('a failure is never shrunk to a schedule of which a part does not happen', async () => {
    // Only a fault leads to the third operation. Poison alone fails the check, too: but then nothing is at 3.
    const { exploration } = exploring(
      ({ file }) => {
        try {
          file.persist(0, 1);
        } catch {
          file.persist(64, 1);
          file.persist(128, 1);
        }
      },
      {
        check: (_, { schedule }) => {
          const met = schedule.events.map(({ effect }) => effect);
          if (met.includes('poison') && met.includes('errno') === met.includes('crash')) throw new Error('wrong');
        },
      },
    );
    const poison = { at: 1, effect: 'poison', path: '/pmem/file', offset: 0, length: 512 } as const;
    const events: ScheduledEvent[] = [poison, { at: 1, effect: 'errno', errno: 'EIO' }, { at: 3, effect: 'crash', rest: 'lose' }];
    const { record } = await shrink(exploration, 1, await runEvents(exploration, 1, events), 100);
    expect(record.mismatch).toBeUndefined();
    expect(record.events.map(({ effect }) => effect)).toEqual(['poison', 'errno', 'crash']);
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
