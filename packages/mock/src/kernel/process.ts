/** A process of the simulated machine: the files it has open, and what happens to them when it dies. */
import type { Inode } from '../filesystem/inode.js';

/** An open file, as far as the death of its process ends it. */
export interface OpenHandle {
  /** Unmaps and closes without a word, and gives the locks back, as the kernel does for a process that has died. */
  abandon(): void;
  /** Its mapping has the page of this file. */
  maps(inode: Inode, page: number): boolean;
}

export class Process {
  alive = true;
  readonly handles = new Set<OpenHandle>();

  /** `name` is undefined for the process that the driver itself stands for. */
  constructor(readonly name: string | undefined) {}

  maps(inode: Inode, page: number): boolean {
    return [...this.handles].some((handle) => handle.maps(inode, page));
  }

  /** Ends it. What it has stored stays with the machine. */
  die(): void {
    this.alive = false;
    for (const handle of this.handles) handle.abandon();
    this.handles.clear();
  }
}
