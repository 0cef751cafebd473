/** The state of every byte of a file, which `map` draws, found without touching data. */
import type { ByteRange, Driver } from '@safe-pmem/core';
import { coalesce, intersectAll, rangeEnd, subtract, totalLength } from '@safe-pmem/core';
import type { JournalReport } from '@safe-pmem/core/tools';
import { journalOf, mapToFile } from '@safe-pmem/core/tools';
import { lookingAt } from '../context.js';

/** From the most to the least alarming: a cell of the picture shows the first that it has. */
export const STATES = ['bad', 'lost', 'pending', 'healthy', 'unwritten', 'hole'] as const;
export type State = (typeof STATES)[number];

export interface FilePicture {
  readonly sizeBytes: number;
  /** The smallest part that is bad, or a hole. */
  readonly blockBytes: number;
  readonly states: Readonly<Record<State, readonly ByteRange[]>>;
  /** Why the kernel cannot say which blocks are bad. */
  readonly unknown: string | undefined;
  readonly journal: JournalReport;
}

/** Throws what openForLooking() and journalOf() throw. */
export async function pictureOf(path: string, driver: Driver): Promise<FilePicture> {
  return lookingAt(path, driver, async (file) => {
    const sizeBytes = file.mappedBytes;
    const whole: ByteRange = { offset: 0, length: sizeBytes };
    const journal = await journalOf(file);
    const list = await file.badBlocks();
    const outcome = sizeBytes === 0 ? { extents: [] } : await file.extents(0, sizeBytes);
    const extents =
      'extents' in outcome
        ? outcome.extents
        : [{ ...whole, physicalOffset: 0, unwritten: false, shared: false, unmapped: true }];
    const isPlaced = !extents.some((extent) => extent.unmapped);
    const bad =
      list.supported && isPlaced ? coalesce(mapToFile(list.ranges, extents, whole, file.facts)) : [];
    const [lost, pending] = journal.status === 'none' ? [[], []] : [journal.lost, journal.pending];
    const unwritten = extents.filter((extent) => extent.unwritten);
    const states: Record<State, ByteRange[]> = { bad, lost: [], pending: [], healthy: [], unwritten: [], hole: [] };
    let left = subtract([whole], bad);
    for (const [state, ranges] of [
      ['lost', lost],
      ['pending', pending],
      ['unwritten', unwritten],
      ['hole', subtract([whole], extents)],
    ] as const) {
      states[state] = intersectAll(ranges, left);
      left = subtract(left, ranges);
    }
    states.healthy = left;
    const unknown = !list.supported
      ? list.reason
      : isPlaced || list.ranges.length === 0
        ? undefined
        : 'the place of its bytes on the device is not known';
    return { sizeBytes, blockBytes: file.facts.blockBytes, states, unknown, journal };
  });
}

/** One state for each of `cells` equal parts of the file: the most alarming one in it. */
export function cellsOf(picture: FilePicture, cells: number, cellBytes: number): State[] {
  const found = new Array<State>(cells).fill('hole');
  for (const state of [...STATES].reverse()) {
    for (const range of picture.states[state]) {
      const last = Math.min(cells - 1, Math.floor((rangeEnd(range) - 1) / cellBytes));
      for (let cell = Math.floor(range.offset / cellBytes); cell <= last; cell++) found[cell] = state;
    }
  }
  return found;
}

export function bytesOf(picture: FilePicture, state: State): number {
  return totalLength(picture.states[state]);
}
