/** The flush of a group runs on this thread while it is quick, and off it when it was slow more than once. */
import { afterEach, expect, test, vi } from 'vitest';
import type { Wal } from '../../src/wal/index.js';
import { LogMachine, payloadOf } from './log-machine.js';

interface SlowLog {
  readonly wal: Wal;
  /** Commits a record whose flush takes so long; tells the thread that it ran on. */
  readonly commit: (flushMs: number) => Promise<'here' | 'away'>;
}

/** A log whose clock moves only while it flushes. */
async function slowLog(): Promise<SlowLog> {
  const machine = new LogMachine({ pages: 8, dax: false });
  const wal = await machine.open({ create: true });
  let [nowMs, takesMs, place] = [0, 0, 'here' as 'here' | 'away'];
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  for (const file of machine.files) {
    const [here, away] = [file.persistRanges.bind(file), file.persistAsync.bind(file)];
    vi.spyOn(file, 'persistRanges').mockImplementation((ranges) => {
      here(ranges);
      [nowMs, place] = [nowMs + takesMs, 'here'];
    });
    vi.spyOn(file, 'persistAsync').mockImplementation(async (...range) => {
      await away(...range);
      [nowMs, place] = [nowMs + takesMs, 'away'];
    });
  }
  const commit = async (flushMs: number): Promise<'here' | 'away'> => {
    takesMs = flushMs;
    await wal.appendDurable(payloadOf(wal.nextSequence ?? 0, 9));
    return place;
  };
  return { wal, commit };
}

async function placesOf(flushesMs: readonly number[]): Promise<readonly string[]> {
  const { commit } = await slowLog();
  const places: string[] = [];
  for (const flushMs of flushesMs) places.push(await commit(flushMs));
  return places;
}

afterEach(() => {
  vi.restoreAllMocks();
});

test('one slow flush among quick ones is no reason to leave this thread', async () => {
  expect(await placesOf([0.2, 5, 0.2, 0.2, 5, 0.2])).toEqual(new Array(6).fill('here'));
});

test('two of them in a row are, and a quick one is the way back, which the next slow one takes again', async () => {
  const flushes = [5, 5, 5, 5, 1.5, 5, 5, 0.2, 0.2, 5, 5, 0.2];
  const places = ['here', 'here', 'away', 'away', 'away', 'here', 'away', 'away', 'here', 'here', 'here', 'away'];
  expect(await placesOf(flushes)).toEqual(places);
});

test('a commit of nothing is no quick flush', async () => {
  const { wal, commit } = await slowLog();
  const places: string[] = [];
  for (let i = 0; i < 4; i++) {
    places.push(await commit(5));
    await wal.commitAsync();
  }
  expect(places).toEqual(['here', 'here', 'away', 'away']);
});

test.each([true, false])('the event loop has its turn if writers take long, not flushes: dax %j', async (dax) => {
  const wal = await new LogMachine({ pages: 40, dax }).open({ create: true });
  let [nowMs, turns] = [0, 0];
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  let turn = setImmediate(function next() {
    turns++;
    turn = setImmediate(next);
  });
  const write = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      nowMs++;
      await wal.appendDurable(payloadOf(i, 8));
    }
  };
  await Promise.all([write(), write(), write()]);
  clearImmediate(turn);
  // A group takes 3 ms, and there are 20.
  expect(turns).toBeGreaterThan(4);
});
