/**
 * The blocks that no file owns. Allocation takes the lowest free block first: legal for any filesystem, and the least
 * kind, since a poisoned block that a file let go of is handed to the very next writer. Freed blocks wait for a metadata
 * commit, as they do on ext4 and XFS: the file that freed them does not get them back before its next sync,
 * while another file may have them at once, as if a commit had happened just then.
 */
import type { ByteRange } from '@safe-pmem/core';

/** `count` blocks from `start` on the device. */
export interface BlockRun {
  readonly start: number;
  readonly count: number;
}

export class FreePool {
  readonly #blockBytes: number;
  #runs: BlockRun[];
  /** Freed, and by which inode. */
  #waiting: { run: BlockRun; by: number }[] = [];
  #freeBlocks: number;

  constructor(blockBytes: number, start: number, count: number) {
    this.#blockBytes = blockBytes;
    this.#runs = count > 0 ? [{ start, count }] : [];
    this.#freeBlocks = count;
  }

  copyFrom(other: FreePool): void {
    this.#runs = [...other.#runs];
    this.#waiting = [...other.#waiting];
    this.#freeBlocks = other.#freeBlocks;
  }

  /** Bytes that files can still get, those that wait for a commit included. */
  get freeBytes(): number {
    return this.#freeBlocks * this.#blockBytes;
  }

  /** True if blocks wait that this inode did not free (or, without an inode, any). */
  waitsFor(inode?: number): boolean {
    return this.#waiting.some(({ by }) => by !== inode);
  }

  /** Up to `count` adjoining blocks from the lowest free address, still in the pool; undefined if it is empty. */
  lowest(count: number): BlockRun | undefined {
    const run = this.#runs[0];
    return run === undefined ? undefined : { start: run.start, count: Math.min(count, run.count) };
  }

  /** Up to `count` adjoining free blocks from `start` on, those that wait for a commit included; undefined if it is taken. */
  at(start: number, count: number): BlockRun | undefined {
    const free = join([...this.#runs, ...this.#waiting.map(({ run }) => run)]);
    const run = free.find((candidate) => candidate.start <= start && start < candidate.start + candidate.count);
    return run === undefined ? undefined : { start, count: Math.min(count, run.start + run.count - start) };
  }

  /** Takes free blocks out of the pool, waiting ones too: an undone free gives a file its own blocks back. */
  take(taken: BlockRun): void {
    this.#runs = cut(this.#runs, taken);
    this.#waiting = this.#waiting.flatMap(({ run, by }) => cut([run], taken).map((rest) => ({ run: rest, by })));
    this.#freeBlocks -= taken.count;
  }

  release(freed: BlockRun, by: number): void {
    this.#waiting.push({ run: freed, by });
    this.#freeBlocks += freed.count;
  }

  /** The metadata is durable: what waited can be allocated, except what this inode freed. */
  commit(exceptBy?: number): void {
    if (!this.waitsFor(exceptBy)) return;
    this.#runs = join([...this.#runs, ...this.#waiting.filter(({ by }) => by !== exceptBy).map(({ run }) => run)]);
    this.#waiting = this.#waiting.filter(({ by }) => by === exceptBy);
  }

  /** All free bytes, as ranges on the device. */
  ranges(): ByteRange[] {
    return join([...this.#runs, ...this.#waiting.map(({ run }) => run)]).map((run) => ({
      offset: run.start * this.#blockBytes,
      length: run.count * this.#blockBytes,
    }));
  }
}

function cut(runs: BlockRun[], taken: BlockRun): BlockRun[] {
  const end = taken.start + taken.count;
  const first = runs[0];
  if (first?.start === taken.start && first.count > taken.count) {
    runs[0] = { start: end, count: first.count - taken.count };
    return runs;
  }
  const rest: BlockRun[] = [];
  for (const run of runs) {
    const runEnd = run.start + run.count;
    if (runEnd <= taken.start || run.start >= end) {
      rest.push(run);
      continue;
    }
    if (run.start < taken.start) rest.push({ start: run.start, count: taken.start - run.start });
    if (runEnd > end) rest.push({ start: end, count: runEnd - end });
  }
  return rest;
}

function join(runs: BlockRun[]): BlockRun[] {
  const joined: BlockRun[] = [];
  for (const run of runs.sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && last.start + last.count === run.start) {
      joined[joined.length - 1] = { start: last.start, count: last.count + run.count };
    } else {
      joined.push(run);
    }
  }
  return joined;
}
