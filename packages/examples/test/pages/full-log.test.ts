/** A checkpoint that a crash cut off before it had emptied the log: what its pages hold needs no room in the log. */
import { describe, expect, test } from 'vitest';
import { StoreMachine, valueOf } from './store-machine.js';

/** Of the log; a batch fits into about half of it. */
const LOG_PAGES = 16;
const LARGE_BYTES = 18_000;

/** Lengths of values that fill the log, and of one that has no room in it then: in a full one, the smallest. */
const FILLINGS = [
  ['nearly full', [10_000, 10_000, 16_000], LARGE_BYTES],
  ['full', [10_000, 10_000, 22_000], 10],
] as const;

async function filled(values: readonly number[]): Promise<StoreMachine> {
  const machine = new StoreMachine({ pages: 64, logPages: LOG_PAGES });
  await machine.open({ create: true });
  for (const [i, lengthBytes] of values.entries()) await machine.put(`k${i}`, valueOf(i, lengthBytes));
  return machine;
}

/** The machine after power has failed at operation `at` of a checkpoint; undefined if it has not so many. */
async function cutOff(values: readonly number[], at: number): Promise<StoreMachine | undefined> {
  const machine = await filled(values);
  const last = machine.driver.operations + at;
  const stop = machine.driver.observe(({ index }) => (index === last ? { crash: true } : undefined));
  try {
    await machine.store.checkpoint();
    return undefined;
  } catch {
    machine.forget();
    return machine;
  } finally {
    stop();
  }
}

describe('power fails in a checkpoint', () => {
  test.each(FILLINGS)('of a log that is %s: batches are taken after that', async (_, values, lengthBytes) => {
    let states = 0;
    for (let at = 1; ; at++) {
      const machine = await cutOff(values, at);
      if (machine === undefined) break;
      states++;
      await machine.open();
      await machine.put('first', valueOf(at, lengthBytes));
      await machine.put('second', valueOf(at + 1, LARGE_BYTES));
      expect(machine.account(), `at operation ${at}`).toEqual([]);
      await machine.open();
      expect(machine.account(), `at operation ${at}, opened again`).toEqual([]);
      await machine.close();
    }
    expect(states).toBeGreaterThan(20);
  });
});
