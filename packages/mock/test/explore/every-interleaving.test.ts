/** Bodies side by side: which orders there are, that lost updates are found and replayed, and what else can happen. */
import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import {
  everyInterleaving,
  type Interleaving,
  type MockDriver,
  mockDriver,
  type MockProcess,
  replaySchedule,
} from '../../src/index.js';
import { failureOf, PAGE, PATH } from './exploring.js';

interface State {
  readonly driver: MockDriver;
  readonly log: string[];
}

/** A file of zeros, and an account of what the bodies do. */
function prep(seed: number): State {
  const driver = mockDriver({ seed });
  driver.writeFile(PATH, new Uint8Array(PAGE));
  return { driver, log: [] };
}

function byteOf(file: PmemFile): number {
  const bytes = new Uint8Array(1);
  file.read(bytes, 0);
  return bytes[0] ?? -1;
}

/** Adds one to the first byte; `apart`: others may come between load and store. */
const increment = (apart: boolean) => async (_: State, process: MockProcess): Promise<void> => {
  const file = await PmemFile.open(PATH, { driver: process });
  if (apart) {
    const value = byteOf(file);
    await process.turn(() => { file.write(Uint8Array.of(value + 1), 0); });
  } else {
    await process.turn(() => { file.write(Uint8Array.of(byteOf(file) + 1), 0); });
  }
  await file.close();
};

function counting(apart: boolean, count = 2): Interleaving<State> {
  return {
    prep,
    bodies: Array.from({ length: count }, () => increment(apart)),
    check: ({ driver }) => { assert.equal(driver.readFile(PATH)[0], count); },
  };
}

/** Notes the order in which pieces of bodies happen. */
function noting(pieces: readonly (readonly string[])[], logs: string[][]): Interleaving<State> {
  return {
    prep,
    bodies: pieces.map((names) => async ({ log }: State, process: MockProcess) => {
      for (const name of names) await process.turn(() => log.push(name));
    }),
    check: ({ log }) => { logs.push([...log]); },
  };
}

describe('orders', () => {
  it('every order of two bodies of two pieces each is met, and the report says that this was all', async () => {
    const logs: string[][] = [];
    const { complete } = await everyInterleaving(noting([['1', '2'], ['x', 'y']], logs));
    const orders = new Set(logs.map((log) => log.join('')));
    expect([...orders].sort()).toEqual(['12xy', '1x2y', '1xy2', 'x12y', 'x1y2', 'xy12']);
    expect(complete).toBe(true);
  });

  it('every order of three bodies', async () => {
    const logs: string[][] = [];
    await everyInterleaving(noting([['1', '2'], ['x'], ['A', 'B']], logs));
    expect(new Set(logs.map((log) => log.join(''))).size).toBe(30);
  });

  it('without turns a body runs to its end; with one, another may take over once', async () => {
    const none: string[][] = [];
    const { states, complete } = await everyInterleaving(noting([['1', '2'], ['x', 'y']], none), { turns: 1 });
    expect(none[0]).toEqual(['1', '2', 'x', 'y']);
    expect(none.map((log) => log.join(''))).toContain('1xy2');
    expect(none.map((log) => log.join(''))).not.toContain('1x2y');
    expect([states, complete]).toEqual([none.length, false]);
  });

  it('a piece of another body happens within a synchronous one, before each of its operations', async () => {
    const logs = new Set<string>();
    await everyInterleaving({
      prep,
      bodies: [
        async ({ log }, process) => {
          const file = await PmemFile.open(PATH, { driver: process });
          await process.turn(() => {
            log.push('a1');
            file.write(Uint8Array.of(1), 0);
            log.push('a2');
            file.persist(0, 1);
            log.push('a3');
          });
        },
        async ({ log }: State, process: MockProcess) => {
          await process.turn(() => log.push('b'));
        },
      ],
      check: ({ log }) => { logs.add(log.join(' ')); },
    });
    expect([...logs].sort()).toEqual(['a1 a2 a3 b', 'a1 a2 b a3', 'b a1 a2 a3']);
  });

  it('calls that one body has made at once come in any order', async () => {
    const seen = new Set<string>();
    await everyInterleaving({
      prep,
      bodies: [
        async ({ log }: State, process: MockProcess) => {
          await Promise.all([process.turn(() => log.push('1')), process.turn(() => log.push('2'))]);
        },
      ],
      check: ({ log }) => { seen.add(log.join('')); },
    });
    expect([...seen].sort()).toEqual(['12', '21']);
  });

  it('a process does not interrupt its own synchronous pieces', async () => {
    const seen = new Set<string>();
    await everyInterleaving({
      prep,
      bodies: [
        async ({ log }: State, process: MockProcess) => {
          const file = await PmemFile.open(PATH, { driver: process });
          const piece = (name: string) => process.turn(() => {
            log.push(`${name}1`);
            file.persist(0, 1);
            log.push(`${name}2`);
          });
          await Promise.all([piece('a'), piece('b')]);
        },
      ],
      check: ({ log }) => { seen.add(log.join(' ')); },
    });
    expect([...seen].sort()).toEqual(['a1 a2 b1 b2', 'b1 b2 a1 a2']);
  });

  it('close comes after the calls that were made before it, in every order', async () => {
    await everyInterleaving({
      prep,
      bodies: [
        async (_: State, process: MockProcess) => {
          const outcome = await process.open(PATH, { readOnly: false, create: false, sizeBytes: undefined, preallocate: false });
          if ('failure' in outcome) throw new Error('it cannot be opened');
          const [written] = await Promise.all([outcome.file.pwrite(Uint8Array.of(1), 0), outcome.file.close(), process.turn()]);
          assert.equal(written.errno, 0);
        },
      ],
      check: () => undefined,
    });
  });

  it('bodies that wait for each other are a failure, not a hang', async () => {
    const never = new Promise<void>(() => undefined);
    const failure = await failureOf(everyInterleaving({ prep, bodies: [() => never], check: () => undefined }));
    expect(failure.message).toContain('a never end');
  });
});

describe('a planted lost update', () => {
  it('is found, told in order, and its schedule fails again, by object or JSON', async () => {
    const exploration = counting(true);
    const failure = await failureOf(everyInterleaving(exploration));
    expect(failure.schedule.events.map(({ effect }) => effect)).toEqual(['turn']);
    expect(failure.message).toMatch(/in place of a: \w+: b goes first/);
    expect(failure.message).toMatch(/in this order:\n {4}a: open, /);
    await expect(replaySchedule(exploration, failure.schedule)).rejects.toThrow(assert.AssertionError);
    const line = /replaySchedule\(exploration, '(.+)'\)/.exec(failure.message)?.[1] ?? '';
    await expect(replaySchedule(exploration, line)).rejects.toThrow(assert.AssertionError);
    await expect(replaySchedule(counting(true, 1), line)).rejects.toThrow('the schedule does not fit the body');
  });

  it('is found within a synchronous piece, too: another process comes between its load and its store', async () => {
    const failure = await failureOf(everyInterleaving(counting(false)));
    expect(failure.message).toMatch(/: write of '\/pmem\/file' \[0, 1\): [ab] goes first/);
  });

  it('is not found where a lock is held', async () => {
    const locked: Interleaving<State> = {
      ...counting(false),
      bodies: [1, 2].map(() => async (_: State, process: MockProcess) => {
        const outcome = await process.open(PATH, { readOnly: false, create: false, sizeBytes: undefined, preallocate: false });
        if ('failure' in outcome) throw new Error('it cannot be opened');
        const { file } = outcome;
        const add = (): boolean => {
          if (file.lock(0, 1) !== undefined) return false;
          const bytes = new Uint8Array(1);
          file.read(bytes, 0);
          file.write(Uint8Array.of((bytes[0] ?? 0) + 1), 0);
          file.unlock(0, 1);
          return true;
        };
        while (!(await process.turn(add)));
        await file.close();
      }),
    };
    const { states } = await everyInterleaving(locked, { limit: 1500 });
    expect(states).toBeGreaterThan(100);
  });
});

describe('what else happens', () => {
  const writing: Interleaving<State> = {
    prep,
    bodies: ['a', 'b'].map((_, index) => async ({ log }: State, process: MockProcess) => {
      const file = await PmemFile.open(PATH, { driver: process });
      await process.turn(() => { file.write(Uint8Array.of(1), index * 512); });
      await process.turn(() => { file.persist(index * 512, 1); });
      log.push(process.name);
      await file.close();
    }),
    check: ({ driver, log }) => {
      for (const [index, name] of ['a', 'b'].entries()) {
        if (log.includes(name)) assert.equal(driver.readFile(PATH)[index * 512], 1);
      }
    },
    acceptable: () => true,
  };

  it.each(['crash', 'kill', 'fault', 'poison'] as const)('%s, in orders that were explored', async (kind) => {
    const { byKind, states } = await everyInterleaving(writing, { [kind]: true, limit: 300 });
    const kinds = Object.keys(byKind).filter((name) => name.includes(kind === 'fault' ? 'errno' : kind));
    expect(kinds.length).toBeGreaterThan(0);
    // Of two, a killed one leaves the other alone: no turn comes after that.
    const goesOn = kind === 'fault' || kind === 'poison';
    expect(kinds.some((name) => name.endsWith('+turn'))).toBe(goesOn);
    expect(states).toBeLessThanOrEqual(320);
  });

  it('a persist that is missing is found by a crash in another body', async () => {
    const failure = await failureOf(everyInterleaving({
      ...writing,
      bodies: [writing.bodies[0], async ({ log }: State, process: MockProcess) => {
        const file = await PmemFile.open(PATH, { driver: process });
        await process.turn(() => { file.write(Uint8Array.of(1), 512); });
        log.push('b');
        await process.turn();
      }].filter((body) => body !== undefined),
    }, { crash: true, limit: 1000 }));
    expect(failure.schedule.events.at(-1)?.effect).toBe('crash');
  });

  it('a process that is killed leaves the other alone, and its lock is free', async () => {
    let met = 0;
    await everyInterleaving({
      prep,
      bodies: [0, 1].map(() => async ({ log }: State, process: MockProcess) => {
        const outcome = await process.open(PATH, { readOnly: false, create: false, sizeBytes: undefined, preallocate: false });
        if ('failure' in outcome) throw new Error('it cannot be opened');
        await process.turn(() => outcome.file.lock(0, 1));
        await process.turn();
        await process.turn(() => outcome.file.unlock(0, 1));
        await outcome.file.close();
        log.push(process.name);
      }),
      check: async ({ driver, log }, { killed }) => {
        if (killed.length === 0) return;
        met++;
        assert.equal(log.length, 2 - killed.length);
        const outcome = await driver.open(PATH, { readOnly: false, create: false, sizeBytes: undefined, preallocate: false });
        assert.ok('file' in outcome && outcome.file.lock(0, 1) === undefined);
      },
    }, { kill: true, limit: 400 });
    expect(met).toBeGreaterThan(20);
  });

  it('what others do is done at every moment, a refusal is none of it, and any other error is a failure', async () => {
    const exploration: Interleaving<State> = {
      ...writing,
      bodies: [writing.bodies[0] ?? assert.fail()],
      check: () => undefined,
      outside: {
        rotate: ({ driver }) => { driver.rename(PATH, `${PATH}.1`); },
        cannot: ({ driver }) => { driver.rename('/pmem/none', PATH); },
      },
    };
    const { byKind } = await everyInterleaving(exploration);
    expect(byKind.outside).toBeGreaterThan(10);
    const failure = await failureOf(everyInterleaving({ ...exploration, outside: { breaks: () => { assert.fail('broken'); } } }));
    expect(failure.message).toMatch(/another process does 'breaks'/);
    await expect(replaySchedule(exploration, { seed: 1, events: [{ at: 1, effect: 'outside', action: 'other' }] })).rejects.toThrow(
      "'other' cannot be done",
    );
  });

  it('an error that comes of the order alone is a failure, whatever else is acceptable', async () => {
    const failure = await failureOf(everyInterleaving({
      ...writing,
      bodies: [
        async ({ log }: State, process: MockProcess) => { await process.turn(() => log.push('a')); },
        async ({ log }: State, process: MockProcess) => { await process.turn(() => { assert.equal(log.length, 1); }); },
      ],
      check: () => undefined,
    }));
    expect(failure.schedule.events.map(({ effect }) => effect)).toEqual(['turn']);
  });

  it('the same seed, the same states', async () => {
    const run = () => everyInterleaving(writing, { crash: true, kill: true, limit: 300, seed: 5 });
    expect(await run()).toEqual(await run());
  });

  it('takes one to three bodies', async () => {
    await expect(everyInterleaving({ ...writing, bodies: [] })).rejects.toThrow(RangeError);
  });
});
