/** The parts of a log that has a commit point, connected: commits, groups of them, and repairs. */
import type { CommitterStart } from './commit/committer.js';
import { Committer } from './commit/committer.js';
import { FlushPlace } from './commit/flush-place.js';
import { GroupCommits } from './commit/group-commits.js';
import type { LogHeader } from './format/header-page.js';
import type { LogFiles } from './read/read-pages.js';
import { LogRepairs } from './repair/repair-queue.js';
import { RepairSite } from './repair/repair-site.js';

export interface Engine {
  readonly committer: Committer;
  readonly groups: GroupCommits;
  readonly repairs: LogRepairs;
}

export interface EngineOptions {
  readonly place: LogFiles;
  readonly header: LogHeader;
  /** Of the log, for messages. */
  readonly path: string;
  readonly blockMs: number;
  /** Throws if the log is closed or may not be written. */
  readonly requireWriter: () => void;
}

export function startEngine(options: EngineOptions, start: CommitterStart): Engine {
  const { place, header, path, blockMs, requireWriter } = options;
  const committer = new Committer({ ...place, path }, start);
  const repairs = new LogRepairs(new RepairSite({ place, header, committer, requireWriter }));
  const flushPlace = new FlushPlace(place.logFiles, blockMs);
  const groups = new GroupCommits({ committer, repairs, flushPlace, requireWriter });
  return { committer, groups, repairs };
}
