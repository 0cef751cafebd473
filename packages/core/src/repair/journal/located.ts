/** Outcomes of a search for the journal of a file, and the questions that it asks the driver. */
import type { FolderOutcome, JournalOutcome } from '../../driver/driver.js';
import type { DecodedJournal } from './format.js';

/** The file has none; `place` is where it would be. */
export interface NoJournal {
  readonly status: 'none';
  readonly place: string;
  readonly marked: false;
  /** One lies there that is not in force: its mark was not set yet, or is gone already. */
  readonly isStale: boolean;
}

export interface JournalFound {
  readonly status: 'own' | 'copied';
  readonly place: string;
  readonly journal: DecodedJournal;
  /** When it was written, by the clock of the filesystem. */
  readonly writtenMs: number;
  /** The file has a mark that names this journal. */
  readonly marked: boolean;
}

export type Located = NoJournal | JournalFound;

/** The file that has this name in the folder is to be read as a journal, or the folder to be listed. */
export type Question = { readonly place: string } | 'folder';

/** Its caller asks the driver, on this thread or off it. */
export type Search<Found> = Generator<Question, Found, JournalOutcome | FolderOutcome>;

export function* readAt(place: string): Search<JournalOutcome> {
  return (yield { place }) as JournalOutcome;
}

export function* listFolder(): Search<FolderOutcome> {
  return (yield 'folder') as FolderOutcome;
}
