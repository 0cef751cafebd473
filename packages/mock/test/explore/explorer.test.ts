/** The explorer itself: what it tries, that it tries all of it, and what it calls a failure. */
import { describe, expect, it } from 'vitest';
import { PmemError, PmemFile } from '@safe-pmem/core';
import {
  everyCrash,
  everyFault,
  everyPoison,
  type Exploration,
  ExplorationFailure,
  type MockDriver,
  mockDriver,
  replaySchedule,
  type Schedule,
  type ScheduledEvent,
} from '../../src/index.js';

const PATH = '/pmem/file';
const PAGE = 4096;

interface State {
  readonly driver: MockDriver;
  readonly file: PmemFile;
}

type Body = (state: State) => unknown;

/** An exploration of one file of zeros; what its checks are told is collected. */
function exploring(body: Body, more: Partial<Exploration<State>> & { readonly sizeBytes?: number } = {}) {
  const { sizeBytes = PAGE, ...rest } = more;
  const schedules: Schedule[] = [];
  const images = new Set<string>();
  const exploration: Exploration<State> = {
    prep: async (seed) => {
      const driver = mockDriver({ seed });
      driver.writeFile(PATH, new Uint8Array(sizeBytes));
      return { driver, file: await PmemFile.open(PATH, { driver }) };
    },
    body,
    check: ({ driver }, { schedule }) => {
      schedules.push(schedule);
      images.add(Buffer.from(driver.readFile(PATH)).toString('hex'));
    },
    ...rest,
  };
  return { exploration, schedules, images };
}

const storeAndPersist: Body = ({ file }) => {
  file.write(Uint8Array.of(1), 0);
  file.persist(0, 1);
};

function firstEvents(schedules: readonly Schedule[]): ScheduledEvent[] {
  return schedules.flatMap(({ events }) => events.slice(0, 1));
}

async function failureOf(attempt: Promise<unknown>): Promise<ExplorationFailure> {
  const error: unknown = await attempt.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(ExplorationFailure);
  return error as ExplorationFailure;
}

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

  it('fails power in recovery too, and recovers anew', async () => {
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
    expect(places).toEqual(['1 write 2', '1 write 2…', '1 write 4', '1 write 4…', '2 close EIO', '2 close EIO…']);
    expect(report).toMatchObject({ states: 7, byKind: { none: 1, signal: 4, errno: 2 }, complete: true });
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
        // The planted bug: nobody is told.
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
      for (const explore of [everyCrash, everyFault, everyPoison]) {
        const { exploration, schedules } = exploring(words);
        const { states } = await explore(exploration, { limit });
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
