/** The seam between the tree and the files. */
import type { Entries, ValueReference } from './leaf-page.js';
import type { Leaf, LeafPlace, Node } from './node.js';

/** What the tree needs of the files. */
export interface LeafSource {
  /** Entries of a leaf. Throws LostKeysError where no file has its page. */
  load(leaf: Leaf): Entries;
  /** The page is not part of the newest tree any more. */
  retirePage(place: LeafPlace): void;
  /** Nor is what lies below these nodes, since this epoch. */
  retireBelow(nodes: readonly Node[], epoch: number): void;
  /** Nor are the pages of this value. */
  retireValue(reference: ValueReference): void;
}
