import { describe, expect, test } from 'vitest';
import type { Fragment } from '../../src/wal/format/data-page.js';
import type { PageView } from '../../src/wal/read/read-pages.js';
import { assemble } from '../../src/wal/read/replay.js';

/** A fragment in short: record, offset in it, length of the piece, length of the record. */
type Piece = readonly [sequence: number, offset: number, length: number, of: number];

function pageOf(...pieces: readonly Piece[]): PageView {
  const fragments: Fragment[] = pieces.map(([sequence, offset, length, recordBytes]) => ({
    sequence,
    era: 1,
    offset,
    recordBytes,
    payload: Uint8Array.from({ length }, (_, i) => sequence + offset + i),
  }));
  return { pageNumber: 0, best: { parsed: { fragments } } as unknown as PageView['best'], damage: [] };
}

/** `3` for a record, `[4, 6]` for a loss. */
function outcome(first: number, last: number | undefined, ...pages: readonly PageView[]): unknown[] {
  return [...assemble(pages, { firstSequence: first, lastSequence: last })].map((item) => {
    if (item.type === 'lost') return [item.first, item.last];
    expect(item.payload).toEqual(Uint8Array.from({ length: item.payload.length }, (_, i) => item.sequence + i));
    return item.sequence;
  });
}

describe('which records are there and which are not', () => {
  test.each<[string, number, number | undefined, readonly Piece[][], unknown[]]>([
    ['nothing committed', 1, 0, [], []],
    ['nothing readable', 1, 9, [], [[1, 9]]],
    ['a record in one piece', 1, 1, [[[1, 0, 4, 4]]], [1]],
    [
      'a record without bytes',
      1,
      2,
      [
        [
          [1, 0, 0, 0],
          [2, 0, 0, 0],
        ],
      ],
      [1, 2],
    ],
    ['a record in three pieces', 1, 1, [[[1, 0, 4, 9]], [[1, 4, 4, 9]], [[1, 8, 1, 9]]], [1]],
    ['a gap between whole records', 1, 9, [[[1, 0, 4, 4]], [[9, 0, 4, 4]]], [1, [2, 8], 9]],
    ['a gap that begins in the middle of a record', 1, 4, [[[1, 0, 2, 4]], [[4, 0, 4, 4]]], [[1, 3], 4]],
    [
      'a gap that ends in the middle of a record',
      1,
      4,
      [
        [
          [3, 2, 2, 4],
          [4, 0, 4, 4],
        ],
      ],
      [[1, 3], 4],
    ],
    [
      'a gap inside one record',
      1,
      2,
      [
        [[1, 0, 2, 6]],
        [
          [1, 4, 2, 6],
          [2, 0, 1, 1],
        ],
      ],
      [[1, 1], 2],
    ],
    ['a gap before the end', 1, 5, [[[1, 0, 4, 4]]], [1, [2, 5]]],
    ['a gap before an unknown end', 1, undefined, [[[1, 0, 4, 4]], [[3, 0, 4, 4]]], [1, [2, 2], 3, [4, undefined]]],
    [
      'several pages of a record already lost',
      1,
      2,
      [[[1, 4, 4, 16]], [[1, 8, 4, 16]], [[1, 12, 4, 16]], [[2, 0, 1, 1]]],
      [[1, 1], 2],
    ],
    [
      'records dropped before',
      5,
      6,
      [
        [
          [4, 4, 4, 8],
          [5, 0, 4, 4],
          [6, 0, 4, 4],
        ],
      ],
      [5, 6],
    ],
    [
      'pieces behind the last committed record',
      1,
      1,
      [
        [
          [1, 0, 4, 4],
          [2, 0, 4, 4],
        ],
      ],
      [1],
    ],
    ['a record begun twice', 1, 1, [[[1, 0, 4, 8]], [[1, 0, 4, 8]], [[1, 4, 4, 8]]], [1]],
    ['one piece twice does not stand for another', 1, 1, [[[1, 0, 4, 8]], [[1, 0, 4, 8]]], [[1, 1]]],
    [
      'a record that comes again',
      1,
      2,
      [
        [[1, 0, 4, 4]],
        [
          [1, 0, 4, 4],
          [2, 0, 4, 4],
        ],
      ],
      [1, 2],
    ],
  ])('%s', (_, first, last, pages, expected) => {
    expect(outcome(first, last, ...pages.map((pieces) => pageOf(...pieces)))).toEqual(expected);
  });
});

test('a loss carries the damage that was met on the way to it, and no other', () => {
  const damage = (offset: number): PageView['damage'] => [
    { role: 'log', range: { offset, length: 4096 }, reason: 'media' },
  ];
  const pages = [
    { ...pageOf(), damage: damage(4096) },
    pageOf([1, 0, 4, 4]),
    { ...pageOf(), damage: damage(8192) },
    { ...pageOf(), damage: damage(12288) },
    pageOf([4, 0, 4, 4]),
  ];
  const items = [...assemble(pages, { firstSequence: 1, lastSequence: 5 })];
  expect(
    items.map((item) => (item.type === 'lost' ? item.damage.map(({ range }) => range.offset) : item.sequence)),
  ).toEqual([1, [8192, 12288], 4, []]);
});
