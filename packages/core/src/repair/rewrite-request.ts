/** From runs of adjacent units to the one call of rewrite() that writes them all. */
import { rangeBetween, rangeEnd } from '../ranges/byte-range.js';
import type { Rewrite } from '../driver/driver.js';
import type { RepairStrategy } from './receipt.js';
import type { UnitWork } from './unit-work.js';

/** Adjacent units, ascending, and what is tried with them. */
export type Run = readonly [RepairStrategy, readonly UnitWork[]];

/** The arguments of rewrite(); one piece for each run. */
export interface RewriteRequest {
  readonly pieces: readonly Rewrite[];
  readonly bytes: Uint8Array;
}

export function rewriteRequestOf(runs: readonly Run[]): RewriteRequest {
  return viewOf(runs) ?? copyOf(runs);
}

/**
 * Where the contents lie in one buffer, and those of a run one behind the other, they are written from there: they need not be
 * copied, and units that share one content send it once.
 */
function viewOf(runs: readonly Run[]): RewriteRequest | undefined {
  const { buffer } = firstOf(runs[0] as Run).content;
  let start = Infinity;
  let end = 0;
  for (const run of runs) {
    let next = firstOf(run).content.byteOffset;
    start = Math.min(start, next);
    for (const { content } of run[1]) {
      if (content.buffer !== buffer || content.byteOffset !== next) return undefined;
      next += content.byteLength;
    }
    if (next - firstOf(run).content.byteOffset !== lengthOf(run)) return undefined;
    end = Math.max(end, next);
  }
  const pieces = runs.map((run) => pieceOf(run, firstOf(run).content.byteOffset - start));
  return { pieces, bytes: new Uint8Array(buffer, start, end - start) };
}

/** What the last unit of a file lacks are zeros, which truncation removes. */
function copyOf(runs: readonly Run[]): RewriteRequest {
  let total = 0;
  const pieces = runs.map((run) => {
    const piece = pieceOf(run, total);
    total += piece.length;
    return piece;
  });
  const bytes = new Uint8Array(total);
  for (const [i, [, works]] of runs.entries()) {
    let at = (pieces[i] as Rewrite).sourceOffset;
    for (const { content } of works) {
      bytes.set(content, at);
      at += content.byteLength;
    }
  }
  return { pieces, bytes };
}

function firstOf([, works]: Run): UnitWork {
  return works[0] as UnitWork;
}

function pieceOf(run: Run, sourceOffset: number): Rewrite {
  const position = firstOf(run).unit.offset;
  const length = lengthOf(run);
  if (run[0] === 'recovery-write') return { reset: undefined, position, sourceOffset, length };
  return { reset: rangeBetween(position, rangeEnd((run[1].at(-1) as UnitWork).unit)), position, sourceOffset, length };
}

/** Unwritten blocks take a write of any length, so the last page needs none past the end of the file. */
function lengthOf([strategy, works]: Run): number {
  const last = works.at(-1) as UnitWork;
  return rangeEnd(strategy === 'recovery-write' ? last.unit : last.data) - (works[0] as UnitWork).unit.offset;
}
