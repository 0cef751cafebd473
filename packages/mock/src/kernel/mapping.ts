import type { Inode } from '../filesystem/inode.js';
import type { PageTable } from './page-table.js';

/** One mapping of a file, shared, read-only or writable. */
export interface Mapping {
  readonly inode: Inode;
  readonly table: PageTable;
  /** MAP_SYNC: the fault that makes a page writable commits the file's metadata first. */
  readonly sync: boolean;
  /** Its length in pages. */
  pages: number;
  /** MADV_NOHUGEPAGE: no entry of its page tables maps more than a page. */
  avoidsHugePages: boolean;
}
