/** What both stores of the examples are given to hold here, and which keys a page of their data files takes with it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { scene } from './dax-scene.js';

/** A dozen keys in some leaves, and one value that needs pages of its own. */
export const longKey = 'key long';
export const entries: ReadonlyMap<string, string> = new Map([
  ...Array.from({ length: 12 }, (_, i) => [`key ${String(i).padStart(2, '0')}`, `${i} `.repeat(300)] as const),
  [longKey, 'long '.repeat(1400)],
]);

interface StoredPage {
  readonly slot: number;
  readonly kind: string;
  /** Keys of `entries` in the range of a leaf. */
  readonly keys: readonly string[];
}

/** The pages that the newest checkpoint has written, read by their byte table (packages/examples/src/pages/README.md). */
function storedPages(name: string): StoredPage[] {
  const file = readFileSync(scene.path(name));
  const pages = Array.from({ length: file.length / pageBytes }, (_, slot) => ({ slot, bytes: file.subarray(page(slot), page(slot + 1)) }));
  const generationOf = (bytes: Buffer): bigint => bytes.readBigUInt64LE(16);
  const kindOf = (bytes: Buffer): string => bytes.toString('latin1', 4, 8);
  const used = pages.filter(({ bytes }) => ['leaf', 'over'].includes(kindOf(bytes)));
  const newest = used.reduce((most, { bytes }) => (generationOf(bytes) > most ? generationOf(bytes) : most), 0n);
  return used
    .filter(({ bytes }) => generationOf(bytes) === newest)
    .map(({ slot, bytes }) => ({ slot, kind: kindOf(bytes), keys: kindOf(bytes) === 'leaf' ? keysInLeaf(bytes) : [] }));
}

/** A leaf in the middle, with keys before it and after it. */
export function middleLeaf(name: string): StoredPage {
  const leaf = storedPages(name).filter(({ keys }) => keys.length > 0).at(1);
  assert.ok(leaf !== undefined && leaf.keys.length < entries.size / 2, 'the keys lie in several leaves');
  return leaf;
}

export function valuePage(name: string): number {
  const found = storedPages(name).find(({ kind }) => kind === 'over');
  assert.ok(found !== undefined, 'the long value has pages of its own');
  return found.slot;
}

function keysInLeaf(bytes: Buffer): string[] {
  const [lowBytes, highBytes] = [bytes.readUInt16LE(32), bytes.readUInt16LE(34)];
  const low = bytes.toString('latin1', 40, 40 + lowBytes);
  const high = bytes.toString('latin1', 40 + lowBytes, 40 + lowBytes + highBytes);
  const isLast = (bytes.readUInt16LE(30) & 2) !== 0;
  return [...entries.keys()].filter((key) => key >= low && (isLast || key < high));
}
