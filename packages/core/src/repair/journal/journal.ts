/**
 * The repair journal of one open file: the lock that guards it, what it says, and how it is replaced.
 *
 * Whoever holds the lock decides on what is on disk now, and nothing is decided without it. Several parts of one
 * PmemFile may hold the lock at once (a repair that waits for the application, and a persist meanwhile): an OFD lock does
 * not exclude its own owner, so holders are counted, and all of them change one content in memory.
 */
import { randomBytes } from 'node:crypto';
import type { CompleteFile, JournalFile, SystemFailure } from '../../driver/driver.js';
import { Errno } from '../../errors/errno.js';
import { PmemError } from '../../errors/errors.js';
import { repairUnitBytes } from '../../opening/file-info.js';
import { noteFailedFlush } from '../../faults/failed-flush.js';
import type { UnsafeRanges } from '../../faults/unsafe-ranges.js';
import { systemError } from '../../errors/system-error.js';
import type { JournalContent } from './format.js';
import {
  decodeJournal, EMPTY, encodeJournal, journalFits, JOURNAL_LIMIT_BYTES, startOf, withLosses,
} from './format.js';
import type { Located } from './locate.js';
import { locate, locateSync } from './locate.js';
import { absolutePlace, decodeMark, encodeMark, placeByInode, temporaryName, usualPlace } from './names.js';

const MIB = 1024 * 1024;

/** One byte far past any file: holding its lock means being the one who may change the journal. */
export const REPAIR_LOCK_POSITION = Number.MAX_SAFE_INTEGER - 1;

/**
 * A repair writes its units at once after their intents, which takes milliseconds. If the machine still ran this long
 * after the journal was written, it was not in the middle of that write when it died.
 */
const WRITING_MS_MAX = 10_000;

/**
 * `over`: at most a process died, or the machine ran on for so long that the write was over. `torn`: the machine may
 * have died in the write, and the unit may hold anything. `unclear`: that too, but the file was touched since
 * the restart, so what the unit holds may be theirs.
 */
export type Interruption = 'over' | 'torn' | 'unclear';

/** What update() returns if the journal would have more than JOURNAL_LIMIT_BYTES. */
const TOO_LARGE: SystemFailure = { errno: Errno.EFBIG, syscall: 'write' };

export type JournalChange = (content: JournalContent) => JournalContent;

export class Journal {
  readonly #file: CompleteFile;
  readonly #unsafe: UnsafeRanges;
  #holders = 0;
  #located: Located | undefined;
  /** While the lock is held: what the journal holds, or is about to. */
  #content: JournalContent | undefined;
  #id: string | undefined;
  #marked = false;
  /** A journal file of ours exists. */
  #exists = false;
  #place: string;

  constructor(file: CompleteFile, unsafe: UnsafeRanges) {
    this.#file = file;
    this.#unsafe = unsafe;
    this.#place = usualPlace(file.facts.path);
  }

  get path(): string {
    return absolutePlace(this.#file.facts.path, this.#place);
  }

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  /** The journal came with a copy of its file: what it names stays unreadable, and it is not changed. */
  get isCopied(): boolean {
    return this.#located?.status === 'copied';
  }

  /**
   * How the writes of the intents ended. The change time of the inode tells how long the machine ran on, and whether
   * the file was touched since the restart; a copy that keeps its times cannot set it back.
   */
  get interruption(): Interruption {
    if (this.#located === undefined || this.#located.status === 'none') return 'torn';
    if (this.isSameBoot) return 'over';
    const { modifiedMs, changedMs, bootedMs } = this.#file.facts;
    const { writtenMs } = this.#located;
    const touchedMs = Math.max(modifiedMs, changedMs);
    const isLater = touchedMs > writtenMs + WRITING_MS_MAX;
    if (touchedMs < bootedMs) return isLater ? 'over' : 'torn';
    return isLater || !this.#isWrittenSince(bootedMs) ? 'unclear' : 'torn';
  }

  /** Written since this start of the machine. A clock that was set back cannot tell. */
  #isWrittenSince(bootedMs: number): boolean {
    if (this.#located === undefined || this.#located.status === 'none') return false;
    const { writtenMs, journal } = this.#located;
    const now = startOf(this.#file.facts.bootId);
    const { writtenBy } = journal.identity;
    return writtenBy === 0 || now === 0 ? writtenMs >= bootedMs : writtenBy === now;
  }

  /** The machine has not been restarted since the journal was written: at most a process died. */
  get isSameBoot(): boolean {
    if (this.#located === undefined || this.#located.status === 'none') return false;
    const { bootId } = this.#file.facts;
    return bootId !== '' && this.#located.journal.identity.bootId === bootId;
  }

  /** What the journal on disk says now, without the lock. Throws ERR_PMEM_JOURNAL. */
  async look(): Promise<Located> {
    return this.#note(await locate(this.#file));
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
      located = locateSync(this.#file);
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
        const located = await locate(this.#file);
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
      return this.#content ?? this.#adopt(locateSync(this.#file));
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
    if (content === undefined) return TOO_LARGE;
    if (isEmpty(content)) {
      if (!this.#exists) return undefined;
      const failure = this.#marked ? await this.#writeMark(new Uint8Array(0)) : undefined;
      if (failure !== undefined) return failure;
      this.#marked = false;
      return this.#removed(await this.#file.removeJournal(this.#place));
    }
    const refused = this.#refusal();
    if (refused !== undefined) return refused;
    const journal = this.#encoded(content);
    const id = this.#id;
    const failure = await this.#file.writeJournal(this.#place, this.#asInForce(journal));
    if (failure !== undefined) return failure;
    // A persist() on this thread may have dropped the last loss meanwhile, and with it the journal.
    if (this.#id !== id) return undefined;
    this.#exists = true;
    if (this.#marked) return undefined;
    const marked = this.#markedBy(await this.#writeMark(journal.mark));
    if (marked !== undefined || this.#id === id) return marked;
    this.#marked = false;
    return this.#writeMark(new Uint8Array(0));
  }

  /** update() on this thread. */
  updateSync(change: JournalChange): SystemFailure | undefined {
    const content = this.#changed(change);
    if (content === undefined) return TOO_LARGE;
    if (isEmpty(content)) {
      if (!this.#exists) return undefined;
      const failure = this.#marked ? this.#writeMarkSync(new Uint8Array(0)) : undefined;
      if (failure !== undefined) return failure;
      this.#marked = false;
      return this.#removed(this.#file.removeJournalSync(this.#place));
    }
    const refused = this.#refusal();
    if (refused !== undefined) return refused;
    const journal = this.#encoded(content);
    const failure = this.#file.writeJournalSync(this.#place, this.#asInForce(journal));
    if (failure !== undefined) return failure;
    this.#exists = true;
    return this.#marked ? undefined : this.#markedBy(this.#writeMarkSync(journal.mark));
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
    // The copy beside its file is replaced; one that is elsewhere is left where it is.
    const place = usualPlace(this.#file.facts.path);
    this.#exists = this.#place === place;
    this.#located = undefined;
    this.#id = undefined;
    this.#marked = false;
    this.#place = place;
    return this.update(() => content);
  }

  /**
   * A file that open() has just made has no losses. What is left at its name of a file before it is removed, if it is a
   * journal, and not the original of a file that may only have another name now.
   */
  async clearStale(): Promise<void> {
    const { path, inode } = this.#file.facts;
    const place = usualPlace(path);
    const outcome = await this.#file.readJournal(place, JOURNAL_LIMIT_BYTES);
    if (outcome.status !== 'present') return;
    const decoded = decodeJournal(outcome.bytes, repairUnitBytes(this.#file.facts));
    if (decoded.status === 'foreign') return;
    if (decoded.status === 'ok' && decoded.journal.identity.inode !== inode) {
      const { id } = decoded.journal.identity;
      if (id !== undefined && outcome.mark !== undefined && decodeMark(outcome.mark)?.id === id) return;
    }
    await this.#file.removeJournal(place);
  }

  /** Forgets the journal of this file: removes the mark, and the file unless it may be another file's. Under no lock. */
  async discard(): Promise<SystemFailure | undefined> {
    const marked = this.#file.readMark().status === 'present';
    const failure = marked ? await this.#writeMark(new Uint8Array(0)) : undefined;
    if (failure !== undefined) return failure;
    for (const place of [usualPlace(this.#file.facts.path), placeByInode(this.#file.facts.path, this.#file.facts.inode)]) {
      if (!(await this.#isDiscardable(place))) continue;
      const kept = await this.#file.removeJournal(place);
      // In a directory with the sticky bit another user's file stays; without a mark it has no say.
      if (kept !== undefined && kept.errno !== Errno.EPERM && kept.errno !== Errno.EACCES) return kept;
    }
    return undefined;
  }

  async #isDiscardable(place: string): Promise<boolean> {
    const outcome = await this.#file.readJournal(place, JOURNAL_LIMIT_BYTES);
    if (outcome.status !== 'present') return false;
    return decodeJournal(outcome.bytes, repairUnitBytes(this.#file.facts)).status !== 'foreign';
  }

  async #writeMark(mark: Uint8Array): Promise<SystemFailure | undefined> {
    return this.#noted(await this.#file.writeMark(mark));
  }

  #writeMarkSync(mark: Uint8Array): SystemFailure | undefined {
    return this.#noted(this.#file.writeMarkSync(mark));
  }

  /** The mark is durable after an fsync of the file, which speaks of all that was stored in it. */
  #noted(failure: SystemFailure | undefined): SystemFailure | undefined {
    if (failure?.syscall === 'fsync') noteFailedFlush(this.#file, this.#unsafe, failure);
    return failure;
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
    this.#note(located);
    if (located.status === 'copied') {
      this.#unsafe.syncFromJournal(lostOf(located.journal));
      return (this.#content = lostOf(located.journal));
    }
    const content = located.status === 'none' ? EMPTY : located.journal;
    this.#unsafe.syncFromJournal(this.#file.facts.readOnly ? withLosses(content) : content);
    return (this.#content = content);
  }

  #note(located: Located): Located {
    this.#located = located;
    this.#place = located.place;
    this.#marked = located.marked;
    this.#exists = located.status === 'own' || (located.status === 'none' && located.isStale);
    this.#id = located.status === 'own' ? located.journal.identity.id : undefined;
    return located;
  }

  /** Undefined if that would not fit into a journal. */
  #changed(change: JournalChange): JournalContent | undefined {
    const content = change(this.content);
    return journalFits(content) ? (this.#content = content) : undefined;
  }

  /** Why a journal must not be written now. */
  #refusal(): SystemFailure | undefined {
    if (this.isCopied) return { errno: Errno.EPERM, syscall: 'rename' };
    if (this.#exists) return undefined;
    const mark = this.#file.readMark();
    if (mark.status === 'failed') return mark.failure;
    if (mark.status !== 'unsupported') return undefined;
    // Without a mark the journal is found by the file's name alone: it has to be the only one, and to be right.
    const names = this.#file.names();
    if ('failure' in names) return names.failure;
    return names.linkCount === 1 && names.isAtPath ? undefined : { errno: Errno.EOPNOTSUPP, syscall: 'setxattr' };
  }

  /** One that is in force without a mark gets none before its file has one: in between it would not be in force. */
  #asInForce(journal: JournalFile): JournalFile {
    const isUnmarked = this.#located?.status === 'own' && this.#exists && !this.#marked;
    return isUnmarked ? { ...journal, mark: new Uint8Array(0) } : journal;
  }

  #encoded(content: JournalContent): JournalFile {
    const { inode, birthTimeNs, userId, bootId } = this.#file.facts;
    // A journal of version 1 has no id; one that was never marked gets a new one, too.
    if (this.#id === undefined) this.#marked = false;
    const id = (this.#id ??= randomBytes(16).toString('hex'));
    const starts = { bootId: this.#bootIdFor(content), writtenBy: startOf(bootId) };
    return {
      bytes: encodeJournal({ inode, birthTimeNs, id, ...starts }, content),
      mark: encodeMark({ id, ownerId: userId, path: this.path }),
      temporary: temporaryName(inode),
      isNew: !this.#exists,
    };
  }

  /** The oldest boot that an intent is of: what may be torn since then still may be. */
  #bootIdFor({ intents }: JournalContent): string {
    if (this.#located !== undefined && this.#located.status !== 'none') {
      const { journal } = this.#located;
      const before = new Set(journal.intents.map(({ offset }) => offset));
      if (intents.some(({ offset }) => before.has(offset))) return journal.identity.bootId;
    }
    return this.#file.facts.bootId;
  }

  #markedBy(failure: SystemFailure | undefined): SystemFailure | undefined {
    if (failure !== undefined && failure.errno !== Errno.EOPNOTSUPP) return failure;
    this.#marked = failure === undefined;
    return undefined;
  }

  #removed(failure: SystemFailure | undefined): SystemFailure | undefined {
    if (failure === undefined) {
      this.#exists = false;
      this.#id = undefined;
    }
    return failure;
  }
}

function isEmpty({ intents, lost }: JournalContent): boolean {
  return intents.length === 0 && lost.length === 0;
}

/** A copy may be from the middle of a repair: what its journal would still write counts as lost. */
function lostOf({ intents, lost }: JournalContent): JournalContent {
  return { intents: [], lost: [...lost, ...intents.map(({ offset, length }) => ({ offset, length }))] };
}

function lockError(what: string, failure: SystemFailure, path: string): PmemError {
  const reason =
    failure.errno === Errno.EAGAIN ? 'a repair of this file is running elsewhere'
    : failure.errno === Errno.ENOLCK ? 'the filesystem has no locks, so repairs cannot exclude each other'
    : 'the repair lock cannot be taken';
  return systemError(`${what}: ${reason}`, failure, { path });
}

/** ERR_PMEM_JOURNAL for a journal that could not be replaced. */
export function journalError(journal: Journal, failure: SystemFailure): PmemError {
  const { path } = journal;
  const cause = systemError('cannot write the repair journal', failure, { path });
  if (journal.isCopied) {
    const message = "the repair journal came with a copy of its file: journal: 'adopt' makes it this file's own";
    return new PmemError('ERR_PMEM_JOURNAL', message, { path });
  }
  if (failure === TOO_LARGE) {
    const message =
      `the repair journal would have more than ${JOURNAL_LIMIT_BYTES / MIB} MiB, and stays as it was: it names each ` +
      'run of lost bytes, so write or repair whole pages of them';
    return new PmemError('ERR_PMEM_JOURNAL', message, { path, cause });
  }
  return new PmemError('ERR_PMEM_JOURNAL', 'the repair journal cannot be written', { path, cause });
}
