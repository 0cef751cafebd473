/**
 * The journal of one file as it is on disk: where it is, whether it is in force, and how it is replaced. A journal and
 * the mark of its file change in an order in which a crash never leaves a mark without its journal.
 */
import type { CompleteFile, JournalFile, SystemFailure } from '../../driver/driver.js';
import { Errno } from '../../errors/errno.js';
import { PmemError } from '../../errors/errors.js';
import type { UnsafeRanges } from '../../faults/unsafe-ranges.js';
import type { JournalContent } from './content.js';
import { encodeJournal, startOf } from './format.js';
import type { Interruption } from './interruption.js';
import { interruptionOf } from './interruption.js';
import { locateSync } from './locate.js';
import type { Located } from './located.js';
import { absolutePlace, encodeMark, newJournalId, temporaryName, usualPlace } from './names.js';
import { whatIsAt } from './still-there.js';
import { writeMark, writeMarkSync } from './write-mark.js';

const NO_MARK = new Uint8Array(0);

export class StoredJournal {
  readonly #file: CompleteFile;
  readonly #unsafe: UnsafeRanges;
  #located: Located | undefined;
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

  get isCopied(): boolean {
    return this.#located?.status === 'copied';
  }

  get interruption(): Interruption {
    if (this.#located === undefined || this.#located.status === 'none') return 'torn';
    return interruptionOf(this.#file.facts, this.#located);
  }

  /** Takes over what was found on disk. */
  note(located: Located): Located {
    this.#located = located;
    this.#place = located.place;
    this.#marked = located.marked;
    this.#exists = located.status === 'own' || (located.status === 'none' && located.isStale);
    this.#id = located.status === 'own' ? located.journal.identity.id : undefined;
    return located;
  }

  /** The next replace() makes a journal of this file's own, instead of the copied one. */
  beginOwn(): void {
    // The copy beside its file is replaced; one that is elsewhere is left where it is.
    const place = usualPlace(this.#file.facts.path);
    this.#exists = this.#place === place;
    this.#located = undefined;
    this.#id = undefined;
    this.#marked = false;
    this.#place = place;
  }

  /** Makes `content` durable; a journal without any is removed. Under the lock. */
  async replace(content: JournalContent): Promise<SystemFailure | undefined> {
    const taken = this.#follow();
    if (taken !== undefined) return taken;
    if (this.#isOver(content)) {
      if (!this.#exists) return undefined;
      if (this.#isFoundByName) await this.#file.writeJournal(this.#place, this.#encoded(content));
      const failure = this.#marked ? await this.#writeMark(NO_MARK) : undefined;
      if (failure === undefined) {
        this.#marked = false;
        return this.#removed(await this.#file.removeJournal(this.#place));
      }
      if (!isMarkKept(failure)) return failure;
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
    return this.#writeMark(NO_MARK);
  }

  /** replace() on this thread. */
  replaceSync(content: JournalContent): SystemFailure | undefined {
    const taken = this.#follow();
    if (taken !== undefined) return taken;
    if (this.#isOver(content)) {
      if (!this.#exists) return undefined;
      if (this.#isFoundByName) this.#file.writeJournalSync(this.#place, this.#encoded(content));
      const failure = this.#marked ? this.#writeMarkSync(NO_MARK) : undefined;
      if (failure === undefined) {
        this.#marked = false;
        return this.#removed(this.#file.removeJournalSync(this.#place));
      }
      if (!isMarkKept(failure)) return failure;
    }
    const refused = this.#refusal();
    if (refused !== undefined) return refused;
    const journal = this.#encoded(content);
    const failure = this.#file.writeJournalSync(this.#place, this.#asInForce(journal));
    if (failure !== undefined) return failure;
    this.#exists = true;
    return this.#marked ? undefined : this.#markedBy(this.#writeMarkSync(journal.mark));
  }

  /** Removes a journal that is in force by the mark of its file, which stays. Without a mark it would not be missed. */
  removeFileSync(): void {
    if (this.#exists && this.#marked) this.#removed(this.#file.removeJournalSync(this.#place));
  }

  /**
   * If our journal has been given another name, goes on with it there. Fails if it is not to be found and its old name
   * is another file's by now: a replacement would forget what that file has lost. One that was removed is made again.
   */
  #follow(): SystemFailure | undefined {
    if (!this.#exists || this.#located === undefined || this.isCopied) return undefined;
    const found = whatIsAt(this.#file, this.#place, this.#id);
    if (found === 'ours') return undefined;
    const located = this.#locatedAgain();
    if (located !== undefined) this.note(located);
    else if (found === 'taken') return { errno: Errno.ENOENT, syscall: 'open' };
    return undefined;
  }

  #locatedAgain(): Located | undefined {
    try {
      const located = locateSync(this.#file);
      return located.status === 'none' ? undefined : located;
    } catch (error) {
      if (error instanceof PmemError) return undefined;
      throw error;
    }
  }

  async #writeMark(mark: Uint8Array): Promise<SystemFailure | undefined> {
    return writeMark(this.#file, this.#unsafe, mark);
  }

  #writeMarkSync(mark: Uint8Array): SystemFailure | undefined {
    return writeMarkSync(this.#file, this.#unsafe, mark);
  }

  /** There is nothing left to say. A journal that came with a copy of its file goes on to say what it says. */
  #isOver(content: JournalContent): boolean {
    return isEmpty(content) && !this.isCopied;
  }

  /**
   * The journal is in force without a mark. One that says nothing takes its place before it is removed: until the
   * folder is flushed a power failure brings back what was there, and nothing tells another process of it. If that
   * fails, as on a full filesystem, the removal alone has to do.
   */
  get #isFoundByName(): boolean {
    return !this.#marked && this.#id !== undefined;
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
    return isUnmarked ? { ...journal, mark: NO_MARK } : journal;
  }

  #encoded(content: JournalContent): JournalFile {
    const { inode, birthTimeNs, userId, bootId } = this.#file.facts;
    // A journal of version 1 has no id; one that was never marked gets a new one, too.
    if (this.#id === undefined) this.#marked = false;
    const id = (this.#id ??= newJournalId(this.#place));
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

/** An append-only file keeps the mark that it has: then a journal stays that says nothing. */
function isMarkKept({ errno, syscall }: SystemFailure): boolean {
  return syscall !== 'fsync' && (errno === Errno.EPERM || errno === Errno.EACCES);
}

function isEmpty({ intents, lost }: JournalContent): boolean {
  return intents.length === 0 && lost.length === 0;
}
