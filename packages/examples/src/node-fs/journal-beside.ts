/**
 * The repair journal as a file beside the file. It is replaced whole: temporary file, fsync, rename, fsync of the
 * directory. A crash at any moment leaves the old journal or the new one.
 */
import fs from 'node:fs';
import path from 'node:path';
import type {
  FileFacts, FolderOutcome, IdentityOutcome, JournalFile, JournalOutcome, SystemFailure,
} from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';
import { attempt, failureOf } from './errno-of.js';

export function readJournal(facts: FileFacts, place: string, limitBytes: number): JournalOutcome {
  const { O_RDONLY, O_NOFOLLOW } = fs.constants;
  const opened = attempt('open', () => fs.openSync(placeOf(facts, place), O_RDONLY | O_NOFOLLOW));
  if ('failure' in opened) {
    return opened.failure.errno === Errno.ENOENT ? { status: 'absent' } : { status: 'failed', ...opened };
  }
  try {
    const outcome = attempt('read', (): JournalOutcome => {
      const { size, uid, mtimeNs } = fs.fstatSync(opened.value, { bigint: true });
      if (size > limitBytes) return { status: 'too-large', sizeBytes: Number(size) };
      const bytes = fs.readFileSync(opened.value);
      return { status: 'present', bytes, ownerId: Number(uid), modifiedMs: Number(mtimeNs) / 1e6, mark: undefined };
    });
    return 'failure' in outcome ? { status: 'failed', ...outcome } : outcome.value;
  } finally {
    fs.closeSync(opened.value);
  }
}

export function writeJournal(facts: FileFacts, place: string, journal: JournalFile): SystemFailure | undefined {
  const target = placeOf(facts, place);
  const temporary = path.join(path.dirname(target), journal.temporary);
  try {
    return failureOf('rename', () => {
      fs.rmSync(temporary, { force: true });
      fs.writeFileSync(temporary, journal.bytes, { flag: 'wx', mode: facts.mode, flush: true });
      // A link is refused if the name is taken; a rename would replace what is there.
      if (journal.isNew) fs.linkSync(temporary, target);
      else fs.renameSync(temporary, target);
      if (journal.isNew) fs.rmSync(temporary);
      syncFolder(target);
    });
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

export function removeJournal(facts: FileFacts, place: string): SystemFailure | undefined {
  const target = placeOf(facts, place);
  return failureOf('unlink', () => {
    if (!fs.existsSync(target)) return;
    fs.unlinkSync(target);
    syncFolder(target);
  });
}

/** Flushes the folder of the journal, which another process may have replaced there before it died. */
export function settleJournal(facts: FileFacts, place: string): SystemFailure | undefined {
  return failureOf('fsync', () => { syncFolder(placeOf(facts, place)); });
}

/** Lists the folder: no attribute names the journal of a file, so one that was renamed finds it by its inode. */
export function listFolder(facts: FileFacts): FolderOutcome {
  const outcome = attempt('readdir', () => fs.readdirSync(path.dirname(facts.path)));
  return 'failure' in outcome ? outcome : { names: outcome.value };
}

export function identify(facts: FileFacts, name: string): IdentityOutcome {
  const outcome = attempt('lstat', () => fs.lstatSync(placeOf(facts, name), { bigint: true, throwIfNoEntry: false }));
  if ('failure' in outcome) return outcome;
  return outcome.value === undefined ? undefined : { inode: outcome.value.ino, birthTimeNs: outcome.value.birthtimeNs };
}

function placeOf(facts: FileFacts, place: string): string {
  return path.resolve(path.dirname(facts.path), place);
}

/** Windows syncs no directory: it refuses with EPERM. */
function syncFolder(file: string): void {
  if (process.platform === 'win32') return;
  const folder = fs.openSync(path.dirname(file), 'r');
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}
