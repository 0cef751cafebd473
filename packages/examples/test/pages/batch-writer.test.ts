/** A batch that finds no room in the log waits for a checkpoint, which may fail after another one has made room. */
import { expect, test } from 'vitest';
import { BatchWriter } from '../../src/pages/batch-writer.js';
import type { Checkpointer } from '../../src/pages/checkpointer.js';
import type { StoreState } from '../../src/pages/store-state.js';
import { Turns } from '../../src/turns.js';

const PUT = { type: 'put', key: new Uint8Array(1), value: new Uint8Array(100) } as const;
const FULL_BYTES = 64 * 4096;

/** A store with a full log. Each checkpoint calls `run` with that log. */
function fullStore(run: (log: { usedBytes: number }) => Promise<void>): { writer: BatchWriter; applied: () => number } {
  let applied = 0;
  let isIntact = true;
  const log = {
    turns: new Turns(), usedBytes: FULL_BYTES, capacityBytes: FULL_BYTES,
    append: () => 1,
    commit: () => Promise.resolve(),
  };
  const state = {
    log, pool: { slots: { count: 1 } }, lastGeneration: 1, failure: new Error('failed'),
    tree: { apply: () => applied++ },
    requireIntact: () => {
      if (!isIntact) throw state.failure;
    },
    fail: () => {
      isIntact = false;
    },
    error: (code: string) => Object.assign(new Error(code), { code }),
  };
  const checkpoints = { run: () => run(log), soon: () => undefined };
  const writer = new BatchWriter(state as unknown as StoreState, checkpoints as unknown as Checkpointer);
  return { writer, applied: () => applied };
}

const NO_SPACE = new Error('no space');

test('is taken if there is room although its checkpoint has failed', async () => {
  let runs = 0;
  const { writer, applied } = fullStore((log) => {
    runs++;
    log.usedBytes = 0;
    return Promise.reject(NO_SPACE);
  });
  await Promise.all([writer.write([PUT]), writer.write([PUT])]);
  expect([runs, applied()]).toEqual([1, 2]);
});

test('is refused with the failure if there is none, once for each batch, and later ones are taken', async () => {
  let runs = 0;
  const { writer, applied } = fullStore((log) => {
    if (++runs > 2) log.usedBytes = 0;
    return Promise.reject(NO_SPACE);
  });
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => writer.write([PUT])));
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  expect([runs, applied()]).toEqual([3, 1]);
  await writer.ended();
});
