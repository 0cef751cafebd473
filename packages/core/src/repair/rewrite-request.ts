/** From runs of adjacent units to the one call of rewrite() that writes them all. */
import { rangeBetween, rangeEnd } from '../ranges/byte-range.js';
import type { Rewrite } from '../driver/driver.js';
import type { RepairUnit } from './repair-unit.js';

/** Adjacent units, ascending, on which the same strategy is being tried. */
export type Run = readonly RepairUnit[];

/** The arguments of rewrite(); one piece for each run. */
export interface RewriteRequest {
  readonly pieces: readonly Rewrite[];
  readonly bytes: Uint8Array;
}

export function rewriteRequestOf(runs: readonly Run[]): RewriteRequest {
  return viewOf(runs) ?? copyOf(runs);
}

/**
 * If the contents lie in one buffer, and those of a run one after the other, they are written from there: they need not
 * be copied, and units that share one content send it once.
 */
function viewOf(runs: readonly Run[]): RewriteRequest | undefined {
  const { buffer } = firstOf(runs[0] as Run).content;
  let start = Infinity;
  let end = 0;
  for (const run of runs) {
    let next = firstOf(run).content.byteOffset;
    start = Math.min(start, next);
    for (const { content } of run) {
      if (content.buffer !== buffer || content.byteOffset !== next) return undefined;
      next += content.byteLength;
    }
    if (next - firstOf(run).content.byteOffset !== lengthOf(run)) return undefined;
    end = Math.max(end, next);
  }
  const pieces = runs.map((run) => pieceOf(run, firstOf(run).content.byteOffset - start));
  return { pieces, bytes: new Uint8Array(buffer, start, end - start) };
}

/** Copies the contents. The last unit of a file is filled up with zeros, which truncation removes. */
function copyOf(runs: readonly Run[]): RewriteRequest {
  let total = 0;
  const pieces = runs.map((run) => {
    const piece = pieceOf(run, total);
    total += piece.length;
    return piece;
  });
  const bytes = new Uint8Array(total);
  for (let i = 0; i < runs.length; i++) {
    let at = (pieces[i] as Rewrite).sourceOffset;
    for (const { content } of runs[i] as Run) {
      bytes.set(content, at);
      at += content.byteLength;
    }
  }
  return { pieces, bytes };
}

function firstOf(run: Run): RepairUnit {
  return run[0] as RepairUnit;
}

function lastOf(run: Run): RepairUnit {
  return run.at(-1) as RepairUnit;
}

function pieceOf(run: Run, sourceOffset: number): Rewrite {
  const { strategy, unit: { offset: position } } = firstOf(run);
  const length = lengthOf(run);
  if (strategy === 'recovery-write') return { reset: undefined, position, sourceOffset, length };
  return { reset: rangeBetween(position, rangeEnd(lastOf(run).unit)), position, sourceOffset, length };
}

/** Unwritten blocks take a write of any length, so the last page needs none past the end of the file. */
function lengthOf(run: Run): number {
  const { strategy, unit, data } = lastOf(run);
  return rangeEnd(strategy === 'recovery-write' ? unit : data) - firstOf(run).unit.offset;
}
