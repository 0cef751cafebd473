/** A commit of the store waits for the disk on this thread while that is quick, and off it if it takes long. */
import { PmemFile } from '@safe-pmem/core';
import { afterEach, expect, test, vi } from 'vitest';
import type { PageStore, StoreOptions } from '../../src/pages/index.js';
import { PATHS, StoreMachine } from './store-machine.js';

const VALUE = Buffer.from('value');

async function openLogFiles({ driver }: StoreMachine): Promise<{ log: PmemFile; logMirror: PmemFile }> {
  return { log: await PmemFile.open(PATHS.log, { driver }), logMirror: await PmemFile.open(PATHS.logMirror, { driver }) };
}

/** A store on files that persist by msync, and what the two files of its log are told to flush, in order. */
async function openStore(options: Partial<StoreOptions> = {}): Promise<{ machine: StoreMachine; flushes: string[] }> {
  const machine = new StoreMachine({ dax: false });
  const files = await openLogFiles(machine);
  const flushes: string[] = [];
  for (const file of Object.values(files)) {
    note(file, 'persistRanges', () => flushes.push('here'));
    note(file, 'persistAsync', () => flushes.push('away'));
  }
  await machine.open({ create: true, ...files, ...options });
  flushes.length = 0;
  return { machine, flushes };
}

function note(file: PmemFile, call: 'persistRanges' | 'persistAsync', action: () => unknown): void {
  const original: (...args: never[]) => unknown = file[call].bind(file);
  vi.spyOn(file, call).mockImplementation(((...args: never[]) => {
    action();
    return original(...args);
  }) as never);
}

/** Each look at the clock takes so long. */
function stepClock(stepMs: () => number): void {
  let nowMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += stepMs()));
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** A store whose log flushes as long as the event loop takes to turn, and may not flush on this thread. */
async function slowStore(): Promise<{ store: PageStore; events: string[] }> {
  const machine = new StoreMachine({ dax: false });
  const files = await openLogFiles(machine);
  const store = await machine.open({ create: true, ...files, blockMs: 0 });
  await store.put(Buffer.from('a'), VALUE);
  const events: string[] = [];
  for (const file of Object.values(files)) {
    const flush = file.persistAsync.bind(file);
    vi.spyOn(file, 'persistAsync').mockImplementation(async (...range) => {
      await new Promise((resolve) => { setImmediate(resolve); });
      events.push('flushed');
      return flush(...range);
    });
    vi.spyOn(file, 'persistRanges').mockImplementation(() => { throw new Error('flushed on this thread'); });
  }
  return { store, events };
}

/** Notes the turns of the event loop in `events` until `work` has ended. */
async function turningBeside(work: Promise<void>, events: string[]): Promise<void> {
  const state = { isOver: false };
  const turning = (async () => {
    while (!state.isOver) {
      await new Promise((resolve) => { setImmediate(resolve); });
      if (events.at(-1) !== 'turn') events.push('turn');
    }
  })();
  await work.finally(() => { state.isOver = true; });
  await turning;
}

test('a batch that waits for a slow disk leaves the event loop its turn', async () => {
  const { store, events } = await slowStore();
  await turningBeside(store.put(Buffer.from('b'), VALUE), events);
  expect(events[0]).toBe('turn');
  expect(events.filter((event) => event === 'flushed')).toHaveLength(2);
});

test('a checkpoint leaves the event loop its turn, also when it drops what the log has of it', async () => {
  const { store, events } = await slowStore();
  await turningBeside(store.checkpoint(), events);
  expect(events[0]).toBe('turn');
  // Two files: the record of the checkpoint, and the new beginning of the log.
  expect(events.filter((event) => event === 'flushed')).toHaveLength(4);
});

test('a commit stays on this thread while flushes are quick', async () => {
  stepClock(() => 0.01);
  const { machine, flushes } = await openStore();
  for (let i = 0; i < 20; i++) await machine.put(`key ${i}`, VALUE);
  expect(flushes.filter((place) => place === 'away').length).toBeLessThan(flushes.length / 2);
  expect(flushes).toContain('here');
  expect(machine.account()).toEqual([]);
});

test('a commit goes off this thread after a flush that took long, and comes back after one that did not', async () => {
  let stepMs = 5;
  stepClock(() => stepMs);
  const { machine, flushes } = await openStore();
  for (let i = 0; i < 5; i++) await machine.put(`slow ${i}`, VALUE);
  expect(flushes.slice(2)).toEqual(flushes.slice(2).fill('away'));
  stepMs = 0.01;
  const before = flushes.length;
  for (let i = 0; i < 100; i++) await machine.put(`quick ${i}`, VALUE);
  expect(flushes.slice(before)).toContain('here');
  machine.crash('lose-all');
  await machine.open();
  expect(machine.account()).toEqual([]);
});

test('blockMs has to be a length of time', async () => {
  await expect(openStore({ blockMs: -1 })).rejects.toThrow(RangeError);
});
