/** Watches for lost memory before it is accessed, and when they hear of it (BUS_MCEERR_AO after PR_MCE_KILL_EARLY). */
import type { ByteRange } from '@safe-pmem/core';
import type { Turns } from '../driver/turns.js';
import type { Inode } from '../filesystem/inode.js';
import type { Process } from './process.js';

interface MemoryWatch {
  readonly process: Process;
  readonly inode: Inode;
  /** Returns the bytes that one entry of its page table maps: the kernel names no less. */
  readonly around: (page: number) => ByteRange;
  readonly lost: (range: ByteRange) => void;
}

export class MemoryWatches {
  readonly #turns: () => Turns;
  readonly #watches = new Set<MemoryWatch>();

  constructor(turns: () => Turns) {
    this.#turns = turns;
  }

  /** The returned function ends it. */
  add(watch: MemoryWatch): () => void {
    this.#watches.add(watch);
    return () => {
      this.#watches.delete(watch);
    };
  }

  /**
   * A page of the file is lost. Processes that listen and have it mapped hear of it later, in a turn of theirs; without
   * one of them nothing happens to the mappings.
   */
  tell(inode: Inode, page: number): void {
    const hearing = [...this.#watches].filter(({ process }) => process.alive && process.maps(inode, page));
    for (const watch of hearing) {
      if (watch.inode === inode) void this.#deliver(watch, watch.around(page));
    }
    if (hearing.length > 0) inode.invalidate(page, 1);
  }

  /** Power fails: no process is left to hear anything. */
  endAll(): void {
    this.#watches.clear();
  }

  async #deliver(watch: MemoryWatch, range: ByteRange): Promise<void> {
    await Promise.resolve();
    const call = { process: watch.process, name: 'turn', path: '', position: 0, length: 0 } as const;
    try {
      await this.#turns().wait(call, () => {
        if (this.#watches.has(watch) && watch.process.alive) watch.lost(range);
      });
    } catch {
      // The process has died, and hears nothing.
      this.#watches.delete(watch);
    }
  }
}
