/** The repair journal of one open file: loading it, replacing it durably, and the lock that guards it. */
import type { ByteRange } from '../byte-range.js';
import { subtract } from '../byte-range.js';
import type { DriverFile, JournalOutcome, SystemFailure } from '../driver.js';
import { JOURNAL_SUFFIX } from '../driver.js';
import { PmemError } from '../errors.js';
import type { Hazards } from '../hazards.js';
import { systemError } from '../system-error.js';
import type { Intent, JournalContent } from './journal-format.js';
import { decodeJournal, encodeJournal, JOURNAL_LIMIT_BYTES } from './journal-format.js';

/** One byte far past any file: holding its lock means being the one who repairs this file. */
const LOCK_POSITION = Number.MAX_SAFE_INTEGER - 1;

export function journalPath(file: DriverFile): string {
  return file.facts.path + JOURNAL_SUFFIX;
}

/** Takes the repair lock: repairs of one file exclude each other, in this process and across processes. */
export function lockJournal(file: DriverFile): SystemFailure | undefined {
  return file.lock(LOCK_POSITION, 1);
}

export function unlockJournal(file: DriverFile): void {
  file.unlock(LOCK_POSITION, 1);
}

/**
 * Reads and checks the journal. Throws ERR_PMEM_JOURNAL where it is damaged, too large, of a foreign version, or
 * belongs to another file; nothing is changed then.
 */
export async function loadJournal(file: DriverFile): Promise<JournalContent | undefined> {
  return checkJournal(file, await file.readJournal(JOURNAL_LIMIT_BYTES));
}

/** loadJournal() on this thread. */
export function loadJournalSync(file: DriverFile): JournalContent | undefined {
  return checkJournal(file, file.readJournalSync(JOURNAL_LIMIT_BYTES));
}

function checkJournal(file: DriverFile, outcome: JournalOutcome): JournalContent | undefined {
  if (outcome.status === 'absent') return undefined;
  const path = journalPath(file);
  const refuse = (reason: string, cause?: unknown): PmemError =>
    new PmemError('ERR_PMEM_JOURNAL', `the repair journal cannot be used: ${reason}`, { path, cause });
  if (outcome.status === 'failed') {
    throw refuse('it cannot be read', systemError('cannot read the repair journal', outcome.failure, { path }));
  }
  if (outcome.status === 'too-large') throw refuse(`it has ${outcome.sizeBytes} bytes`);
  const decoding = decodeJournal(outcome.bytes);
  if (decoding.status === 'damaged') throw refuse(decoding.reason);
  const { inode, birthTimeNs } = file.facts;
  if (decoding.content.inode !== inode || decoding.content.birthTimeNs !== birthTimeNs) {
    throw refuse('it belongs to another file that had this name');
  }
  return decoding.content;
}

/**
 * Adopts what the journal on disk says, under the repair lock: another process may have recorded losses, or finished a
 * repair, since this file was opened. The journal is the truth, but for tombstones that were written over here and not
 * yet persisted. An intent that is gone from it must not be used any more: the bytes may be newer by now.
 */
export function adoptJournal(hazards: Hazards, content: JournalContent | undefined): void {
  hazards.replaceUnfinished(content?.intents ?? []);
  if (content !== undefined) hazards.addTombstones(subtract(content.tombstones, hazards.overwritten));
}

/**
 * Looks again at units that were found unfinished, unless somebody is repairing right now: a file that is opened in
 * the middle of another process's repair sees its intents, and must notice that they are gone.
 */
export function reconsiderUnfinished(file: DriverFile, hazards: Hazards): void {
  if (hazards.unfinished.length === 0 || lockJournal(file) !== undefined) return;
  try {
    adoptJournal(hazards, loadJournalSync(file));
  } finally {
    unlockJournal(file);
  }
}

/** A journal of this file, ready to be written. */
export function sealJournal(file: DriverFile, intents: readonly Intent[], tombstones: readonly ByteRange[]): Uint8Array {
  const { inode, birthTimeNs } = file.facts;
  return encodeJournal({ inode, birthTimeNs, intents, tombstones });
}

/** Makes the journal hold exactly this, durably; with nothing pending it is removed. */
export function storeJournal(
  file: DriverFile,
  intents: readonly Intent[],
  tombstones: readonly ByteRange[],
): Promise<SystemFailure | undefined> {
  if (intents.length === 0 && tombstones.length === 0) return file.removeJournal();
  return file.writeJournal(sealJournal(file, intents, tombstones));
}

/** storeJournal() on this thread. */
export function storeJournalSync(
  file: DriverFile,
  intents: readonly Intent[],
  tombstones: readonly ByteRange[],
): SystemFailure | undefined {
  const empty = intents.length === 0 && tombstones.length === 0;
  return file.replaceJournalSync(empty ? new Uint8Array(0) : sealJournal(file, intents, tombstones));
}
