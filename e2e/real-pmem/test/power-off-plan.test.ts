import { describe, expect, it } from 'vitest';
import { judgeFile, plannedCalls, sizeBytes, type PlannedCall } from '../src/jobs/power-off-plan.js';
import { mode } from '../src/jobs/zero-range-calls.js';
import { content } from '../src/repair/content.js';

const call: PlannedCall = { name: 'file', offset: 100, length: 5000, flags: mode.keepSize, synced: true };
const old = content(sizeBytes);
const zeroed = (from: number, to: number, size = sizeBytes): Uint8Array => {
  const bytes = new Uint8Array(size);
  bytes.set(old);
  return bytes.fill(0, from, to);
};

describe('what may be found after a power cut', () => {
  it('plans the same calls for a seed, others for another, and of every kind', () => {
    expect(plannedCalls(1)).toEqual(plannedCalls(1));
    expect(plannedCalls(1)).not.toEqual(plannedCalls(2));
    const calls = plannedCalls(1);
    const kinds = new Set(calls.map(({ flags, synced, offset }) => `${flags} ${synced} ${offset % 4096 === 0}`));
    expect(kinds.size).toBe(8);
    expect(calls.some(({ offset, length }) => offset + length > sizeBytes)).toBe(true);
  });

  it('is zeros if the call was done and synced, any part of them if it was not', () => {
    expect(judgeFile(call, 'done', zeroed(100, 5100))).toBeUndefined();
    expect(judgeFile(call, 'done', zeroed(100, 5099))).toMatch(/at byte 5099, not 0/);
    expect(judgeFile(call, 'open', zeroed(100, 300))).toBeUndefined();
    expect(judgeFile({ ...call, synced: false }, 'done', old)).toBeUndefined();
    expect(judgeFile(call, 'open', old)).toBeUndefined();
  });

  it('is never a byte outside of the range, and no other value in it', () => {
    expect(judgeFile(call, 'open', zeroed(99, 300))).toMatch(/at byte 99/);
    expect(judgeFile(call, 'open', zeroed(100, 300).fill(7, 120, 121))).toMatch(/holds 7 at byte 120, not 0 or/);
  });

  it('has the old size or the new one, and zeros between the two', () => {
    const growing = { ...call, flags: 0, offset: sizeBytes + 5000, length: 100 };
    const size = sizeBytes + 5100;
    expect(judgeFile(growing, 'done', zeroed(sizeBytes, size, size))).toBeUndefined();
    expect(judgeFile(growing, 'done', old)).toMatch(/has \d+ bytes/);
    expect(judgeFile(growing, 'open', old)).toBeUndefined();
    const stale = zeroed(sizeBytes, size, size).fill(9, sizeBytes + 10, sizeBytes + 11);
    expect(judgeFile(growing, 'open', stale)).toMatch(/holds 9/);
    expect(judgeFile(call, 'open', zeroed(0, 0, size))).toMatch(/has \d+ bytes/);
  });
});
