/**
 * The repair journal of one open file: the lock that guards it, and what it says.
 *
 * Whoever holds the lock decides on what is on disk now, and nothing is decided without it. Several parts of one
 * PmemFile may hold the lock at once (a repair that waits for the application, and a persist meanwhile): an OFD lock does
 * not exclude its own owner, so holders are counted, and all of them change one content in memory.
 */
import type { CompleteFile, SystemFailure } from '../../driver/driver.js';
import { PmemError } from '../../errors/errors.js';
import type { UnsafeRanges } from '../../faults/unsafe-ranges.js';
import { totalLength } from '../../ranges/byte-range.js';
import type { JournalContent } from './content.js';
import { EMPTY, withLosses } from './content.js';
import { journalFits } from './format.js';
import type { Interruption } from './interruption.js';
import { lockError, TOO_LARGE } from './journal-errors.js';
import { locate, locateSync } from './locate.js';
import type { Located } from './located.js';
import { StoredJournal } from './stored-journal.js';

/** One byte far past any file: holding its lock means being the one who may change the journal. */
export const REPAIR_LOCK_POSITION = Number.MAX_SAFE_INTEGER - 1;

export type JournalChange = (content: JournalContent) => JournalContent;

export class Journal {
  readonly #file: CompleteFile;
  readonly #unsafe: UnsafeRanges;
  readonly #stored: StoredJournal;
  #holders = 0;
  /** The journal that was found last. */
  #seen = '';
  /** While the lock is held: what the journal holds, or is about to. */
  #content: JournalContent | undefined;

  constructor(file: CompleteFile, unsafe: UnsafeRanges) {
    this.#file = file;
    this.#unsafe = unsafe;
    this.#stored = new StoredJournal(file, unsafe);
  }

  get path(): string {
    return this.#stored.path;
  }

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  /** The journal came with a copy of its file: what it names stays unreadable, and it is not changed. */
  get isCopied(): boolean {
    return this.#stored.isCopied;
  }

  /** Says how the writes of the intents ended. */
  get interruption(): Interruption {
    return this.#stored.interruption;
  }

  /** Reads what the journal on disk says now, without the lock. Throws ERR_PMEM_JOURNAL. */
  async look(): Promise<Located> {
    return this.#stored.note(await this.#settled(await locate(this.#file)));
  }

  /**
   * Looks again at what an access is about to refuse, unless a repair is running: another process may have finished its
   * repair, or written over bytes that were lost. Throws ERR_PMEM_JOURNAL.
   */
  refresh(): void {
    if (this.isHeld || !this.#unsafe.hasJournaled) return;
    if (this.#file.facts.readOnly) {
      this.#adopt(locateSync(this.#file));
      this.#content = undefined;
      return;
    }
    try {
      this.acquireSync('cannot look at the repair journal');
    } catch (error) {
      if (!(error instanceof PmemError && error.code !== 'ERR_PMEM_JOURNAL')) throw error;
      this.#forgetRepairedElsewhere();
      return;
    }
    this.release();
  }

  /**
   * Without the lock, while another process repairs: a loss or an intent that the journal does not name any more is
   * repaired. An intent is in it before anything of its unit changes, and leaves it after the unit's bytes are durable.
   */
  #forgetRepairedElsewhere(): void {
    let located: Located;
    try {
      located = this.#settledSync(locateSync(this.#file));
    } catch (error) {
      // What cannot be read says nothing: everything stays as it is known.
      if (error instanceof PmemError) return;
      throw error;
    }
    this.#unsafe.forgetRepairedElsewhere(located.status === 'none' ? EMPTY : located.journal);
  }

  /**
   * Takes the lock and reads the journal. Throws ERR_PMEM_LOCKED (another process repairs), ERR_PMEM_NOT_SUPPORTED (the
   * filesystem has no locks), ERR_PMEM_JOURNAL; the lock is not held then.
   */
  async acquire(what: string): Promise<JournalContent> {
    this.#lock(what);
    try {
      if (!this.#isLoaded()) {
        const located = await this.#settled(await locate(this.#file));
        // A persist() may have read it meanwhile, and may even have changed it.
        if (!this.#isLoaded()) this.#adopt(located);
      }
      return this.content;
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** acquire() on this thread. */
  acquireSync(what: string): JournalContent {
    this.#lock(what);
    try {
      return this.#content ?? this.#adopt(this.#settledSync(locateSync(this.#file)));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  release(): void {
    if (--this.#holders > 0) return;
    this.#content = undefined;
    this.#file.unlock(REPAIR_LOCK_POSITION, 1);
  }

  /** Under the lock: what the journal holds. */
  get content(): JournalContent {
    if (this.#content === undefined) throw new Error('the journal was read without its lock');
    return this.#content;
  }

  /**
   * Under the lock: makes `change` durable. After a failure reload() tells what the disk holds; a change that makes the
   * journal larger than open() accepts is refused with TOO_LARGE, and everything stays as it was.
   */
  async update(change: JournalChange): Promise<SystemFailure | undefined> {
    const content = this.#changed(change);
    return content === undefined ? TOO_LARGE : this.#stored.replace(content);
  }

  /** update() on this thread. */
  updateSync(change: JournalChange): SystemFailure | undefined {
    const content = this.#changed(change);
    return content === undefined ? TOO_LARGE : this.#stored.replaceSync(content);
  }

  /** Under the lock: removes the journal and leaves the mark of its file, if that has one. */
  removeFileSync(): void {
    this.#stored.removeFileSync();
  }

  /** Under the lock, after an update() that failed: takes over what is on disk. Undefined if that cannot be read. */
  async reload(): Promise<JournalContent | undefined> {
    try {
      for (;;) {
        const before = this.#content;
        const located = await locate(this.#file);
        // A persist() on this thread may have replaced it meanwhile.
        if (this.#content === before) return this.#adopt(located);
      }
    } catch (error) {
      if (error instanceof PmemError) return undefined;
      throw error;
    }
  }

  /** Under the lock: makes a copied journal this file's own. */
  async takeOver(content: JournalContent): Promise<SystemFailure | undefined> {
    this.#stored.beginOwn();
    return this.update(() => content);
  }

  /**
   * Makes durable what another process may have replaced before it died: nothing that this process stores on the word
   * of a journal may be lost by an older one. If the folder cannot be flushed, all is as it was.
   */
  async #settled(located: Located): Promise<Located> {
    if (this.#maySettle(located)) await this.#file.settleJournal(located.place);
    return located;
  }

  /** Each access of lost bytes comes here: what says the same as before teaches nothing that could be taken back. */
  #settledSync(located: Located): Located {
    if (this.#maySettle(located) && this.#isNews(located)) this.#file.settleJournalSync(located.place);
    return located;
  }

  /** Without a journal there is nothing to be settled: the mark goes first, and its journal is not in force then. */
  #maySettle({ status }: Located): boolean {
    return status !== 'none' && !this.#file.facts.readOnly;
  }

  #isNews(located: Located): boolean {
    if (located.status === 'none') return false;
    const { place, writtenMs, journal } = located;
    const seen = [place, writtenMs, journal.intents.length, journal.lost.length, totalLength(journal.lost)].join(' ');
    const isNews = seen !== this.#seen;
    this.#seen = seen;
    return isNews;
  }

  #isLoaded(): boolean {
    return this.#content !== undefined;
  }

  #lock(what: string): void {
    if (this.#holders === 0) {
      const failure = this.#file.lock(REPAIR_LOCK_POSITION, 1);
      if (failure !== undefined) throw lockError(what, failure, this.#file.facts.path);
    }
    this.#holders++;
  }

  #adopt(located: Located): JournalContent {
    this.#stored.note(located);
    if (located.status === 'copied') {
      this.#unsafe.syncFromJournal(lostOf(located.journal));
      return (this.#content = lostOf(located.journal));
    }
    const content = located.status === 'none' ? EMPTY : located.journal;
    this.#unsafe.syncFromJournal(this.#file.facts.readOnly ? withLosses(content) : content);
    return (this.#content = content);
  }

  /** Undefined if that would not fit into a journal. */
  #changed(change: JournalChange): JournalContent | undefined {
    const content = change(this.content);
    return journalFits(content) ? (this.#content = content) : undefined;
  }
}

/** A copy may be from the middle of a repair: what its journal would still write counts as lost. */
function lostOf({ intents, lost }: JournalContent): JournalContent {
  return { intents: [], lost: [...lost, ...intents.map(({ offset, length }) => ({ offset, length }))] };
}
