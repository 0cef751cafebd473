/** The replays of one log that are running: each keeps truncations from freeing the pages that it reads. */
import type { Committer } from '../commit/committer.js';
import type { CommitPoint } from '../format/commit-slot.js';
import { committedPages } from './find-page.js';
import type { LogFiles } from './read-pages.js';
import type { ReplayItem } from './replay.js';
import { assemble } from './replay.js';
import { surveyPages } from './survey-pages.js';

/** Between this many items the event loop gets its turn. */
const ITEMS_PER_TURN = 1024;

/** The log that is read. */
export interface ReplaySource {
  readonly place: LogFiles;
  /** Undefined if the commit point is lost. */
  readonly committer: Committer | undefined;
  /** Throws if the log is closed. */
  readonly requireOpen: () => void;
}

export class Replays {
  #running = 0;

  get areRunning(): boolean {
    return this.#running > 0;
  }

  /** Yields what was committed when it began, from record `from` on, and the losses among it. */
  async *replay(from: number, source: ReplaySource): AsyncGenerator<ReplayItem, void, undefined> {
    const { place, committer, requireOpen } = source;
    const point = await this.#begin(committer);
    const pages = point === undefined ? surveyPages(place) : committedPages(place, point, from);
    const firstSequence = Math.max(from, point?.firstSequence ?? 1);
    const bounds = { firstSequence, lastSequence: point?.lastSequence, doubtful: point?.doubtful };
    try {
      let items = 0;
      for (const item of assemble(pages, bounds)) {
        if (++items % ITEMS_PER_TURN === 0) await new Promise(setImmediate);
        requireOpen();
        yield item;
      }
    } finally {
      this.#running--;
    }
  }

  /**
   * Keeps truncations from freeing pages until the replay ends. One that is on its way comes first: the commit point
   * that is returned, undefined if it is lost, names no page that it frees.
   */
  async #begin(committer: Committer | undefined): Promise<CommitPoint | undefined> {
    const begin = (): CommitPoint | undefined => {
      this.#running++;
      return committer?.point;
    };
    return committer === undefined ? begin() : committer.whenIdle(begin);
  }
}
