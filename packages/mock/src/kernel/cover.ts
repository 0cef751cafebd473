/** A range of bytes as fallocate(2) sees it: whole blocks, which change hands, and edges, which are zeroed. */
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { zeroWithinBlock } from './blocks.js';

/** The blocks that a range covers whole, and the parts of blocks at its edges. */
export interface Cover {
  readonly first: number;
  readonly count: number;
  readonly edges: readonly { readonly position: number; readonly length: number }[];
}

export function zeroEdges(machine: Machine, inode: Inode, cover: Cover): number {
  for (const edge of cover.edges) {
    // XFS zeroes nothing beyond the end of the file.
    const limit = machine.rules.punch === 'blocks-first' ? inode.sizeBytes - edge.position : edge.length;
    if (limit <= 0) continue;
    const errno = zeroWithinBlock(machine, inode, edge.position, Math.min(edge.length, limit));
    if (errno !== 0) return errno;
  }
  return 0;
}

export function coverOf(blockBytes: number, position: number, length: number): Cover {
  const end = position + length;
  const first = Math.ceil(position / blockBytes);
  const after = Math.floor(end / blockBytes);
  if (after < first) return { first, count: 0, edges: [{ position, length }] };
  const edges = [
    { position, length: first * blockBytes - position },
    { position: after * blockBytes, length: end - after * blockBytes },
  ];
  return { first, count: after - first, edges: edges.filter((edge) => edge.length > 0) };
}
