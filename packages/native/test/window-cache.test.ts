/** When accesses of a file get memory to touch by themselves: each GiB of it costs the process a garbage collection. */
import { describe, expect, it } from 'vitest';
import type { BindingHandle } from '../src/binding.js';
import { WindowCache } from '../src/window-cache.js';

const GiB = 2 ** 30;

/** A window over memory of one byte a GiB; `made` has the GiB of each that was asked for. */
function mapped(sizeBytes: number): { window: WindowCache; made: number[] } {
  const made: number[] = [];
  const handle = {
    faultCounter: () => new ArrayBuffer(4),
    window: (start: number) => {
      made.push(start / GiB);
      return new ArrayBuffer(8);
    },
    detach: () => undefined,
  };
  return { window: new WindowCache(handle as unknown as BindingHandle, sizeBytes), made };
}

describe('accesses of a mapped file', () => {
  it('of 4 GiB touch memory from the first on', () => {
    const { window, made } = mapped(4 * GiB);
    for (const gib of [3, 0, 3]) expect(window.at(gib * GiB + 5, 4)?.start).toBe(gib * GiB);
    expect(made).toEqual([3, 0]);
  });

  it('spread over 256 GiB make no memory known to the engine', () => {
    const { window, made } = mapped(256 * GiB);
    let found = 0;
    for (let i = 0; i < 200_000; i++) if (window.at(((i * 37) % 256) * GiB + (i % 1000), 4) !== undefined) found++;
    expect([found, made]).toEqual([0, []]);
  });

  it('to one place of a large file touch memory in the end, and the others go on as before', () => {
    const { window, made } = mapped(256 * GiB);
    let calls = 0;
    while (window.at(77 * GiB, 8) === undefined) calls++;
    expect(calls).toBe(2 ** 15 - 1);
    expect(window.at(78 * GiB - 4, 4)?.start).toBe(77 * GiB);
    expect(window.at(78 * GiB, 4)).toBeUndefined();
    expect(made).toEqual([77]);
    window.replaced(128 * GiB);
    expect(window.at(77 * GiB, 8)).toBeUndefined();
  });
});
