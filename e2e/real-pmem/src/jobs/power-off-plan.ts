/** What the power-off job does to its files, and what may be in them afterwards: the same before and after the cut. */
import { content } from '../repair/content.js';
import { page } from '../scenarios/file-steps.js';
import { mode } from './zero-range-calls.js';

export interface PlannedCall {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** Flags of fallocate(2) besides ZERO_RANGE. */
  readonly flags: number;
  /** fsync(2) before the call counts as done. */
  readonly synced: boolean;
}

/** `open`: not reported as done. It may be, or not have begun: messages are lost with the guest. */
export type CallState = 'open' | 'done';

export type PowerOffInput =
  | { readonly phase: 'work'; readonly seed: number }
  | { readonly phase: 'check'; readonly seed: number; readonly done: number };

/** How far the work has come: calls are numbered from 0. `ready` once all files are written and synced. */
export type WorkReport = { readonly ready: number } | { readonly begin: number } | { readonly done: number };

export const sizeBytes = page(256);
const calls = 60;
/** What every file holds before its call. Made once: where the processor is emulated it takes a second. */
export const original = content(sizeBytes);

/** A file for each call. */
export function plannedCalls(seed: number): PlannedCall[] {
  let state = seed * 2_654_435_761 + 1;
  const random = (below: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x5bd1e995) >>> 0;
    return state % below;
  };
  return Array.from({ length: calls }, (_, index) => {
    const offset = random(sizeBytes);
    const length = 1 + random(sizeBytes);
    const aligned = random(2) === 0;
    return {
      name: `file-${index}`,
      offset: aligned ? offset - (offset % page(1)) : offset,
      length: aligned ? Math.max(page(1), length - (length % page(1))) : length,
      flags: random(2) === 0 ? mode.keepSize : 0,
      synced: random(2) === 0,
    };
  });
}

/** What is wrong with the bytes of a file after the power cut; undefined if nothing is. */
export function judgeFile(call: PlannedCall, state: CallState, bytes: Uint8Array): string | undefined {
  const end = call.offset + call.length;
  const grown = call.flags === mode.keepSize ? sizeBytes : Math.max(sizeBytes, end);
  const finished = state === 'done' && call.synced;
  const sizes = finished ? [grown] : [sizeBytes, grown];
  if (!sizes.includes(bytes.length)) return `has ${bytes.length} bytes, not ${sizes.join(' or ')}`;
  const before = Buffer.alloc(bytes.length);
  before.set(original.subarray(0, bytes.length));
  const after = Buffer.from(before);
  after.fill(0, Math.min(call.offset, bytes.length), Math.min(end, bytes.length));
  // Byte by byte only if something differs: where the processor is emulated that takes seconds.
  const expected = finished ? after : before;
  if (expected.equals(bytes)) return undefined;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === after[at] || (!finished && bytes[at] === before[at])) continue;
    const allowed = finished || before[at] === after[at] ? `${after[at] ?? 0}` : `0 or ${before[at] ?? 0}`;
    return `holds ${bytes[at] ?? 0} at byte ${at}, not ${allowed}`;
  }
  return undefined;
}
