import { expect, it } from 'vitest';
import type { Clock } from '../src/rescue/pace.js';
import { UnsafeRanges } from '../src/faults/unsafe-ranges.js';
import type { ScrubProgress, ScrubReport } from '../src/rescue/scrub.js';
import { scrubRange } from '../src/rescue/scrub.js';
import type { CompleteFile } from '../src/index.js';

const PAGE = 4096;
const MIB = 2 ** 20;
const state = { assertOpen: () => undefined, resized: () => Promise.resolve() };

/** A clock that only sleeping and reading move, and a medium that takes `readMs` for a megabyte. */
function scene(readMs: number, stallMs = 0): { clock: Clock; file: CompleteFile; reads: { atMs: number; bytes: number }[]; now: () => number } {
  let nowMs = 1000;
  const reads: { atMs: number; bytes: number }[] = [];
  const clock: Clock = {
    nowMs: () => nowMs,
    sleep: (durationMs, signal) => {
      signal?.throwIfAborted();
      nowMs += durationMs;
      return Promise.resolve();
    },
  };
  const file = {
    facts: { pageBytes: PAGE, path: '/file' },
    mappedBytes: 64 * MIB,
    scrub: (_position: number, bytes: number) => {
      nowMs += (readMs * bytes) / MIB;
      // A medium that stalls does not give leave to catch up.
      if (reads.length === 5) nowMs += stallMs;
      reads.push({ atMs: nowMs, bytes });
      return Promise.resolve({ transferredBytes: bytes, errno: 0 });
    },
    // scrub() calls nothing else of a driver's file.
  } as unknown as CompleteFile;
  return { clock, file, reads, now: () => nowMs - 1000 };
}

async function scrub(readMs: number, bytesPerSecond: number | undefined, stallMs = 0, lengthBytes = 8 * MIB): Promise<ReturnType<typeof scene>> {
  const at = scene(readMs, stallMs);
  const request = { range: { offset: 0, length: lengthBytes }, bytesPerSecond, signal: undefined, onProgress: undefined };
  await scrubRange(at.file, new UnsafeRanges(), request, state, at.clock);
  return at;
}

it('never reads more than the rate allows, from any moment on, but for one burst of a tenth of a second', async () => {
  for (const [readMs, bytesPerSecond] of [[1, 4 * MIB], [1, 100_000], [100, 2 * MIB], [0, 50 * MIB]] as const) {
    const { reads } = await scrub(readMs, bytesPerSecond, 3000);
    const burst = Math.max(PAGE, bytesPerSecond / 10);
    for (let from = 0; from < reads.length; from += 7) {
      let bytes = 0;
      for (const read of reads.slice(from)) {
        bytes += read.bytes;
        const seconds = (read.atMs - (reads[from]?.atMs ?? 0)) / 1000;
        expect(bytes).toBeLessThanOrEqual(bytesPerSecond * seconds + 2 * burst + PAGE);
      }
    }
  }
});

it('is not slower than the rate where the medium is faster, and does not wait where the medium is slower', async () => {
  const fast = await scrub(1, 4 * MIB);
  expect(fast.now()).toBeGreaterThan(1850);
  expect(fast.now()).toBeLessThanOrEqual(2010);
  const slow = await scrub(1000, 4 * MIB);
  expect(slow.now()).toBe(8000);
});

it('without a rate it never sleeps and reads eight megabytes at once', async () => {
  const { now, reads } = await scrub(0, undefined, 0, 20 * MIB);
  expect(now()).toBe(0);
  expect(reads.map(({ bytes }) => bytes)).toEqual([8 * MIB, 8 * MIB, 4 * MIB]);
});

it('an abort ends it while it waits', async () => {
  const controller = new AbortController();
  const at = scene(0);
  const read = at.file.scrub.bind(at.file);
  Object.assign(at.file, {
    scrub: (position: number, length: number) => {
      if (at.reads.length === 2) controller.abort(new Error('enough'));
      return read(position, length);
    },
  });
  const request = { range: { offset: 0, length: MIB }, bytesPerSecond: 100_000, signal: controller.signal, onProgress: undefined };
  await expect(scrubRange(at.file, new UnsafeRanges(), request, state, at.clock)).rejects.toThrow('enough');
  expect(at.reads.length).toBe(3);
});

/** A file of 20 MiB that has 5 MiB when the second piece is read; `resized` waits as OpenState does. */
async function shortened(
  resized: (file: { mappedBytes: number }) => Promise<void>,
): Promise<{ report: ScrubReport; lastProgress: ScrubProgress | undefined }> {
  let lastProgress: ScrubProgress | undefined;
  const onProgress = (progress: ScrubProgress): void => { lastProgress = progress; };
  const file = {
    facts: { pageBytes: PAGE, path: '/file' },
    mappedBytes: 20 * MIB,
    scrub: (position: number, bytes: number) =>
      Promise.resolve({ transferredBytes: position === 0 ? bytes : Math.max(0, 5 * MIB - position), errno: 0 }),
  };
  const report = await scrubRange(
    file as unknown as CompleteFile,
    new UnsafeRanges(),
    { range: { offset: 0, length: 20 * MIB }, bytesPerSecond: undefined, signal: undefined, onProgress },
    { ...state, resized: () => resized(file) },
  );
  return { report, lastProgress };
}

it('what resize() cuts off during a scrub is left out, before and after the mapping follows', async () => {
  const range = { offset: 0, length: 5 * MIB };
  const { report, lastProgress } = await shortened(async (file) => {
    await new Promise(setImmediate);
    file.mappedBytes = 5 * MIB;
  });
  expect(report).toEqual({ range, mediaErrors: [], found: [] });
  expect(lastProgress).toEqual({ doneBytes: 5 * MIB, totalBytes: 5 * MIB, mediaErrors: [] });
});

it('what another process cuts off during a scrub is ERR_PMEM_TRUNCATED', async () => {
  await expect(shortened(() => Promise.resolve())).rejects.toMatchObject({ code: 'ERR_PMEM_TRUNCATED' });
});

it('a close ends it, though nothing of a closed file is mapped', async () => {
  const { file } = scene(0);
  let isOpen = true;
  const assertOpen = (): void => {
    if (!isOpen) throw new Error('closed');
  };
  const read = file.scrub.bind(file);
  Object.assign(file, {
    scrub: (position: number, length: number) => {
      isOpen = false;
      Object.assign(file, { mappedBytes: 0 });
      return read(position, length);
    },
  });
  const range = { offset: 0, length: 20 * MIB };
  const request = { range, bytesPerSecond: undefined, signal: undefined, onProgress: undefined };
  await expect(scrubRange(file, new UnsafeRanges(), request, { ...state, assertOpen })).rejects.toThrow('closed');
});
