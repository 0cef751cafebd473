/** Tells how the writes of a journal's intents ended, by the times of the file and of the machine. */
import type { FileFacts } from '../../driver/driver.js';
import { startOf } from './format.js';
import type { JournalFound } from './located.js';

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

/**
 * Compares the journal with its file. The change time of the inode tells how long the machine ran on, and whether the
 * file was touched since the restart; a copy that keeps its times cannot set it back.
 */
export function interruptionOf(facts: FileFacts, found: JournalFound): Interruption {
  if (isSameBoot(facts, found)) return 'over';
  const { modifiedMs, changedMs, bootedMs } = facts;
  const touchedMs = Math.max(modifiedMs, changedMs);
  const isLater = touchedMs > found.writtenMs + WRITING_MS_MAX;
  if (touchedMs >= bootedMs) return isLater || !isWrittenSince(facts, found) ? 'unclear' : 'torn';
  if (isLater) return 'over';
  return keepsChangeTime(facts) ? 'torn' : 'unclear';
}

/**
 * FAT has the time of modification for that of change as well, and so have daemons of FUSE that are told no other
 * (sshfs): a copy that keeps its times sets both back.
 */
function keepsChangeTime({ filesystem }: FileFacts): boolean {
  return filesystem !== 'fuse' && filesystem !== 'vfat' && filesystem !== 'exfat';
}

/** The machine has not been restarted since the journal was written: at most a process died. */
function isSameBoot({ bootId }: FileFacts, { journal }: JournalFound): boolean {
  return bootId !== '' && journal.identity.bootId === bootId;
}

/** Written since this start of the machine. A clock that was set back cannot tell. */
function isWrittenSince({ bootId, bootedMs }: FileFacts, { writtenMs, journal }: JournalFound): boolean {
  const now = startOf(bootId);
  const { writtenBy } = journal.identity;
  return writtenBy === 0 || now === 0 ? writtenMs >= bootedMs : writtenBy === now;
}
