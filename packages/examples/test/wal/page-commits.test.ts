/** Commits that stay in the page in which the commit point of the header copies ends: they have a near slot only. */
import { describe, expect, test } from 'vitest';
import { type CrashChooser, SimulatedCrash } from '@safe-pmem/mock';
import type { LostRecords, Wal } from '../../src/wal/index.js';
import { LogMachine, PAGE, accountFor, itemsOf, payloadOf, type LogMachineOptions } from './log-machine.js';

const PAGES = 8;
/** Of the page that is being filled, and of the one behind it, in the file. */
const [FILLED, NEXT] = [1, 2];
/** Two near slots at the end of a page. */
const SLOTS_AT = PAGE - 256;

interface Scene {
  readonly machine: LogMachine;
  readonly wal: Wal;
  readonly records: Map<number, Uint8Array>;
}

/** A log with a commit of each of these batches; the first stores its point in the header copies, too. */
async function scene(
  batches: readonly (readonly number[])[], options: Partial<LogMachineOptions> = {},
): Promise<Scene> {
  const machine = new LogMachine({ pages: PAGES, ...options });
  const there = { machine, wal: await machine.open({ create: true }), records: new Map<number, Uint8Array>() };
  for (const lengths of batches) commit(there, lengths);
  return there;
}

function commit({ wal, records }: Pick<Scene, 'wal' | 'records'>, lengths: readonly number[]): void {
  append({ wal, records }, lengths);
  wal.commit();
}

function append({ wal, records }: Pick<Scene, 'wal' | 'records'>, lengths: readonly number[]): void {
  for (const length of lengths) {
    const payload = payloadOf(wal.nextSequence ?? 0, length);
    records.set(wal.append(payload), payload);
  }
}

const lossesOf = async (wal: Wal): Promise<unknown[]> =>
  (await itemsOf(wal))
    .filter((item): item is LostRecords => item.type === 'lost')
    .map(({ first, last, certain }) => [first, last, certain]);

const headers = ({ machine }: Scene): Uint8Array[] => [0, PAGES - 1].map((page) => machine.page('log', page).slice());

describe.each([{ mirrored: false }, { mirrored: true }])('a commit that stays in its page, %j', (options) => {
  test('stores its records and a near slot, and leaves the header copies alone', async () => {
    const there = await scene([[100]], options);
    const before = headers(there);
    const stored: number[] = [];
    const stop = there.machine.driver.observe(({ name, position }) => {
      if (name === 'write') stored.push(Math.floor(position / PAGE));
      return undefined;
    });
    commit(there, [50, 60]);
    stop();
    expect(stored).toEqual(options.mirrored ? [FILLED, NEXT, FILLED, NEXT] : [FILLED, NEXT]);
    expect(headers(there)).toEqual(before);
  });

  test('is found by a start after a crash, and so are those after it', async () => {
    const there = await scene([[100], [50, 60], [0], [8], [300]], options);
    there.machine.crash('lose-all');
    const again = await there.machine.open();
    expect(again.lastSequence).toBe(6);
    expect((await accountFor(again, there.records)).lost).toEqual([]);
  });

  test('is found if the page of the near slots is lost, or another program has filled it with zeros', async () => {
    for (const lose of [poisonNext, fillNext]) {
      const there = await scene([[100], [50, 60], [8]], options);
      await lose(there);
      const again = await there.machine.open();
      expect(again.lastSequence).toBe(4);
      expect((await accountFor(again, there.records)).lost).toEqual([]);
      commit({ ...there, wal: again }, [20]);
      expect((await accountFor(await there.machine.open(), there.records)).lost).toEqual([]);
    }
  });

  test('is lost with its page, and told exactly', async () => {
    const there = await scene([[100], [50, 60], [8]], options);
    poison(there, FILLED);
    const again = await there.machine.open();
    // Of the last batch it is unknown whether it was acknowledged.
    expect([again.lastSequence, await lossesOf(again)]).toEqual([4, [[1, 3, true], [4, 4, false]]]);
  });

  test('is in doubt if the near slots are lost as well, and so are the numbers that were reserved', async () => {
    const there = await scene([[100], [50, 60], [8]], options);
    poison(there, FILLED);
    poison(there, NEXT);
    const again = await there.machine.open();
    expect([again.lastSequence, await lossesOf(again)]).toEqual([31, [[1, 31, false]]]);
    expect(again.append(new Uint8Array(1))).toBe(32);
    // What the application still has comes back; the rest it never had.
    await again.repair({ rebuild: ({ first, last }) => {
      const all = [...there.records].filter(([sequence]) => sequence >= first && sequence <= last);
      return new Map(all);
    } });
    expect(await lossesOf(again)).toEqual([[5, 31, false]]);
    again.truncate(31);
    expect(await lossesOf(await there.machine.open())).toEqual([]);
  });

  test('goes the long way if the next page refuses the near slot, and reports nothing', async () => {
    const there = await scene([[100]], { ...options, clearable: false });
    poison(there, NEXT);
    const before = headers(there);
    append(there, [30]);
    expect(there.wal.commit()).toEqual({ lastSequence: 2, missing: [] });
    expect(headers(there)).not.toEqual(before);
    poison(there, FILLED);
    const again = await there.machine.open();
    expect([again.lastSequence, await lossesOf(again)]).toEqual([2, [[1, 1, true], [2, 2, false]]]);
  });

  test('goes the long way if the next page holds the oldest records, which are not touched', async () => {
    const there = await scene([], options);
    for (let i = 0; i < PAGES - 3; i++) commit(there, [4030]);
    const before = headers(there);
    for (const lengths of [[100], [100]]) commit(there, lengths);
    expect(headers(there)).not.toEqual(before);
    expect((await accountFor(await there.machine.open(), there.records)).lost).toEqual([]);
  });

  test('all or nothing: some of its records survive a power failure, and the near slots are lost', async () => {
    for (let lineCount = 0; lineCount < 4; lineCount++) {
      const there = await scene([[100], [8]], options);
      const { machine } = there;
      append(there, [50, 60]);
      cutOff(there, Array.from({ length: lineCount }, (_, line) => FILLED * PAGE + 192 + 64 * line));
      poison(there, NEXT);
      const again = await machine.open();
      // The first of the two ends in the second line, the other in the third.
      expect(again.lastSequence).toBe(lineCount < 3 ? 2 : 4);
    }
  });

  test('nor the one that goes the long way in the same page stores over the near slot in force', async () => {
    // The first reserves numbers for 31 of its size; the last commit of the second case has none left.
    const used = new Array<number>(29).fill(8);
    for (const batches of [[[100], [8]], [[100], [8], used, [8]]]) {
      for (let line = 0; line < 4; line++) {
        const there = await scene(batches, options);
        const { machine } = there;
        const acknowledged = there.wal.lastSequence ?? 0;
        append(there, [8]);
        cutOff(there, [NEXT * PAGE + SLOTS_AT + line * 64]);
        poison(there, FILLED);
        const { lastSequence } = await machine.open();
        expect([acknowledged, acknowledged + 1]).toContain(lastSequence);
      }
    }
  });

  test('of which one slot is lost is told from the one before, and is in doubt if its page is lost too', async () => {
    for (const slot of [0, 1]) {
      for (const batches of [[[100], [50]], [[100], [50], [60]]]) {
        const there = await scene(batches, options);
        for (const path of pathsOf(there)) {
          there.machine.driver.poison(path, { offset: NEXT * PAGE + SLOTS_AT + slot * 128, length: 128 });
        }
        const again = await there.machine.open();
        expect(again.lastSequence).toBe(batches.length);
        expect((await accountFor(again, there.records)).lost).toEqual([]);
      }
      const there = await scene([[100], [50], [60]], options);
      for (const path of pathsOf(there)) {
        there.machine.driver.poison(path, { offset: NEXT * PAGE + SLOTS_AT + slot * 128, length: 128 });
      }
      poison(there, FILLED);
      expect((await there.machine.open()).lastSequence).toBeGreaterThanOrEqual(3);
    }
  });

  test('is in doubt if its page is lost, and another program has filled the next one, or the slot', async () => {
    for (const lengthBytes of [PAGE, 128]) {
      const there = await scene([[100], [8]], options);
      // Its point has another generation from here on; the first slot is stored again, the second is left as it is.
      there.wal.truncate(1);
      commit(there, [20]);
      await fillNext(there, lengthBytes === PAGE ? 0 : SLOTS_AT, lengthBytes);
      poison(there, FILLED);
      expect((await there.machine.open()).lastSequence).toBe(83);
    }
  });

  test('shows that the commit before it was acknowledged', async () => {
    const there = await scene([[5000], [8]], options);
    poison(there, FILLED);
    poison(there, NEXT + 1);
    expect(await lossesOf(await there.machine.open())).toEqual([[1, 1, true]]);
  });

  test('that was cut off leaves nothing that a later one could be taken for', async () => {
    const there = await scene([[100], [50]], options);
    append(there, [60]);
    cutOff(there, 'all');
    const again = await there.machine.open();
    expect(again.lastSequence).toBe(3);
    again.truncate(1);
    poison(there, NEXT);
    expect((await there.machine.open()).lastSequence).toBe(3);
  });
});

test('no near slot is stored by a commit after which there is no room for another one like it', async () => {
  const { machine } = await scene([[2500]]);
  expect(machine.page('log', NEXT).subarray(SLOTS_AT).every((byte) => byte === 0)).toBe(true);
});

test('the near slot is not stored in a page that is under repair', async () => {
  const there = await scene([[100]]);
  there.machine.poison('log', NEXT);
  const repair = there.wal.repair();
  for (let i = 0; i < 4; i++) {
    append(there, [20]);
    await there.wal.commitAsync();
  }
  expect(await repair).toMatchObject({ failed: [], lost: [], emptied: [{ range: { offset: NEXT * PAGE } }] });
  for (let i = 0; i < 4; i++) commit(there, [20]);
  poison(there, FILLED);
  const again = await there.machine.open();
  expect([again.lastSequence, await lossesOf(again)]).toEqual([9, [[1, 8, true], [9, 9, false]]]);
});

test('what a crash has left of one is not taken for a later one, although a start could not erase it', async () => {
  const there = await scene([[100], [50]]);
  append(there, [50, 60]);
  // Of the first record the header is missing; the second is whole, and ends the commit.
  cutOff(there, [320, 384, 448].map((offset) => FILLED * PAGE + offset));
  const stop = there.machine.driver.observe(({ name, position }) =>
    (name === 'write' && Math.floor(position / PAGE) === FILLED ? { signalCode: 4, granuleLog2: 12 } : undefined));
  const again = await there.machine.open();
  stop();
  expect(again.lastSequence).toBe(2);
  append({ ...there, wal: again }, [50]);
  again.commit();
  poison(there, NEXT);
  expect((await there.machine.open()).lastSequence).toBe(3);
});

test('a header copy that has missed a commit point gets it with the next commit, however short that is', async () => {
  const there = await scene([[100]]);
  const stop = there.machine.driver.observe(({ name, position }) =>
    (name === 'write' && position > (PAGES - 1) * PAGE ? { signalCode: 4, granuleLog2: 12 } : undefined));
  append(there, [4040]);
  expect(there.wal.commit().missing).toHaveLength(1);
  stop();
  append(there, [8]);
  expect(there.wal.commit().missing).toEqual([]);
  there.machine.poison('log', 0);
  const again = await there.machine.open();
  expect(again.lastSequence).toBe(3);
  expect((await accountFor(again, there.records)).lost).toEqual([]);
});

test('after a truncation that every header copy has refused a commit goes the long way, refused too', async () => {
  const { machine, wal, records } = await scene([[100], [8]]);
  for (const page of [0, PAGES - 1]) machine.poison('log', page);
  expect(() => wal.truncate(1)).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
  append({ wal, records }, [8]);
  expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
  await wal.repair();
  expect(wal.commit()).toEqual({ lastSequence: 3, missing: [] });
});

test('a mirror that was restored from before some of them gets them when the log is opened', async () => {
  const there = await scene([[2000]], { mirrored: true });
  const { machine } = there;
  const earlier = machine.driver.readFile('/pmem1/mirror').slice();
  // Up to the end of the page, and one commit in the next.
  for (const lengths of [[8], [1960], [8]]) commit(there, lengths);
  await machine.closeFiles();
  await machine.overwrite('mirror', 0, earlier);
  (await machine.open()).close();
  machine.poison('log', FILLED);
  expect((await accountFor(await machine.open(), there.records)).lost).toEqual([]);
});

// All is also what came before the header copies had their point.
test.each([false, true])('a mirror from before them gets all, if the last one is given up: %j', async (isGivenUp) => {
  const there = await scene([[2000]], { mirrored: true });
  const { machine } = there;
  const earlier = machine.driver.readFile('/pmem1/mirror').slice();
  // The header copies of the log get one point more, when it goes on to the next page.
  for (const lengths of [[8], [1960], [8], [8]]) commit(there, lengths);
  if (isGivenUp) {
    append(there, [8]);
    cutOff(there, [0, 64, 128, 192].map((line) => (NEXT + 1) * PAGE + SLOTS_AT + line));
  }
  await machine.closeFiles();
  await machine.overwrite('mirror', 0, earlier);
  const again = await machine.open();
  expect(again.lastSequence).toBe(5);
  again.close();
  for (const page of [FILLED, NEXT]) machine.poison('log', page);
  expect((await accountFor(await machine.open(), there.records)).lost).toEqual([]);
});

test('the near slot of a refused attempt does not count when a later life gives its generation again', async () => {
  const { machine, wal, records } = await scene([[100], [8]]);
  for (const page of [0, PAGES - 1]) machine.poison('log', page);
  expect(() => wal.truncate(1)).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
  // Its near slot is stored, the header copies refuse.
  wal.append(new Uint8Array(500));
  expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
  await wal.repair();
  machine.crash('keep-all');
  const again = await machine.open();
  expect(again.lastSequence).toBe(2);
  again.truncate(1);
  commit({ wal: again, records }, [8]);
  machine.crash('lose-all');
  const last = await machine.open();
  expect([last.firstSequence, last.lastSequence]).toEqual([2, 3]);
  expect((await accountFor(last, records)).lost).toEqual([]);
});

test('a page that is begun has no near slots any more', async () => {
  const there = await scene([[100], [50], [3900], [8]]);
  const { machine } = there;
  expect(machine.page('log', NEXT).subarray(SLOTS_AT).every((byte) => byte === 0)).toBe(true);
  expect((await accountFor(await machine.open(), there.records)).lost).toEqual([]);
});

function poison({ machine }: Scene, page: number): void {
  for (const role of machine.mirrored ? (['log', 'mirror'] as const) : (['log'] as const)) machine.poison(role, page);
}

function poisonNext(there: Scene): Promise<void> {
  poison(there, NEXT);
  return Promise.resolve();
}

async function fillNext({ machine }: Scene, offset = 0, lengthBytes = PAGE): Promise<void> {
  await machine.closeFiles();
  for (const role of machine.mirrored ? (['log', 'mirror'] as const) : (['log'] as const)) {
    await machine.overwrite(role, NEXT * PAGE + offset, new Uint8Array(lengthBytes));
  }
}

function pathsOf({ machine }: Scene): string[] {
  return machine.mirrored ? ['/pmem0/log', '/pmem1/mirror'] : ['/pmem0/log'];
}

/** Power fails in a commit of what waits, when all is stored; of that only the lines at these offsets survive. */
function cutOff(there: Scene, offsets: readonly number[] | 'all'): void {
  const { machine, wal } = there;
  const survivors = offsets === 'all' ? 'all' : pathsOf(there).flatMap((path) =>
    offsets.map((offset) => machine.driver.physicalOf(path, offset)));
  const chooser: CrashChooser = (choice) => {
    const survives = survivors === 'all' || (choice.kind === 'line' && survivors.includes(choice.deviceOffset));
    return survives ? choice.alternatives - 1 : 0;
  };
  const stop = machine.driver.observe(({ name }) => (name === 'persist' ? { crash: true, chooser } : undefined));
  expect(() => wal.commit()).toThrow(SimulatedCrash);
  stop();
  machine.files = [];
}
