/** Keeps the repair journal of a file: a small file beside it, replaced whole. */
import type { SystemFailure } from './devices.js';

/** The journal of `<path>` is the file `<path>` + this suffix, in the same directory. */
export const JOURNAL_SUFFIX = '.repair';

/** Contents of a journal file, with what says whose it is. */
export type JournalOutcome =
  | {
      readonly status: 'present';
      readonly bytes: Uint8Array;
      /** User who owns the journal file. -1: not known, as `ownerId` of FileFacts. */
      readonly ownerId: number;
      /** When it was written, in milliseconds since 1970, by the clock of the filesystem. */
      readonly modifiedMs: number;
      /** It is on another filesystem than the file, or in another subvolume: a snapshot has the same inodes and ids. */
      readonly isElsewhere?: boolean;
      /** The mark of the journal file itself; undefined if it has none. A copy made without attributes has none. */
      readonly mark: Uint8Array | undefined;
    }
  | { readonly status: 'absent' }
  | { readonly status: 'too-large'; readonly sizeBytes: number }
  | { readonly status: 'failed'; readonly failure: SystemFailure };

/**
 * The mark of a file: the extended attribute that names its journal. It stays with the inode through renames and hard
 * links. `unsupported`: the filesystem keeps no user attributes (tmpfs before Linux 6.6, some network filesystems).
 */
export type MarkOutcome =
  | { readonly status: 'present'; readonly bytes: Uint8Array }
  | { readonly status: 'absent' }
  | { readonly status: 'unsupported' }
  | { readonly status: 'failed'; readonly failure: SystemFailure };

/** The names of an open file, by fstat and by looking up the path that it was opened with. */
export type NamesOutcome =
  | { readonly linkCount: number; readonly isAtPath: boolean }
  | { readonly failure: SystemFailure };

/** The names of the files in the folder of an open file, its own among them, in any order. */
export type FolderOutcome = { readonly names: readonly string[] } | { readonly failure: SystemFailure };

/** Tells a file from another that has the same name or the same inode number, as in FileFacts. */
export interface FileIdentity {
  readonly inode: bigint;
  readonly birthTimeNs: bigint;
}

/** Undefined: no file has the name. */
export type IdentityOutcome = FileIdentity | undefined | { readonly failure: SystemFailure };

/** A journal about to be written. */
export interface JournalFile {
  readonly bytes: Uint8Array;
  readonly mark: Uint8Array;
  /** Name of the temporary file, in the directory of the journal. */
  readonly temporary: string;
  /** There is no journal of this file yet: a file that has the name by now is refused with EEXIST. */
  readonly isNew: boolean;
}

/**
 * The calls that every driver has for the journal: four on this thread. `place` is a name in the directory of the file,
 * or an absolute path. Core makes the calls off the main thread out of these if the driver has none (see accelerators).
 */
export interface JournalStore {
  /** Reads a journal whole, without following a symbolic link; a file over `limitBytes` is not read. */
  readJournalSync(place: string, limitBytes: number): JournalOutcome;
  /**
   * Replaces a journal: `temporary` (a name in the same directory, never an existing file of another user), owner,
   * group and mode of the file as far as they may be set, `mark` as its extended attribute if the filesystem keeps
   * them, fsync, rename, fsync of the directory. A crash leaves the old journal or the new one, never a mixture.
   */
  writeJournalSync(place: string, journal: JournalFile): SystemFailure | undefined;
  /** Unlinks a journal and fsyncs its directory. No journal is no failure. */
  removeJournalSync(place: string): SystemFailure | undefined;
  /** The number of names of the file, and whether the path that it was opened with still leads to it. */
  names(): NamesOutcome;
}
