import { describe, expect, it } from 'vitest';
import { inLanes } from '../src/host/lanes.js';

describe('lanes', () => {
  it('never work on more than they are, take every item once, and keep the order of the results', async () => {
    const open: (() => void)[] = [];
    const gates = [0, 1, 2, 3, 4].map((item) => new Promise<void>((resolve) => { open[item] = resolve; }));
    const started: number[] = [];
    const all = inLanes([0, 1, 2, 3, 4], 2, async (item) => {
      started.push(item);
      await gates[item];
      return item * 10;
    });
    await Promise.resolve();
    expect(started).toEqual([0, 1]);
    open[1]?.();
    await expect.poll(() => started).toEqual([0, 1, 2]);
    for (const each of open) each();
    expect(await all).toEqual([0, 10, 20, 30, 40]);
    expect(started).toEqual([0, 1, 2, 3, 4]);
  });

  it('pass a failure on', async () => {
    await expect(inLanes([1], 2, () => Promise.reject(new Error('boom')))).rejects.toThrow('boom');
  });
});
