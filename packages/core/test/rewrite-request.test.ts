/** What a call of rewrite() is given: each unit's own bytes, wherever they lie. */
import { expect, it } from 'vitest';
import { rewriteRequestOf, type Run } from '../src/repair/rewrite-request.js';
import { RepairUnit } from '../src/repair/repair-unit.js';
import type { RepairStrategy } from '../src/repair/types.js';

const PAGE = 4096;
const NO_SUPPLY = { rebuilt: [], filled: [], tombstoned: [], suppliable: false };

/** A unit of which `strategy` is being tried, at a page and with a content. */
function work(strategy: RepairStrategy, page: number, content: Uint8Array): RepairUnit {
  const unit = { offset: page * PAGE, length: PAGE };
  const data = { ...unit, length: content.length };
  const found = { shared: false, listed: true, mayBeHuge: false, readErrno: 5, holdsOthers: false, lost: [] };
  const made = new RepairUnit({ unit, data, content, ...found }, NO_SUPPLY, false);
  made.begin(strategy);
  return made;
}

function page(fill: number, length = PAGE): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

/** The bytes that each piece is to be written with. */
function written(runs: readonly Run[]): (readonly [number, Uint8Array])[] {
  const { pieces, bytes } = rewriteRequestOf(runs);
  return pieces.map(({ position, sourceOffset, length }) => {
    return [position, bytes.slice(sourceOffset, sourceOffset + length)];
  });
}

it('sends a content that units share once', () => {
  const lost = page(3);
  const runs: Run[] = [1, 3, 5].map((at) => [work('zero-range', at, lost)]);
  expect(rewriteRequestOf(runs).bytes).toHaveLength(PAGE);
  expect(written(runs)).toEqual([1, 3, 5].map((at) => [at * PAGE, lost]));
});

it('sends contents of one buffer from where they lie', () => {
  const all = Uint8Array.from({ length: 5 * PAGE }, (_, i) => i / PAGE);
  const part = (at: number): Uint8Array => all.subarray(at * PAGE, (at + 1) * PAGE);
  const runs: Run[] = [
    [work('zero-range', 9, part(3))], [work('zero-range', 11, part(1)), work('zero-range', 12, part(2))],
  ];
  expect(rewriteRequestOf(runs).bytes.buffer).toBe(all.buffer);
  expect(written(runs)).toEqual([[9 * PAGE, part(3)], [11 * PAGE, all.slice(PAGE, 3 * PAGE)]]);
});

it('copies contents of adjacent units that do not lie so', () => {
  const lost = page(3);
  const own = page(4);
  const runs: Run[] = [
    [work('zero-range', 1, lost), work('zero-range', 2, lost), work('zero-range', 3, own)],
    [work('recovery-write', 6, own)],
  ];
  expect(written(runs)).toEqual([[PAGE, Uint8Array.from([...lost, ...lost, ...own])], [6 * PAGE, own]]);
});

it('writes the last unit of a file to its end, by a write alone as a whole page', () => {
  const short = page(5, 100);
  const reset = { offset: PAGE, length: PAGE };
  const { pieces } = rewriteRequestOf([[work('zero-range', 1, short)]]);
  expect(pieces).toEqual([{ reset, position: PAGE, sourceOffset: 0, length: 100 }]);
  const whole = Uint8Array.from([...short, ...page(0, PAGE - 100)]);
  expect(written([[work('recovery-write', 1, short)]])).toEqual([[PAGE, whole]]);
});
