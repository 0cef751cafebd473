/** The journal of one open file, its mark and its names: announced, then handed to the simulated kernel. */
import type {
  FileFacts,
  FolderOutcome,
  IdentityOutcome,
  JournalFile,
  JournalOutcome,
  JournalStore,
  MarkOutcome,
  NamesOutcome,
  SystemFailure,
} from '@safe-pmem/core';
import type { Inode } from '../filesystem/inode.js';
import { identify, listFolder } from '../kernel/folder.js';
import { readJournal, readMark, removeJournal, settleJournal, writeJournal, writeMark } from '../kernel/journal.js';
import type { Machine } from '../machine.js';
import type { AnnouncedCalls } from './announced-calls.js';

export class MockJournal implements JournalStore {
  readonly #machine: Machine;
  readonly #inode: Inode;
  readonly #facts: FileFacts;
  readonly #calls: AnnouncedCalls;
  #turns = 0;
  /** Of the last change that was made. */
  #lastTurn = 0;

  constructor(machine: Machine, inode: Inode, facts: FileFacts, calls: AnnouncedCalls) {
    this.#machine = machine;
    this.#inode = inode;
    this.#facts = facts;
    this.#calls = calls;
  }

  readJournalSync(place: string, limitBytes: number): JournalOutcome {
    const errno = this.#calls.errno('readJournal');
    if (errno !== 0) return { status: 'failed', failure: { errno, syscall: 'read' } };
    return readJournal(this.#machine, this.#facts, place, limitBytes);
  }

  /** The place of a change among those of this file: the one that was asked for last is the one that counts. */
  takeTurn(): number {
    return ++this.#turns;
  }

  writeJournalSync(place: string, journal: JournalFile, turn = this.takeTurn()): SystemFailure | undefined {
    const errno = this.#calls.errno('writeJournal');
    if (errno !== 0) return { errno, syscall: 'open' };
    return this.#changed(turn, () => writeJournal(this.#machine, this.#facts, place, journal));
  }

  removeJournalSync(place: string, turn = this.takeTurn()): SystemFailure | undefined {
    const errno = this.#calls.errno('removeJournal');
    if (errno !== 0) return { errno, syscall: 'unlink' };
    return this.#changed(turn, () => removeJournal(this.#machine, this.#facts, place));
  }

  #changed(turn: number, change: () => SystemFailure | undefined): SystemFailure | undefined {
    if (turn < this.#lastTurn) return undefined;
    const failure = change();
    if (failure === undefined) this.#lastTurn = turn;
    return failure;
  }

  settleJournalSync(): SystemFailure | undefined {
    const errno = this.#calls.errno('settleJournal');
    return errno === 0 ? settleJournal(this.#machine) : { errno, syscall: 'fsync' };
  }

  readMark(): MarkOutcome {
    const errno = this.#calls.errno('readMark');
    if (errno !== 0) return { status: 'failed', failure: { errno, syscall: 'getxattr' } };
    return readMark(this.#machine, this.#inode);
  }

  writeMarkSync(mark: Uint8Array): SystemFailure | undefined {
    const errno = this.#calls.errno('writeMark');
    return errno === 0 ? writeMark(this.#machine, this.#inode, mark) : { errno, syscall: 'setxattr' };
  }

  listFolderSync(): FolderOutcome {
    const errno = this.#calls.errno('listFolder');
    return errno === 0 ? listFolder(this.#machine, this.#facts) : { failure: { errno, syscall: 'readdir' } };
  }

  identify(name: string): IdentityOutcome {
    const errno = this.#calls.errno('identify');
    return errno === 0 ? identify(this.#machine, this.#facts, name) : { failure: { errno, syscall: 'lstat' } };
  }

  names(): NamesOutcome {
    const errno = this.#calls.errno('names');
    if (errno !== 0) return { failure: { errno, syscall: 'fstat' } };
    const { filesystem } = this.#machine;
    const isAtPath = filesystem.find(this.#facts.path) === this.#inode;
    return { linkCount: filesystem.linkCount(this.#inode), isAtPath };
  }
}
