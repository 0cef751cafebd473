/** The seam between the tree and the files. */
import type { Entries, ValueReference } from './leaf-page.js';
import type { Leaf, LeafPlace } from './node.js';

/** What the tree needs of the files. */
export interface LeafSource {
  /** Entries of a leaf. Throws LostKeysError where no file has its page. */
  load(leaf: Leaf): Entries;
  /** The page is not part of the newest tree any more. */
  retirePage(place: LeafPlace): void;
  /** Nor are the pages of this value. */
  retireValue(reference: ValueReference): void;
}
