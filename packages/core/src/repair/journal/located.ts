/** Outcomes of a search for the journal of a file, and the questions that it asks the driver. */
import type { CompleteFile, FolderOutcome, JournalOutcome } from '../../driver/driver.js';
import type { PmemError } from '../../errors/errors.js';
import type { DecodedJournal } from './format.js';
import { JOURNAL_LIMIT_BYTES } from './format.js';

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
  /** Of a `copied` one that may as well be another file's: the error that open() throws unless it is adopted. */
  readonly doubt?: PmemError;
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

/** Runs a search with the driver's calls off the main thread. */
export async function answered<Found>(file: CompleteFile, search: Search<Found>): Promise<Found> {
  let next = search.next();
  while (next.done !== true) {
    const { value } = next;
    if (value === 'folder') next = search.next(await file.listFolder());
    else next = search.next(await file.readJournal(value.place, JOURNAL_LIMIT_BYTES));
  }
  return next.value;
}

/** answered() on this thread. */
export function answeredSync<Found>(file: CompleteFile, search: Search<Found>): Found {
  let next = search.next();
  while (next.done !== true) {
    const { value } = next;
    if (value === 'folder') next = search.next(file.listFolderSync());
    else next = search.next(file.readJournalSync(value.place, JOURNAL_LIMIT_BYTES));
  }
  return next.value;
}
