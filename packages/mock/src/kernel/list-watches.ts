/** Watches of the kernel's list of bad blocks, and when they hear of a change. */
import type { Process } from './process.js';
import type { Turns } from '../driver/turns.js';

interface ListWatch {
  readonly process: Process;
  readonly changed: () => void;
  /** A change has happened that it has not heard of yet: further ones are the same notice, as with inotify. */
  told: boolean;
}

export class ListWatches {
  readonly #turns: () => Turns;
  readonly #watches = new Set<ListWatch>();

  constructor(turns: () => Turns) {
    this.#turns = turns;
  }

  /** The returned function ends it. */
  add(process: Process, changed: () => void): () => void {
    const watch: ListWatch = { process, changed, told: false };
    this.#watches.add(watch);
    return () => {
      this.#watches.delete(watch);
    };
  }

  /**
   * The list has changed. A watch hears of it later, in a turn of its process: never within the operation that
   * changed it.
   */
  tell(): void {
    for (const watch of this.#watches) {
      if (watch.told) continue;
      watch.told = true;
      void this.#deliver(watch);
    }
  }

  /** Power fails: no process is left to hear anything. */
  endAll(): void {
    this.#watches.clear();
  }

  async #deliver(watch: ListWatch): Promise<void> {
    await Promise.resolve();
    const call = { process: watch.process, name: 'turn', path: '', position: 0, length: 0 } as const;
    try {
      await this.#turns().wait(call, () => {
        watch.told = false;
        if (this.#watches.has(watch) && watch.process.alive) watch.changed();
      });
    } catch {
      // The process has died, and hears nothing.
      this.#watches.delete(watch);
    }
  }
}
