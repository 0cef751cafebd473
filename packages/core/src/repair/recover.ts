/** What open() does with a journal that it finds: finishes repairs that a crash cut off, remembers what was lost. */
import { rangeEnd } from '../byte-range.js';
import type { DriverFile } from '../driver.js';
import { PmemError } from '../errors.js';
import { repairUnitBytes } from '../file-info.js';
import type { Hazards } from '../hazards.js';
import { systemError } from '../system-error.js';
import { journalPath, loadJournal, lockJournal, storeJournal, unlockJournal } from './journal.js';
import type { Intent } from './journal-format.js';
import { journalError } from './persisted-tombstones.js';
import type { UnitWork } from './unit-work.js';
import { intentOf } from './unit-work.js';
import { writeUnits } from './write-units.js';

/**
 * Reads the journal and brings file and hazards in line with it. A file opened read-only, or one that another process
 * is repairing now, is left as it is: units with an intent are closed instead. Returns the size that the file is to
 * have. Throws ERR_PMEM_JOURNAL, and ERR_PMEM_IO where the file's size cannot be had.
 */
export async function recoverJournal(file: DriverFile, hazards: Hazards): Promise<number> {
  const journal = await loadJournal(file);
  if (journal === undefined) return file.mappedBytes;
  const fileSizeBytes = await trueSize(file, journal.intents);
  const intents = journal.intents.filter((intent) => intent.offset < fileSizeBytes);
  for (const intent of intents) checkIntent(file, intent, fileSizeBytes);
  hazards.addTombstones(journal.tombstones);
  hazards.clip(fileSizeBytes);
  if (file.facts.readOnly || lockJournal(file) !== undefined) {
    for (const intent of intents) hazards.addUnfinished(intent);
    return fileSizeBytes;
  }
  try {
    await finish(file, hazards, intents, fileSizeBytes);
  } finally {
    unlockJournal(file);
  }
  return fileSizeBytes;
}

async function finish(
  file: DriverFile,
  hazards: Hazards,
  intents: readonly Intent[],
  fileSizeBytes: number,
): Promise<void> {
  const unitBytes = repairUnitBytes(file.facts);
  const works = [...intents]
    .sort((a, b) => a.offset - b.offset)
    .map((intent): UnitWork => ({
      unit: { offset: intent.offset, length: unitBytes },
      data: { offset: intent.offset, length: intent.length },
      content: intent.content,
      shared: false,
      attempts: [],
      strategy: undefined,
      altered: false,
    }));
  await writeUnits(file, hazards, works, { strategy: 'auto', allowRelocation: false }, fileSizeBytes);
  for (const work of works) {
    if (work.strategy === undefined) hazards.addUnfinished(intentOf(work, fileSizeBytes));
  }
  // Only now: XFS does not truncate into a page that is poisoned, and the write above clears it.
  if (file.mappedBytes !== fileSizeBytes && (await file.resize(fileSizeBytes, false)) !== undefined) {
    for (const work of works) if (rangeEnd(work.unit) > fileSizeBytes) hazards.addUnfinished(intentOf(work, fileSizeBytes));
  }
  // An intent left on disk would be written again, over newer data, by the next open(): no journal, no open.
  const failure = await storeJournal(file, hazards.unfinished, hazards.tombstones);
  if (failure !== undefined) throw journalError(file, failure);
}

/**
 * The size the file is to have: a whole-page write of the last page makes it longer until it is cut back, and a crash
 * may fall in between. Only that one growth, to the end of the last unit, is undone.
 */
async function trueSize(file: DriverFile, intents: readonly Intent[]): Promise<number> {
  const unitBytes = repairUnitBytes(file.facts);
  const outcome = await file.fileSize();
  if ('failure' in outcome) throw systemError('cannot recover', outcome.failure, { path: file.facts.path });
  const { sizeBytes } = outcome;
  for (const intent of intents) {
    const isTail = rangeEnd(intent) === intent.fileSizeBytes && intent.length < unitBytes;
    // A write that stopped short, or a crash within it, may have got anywhere up to the end of the unit.
    const hasGrown = sizeBytes > intent.fileSizeBytes && sizeBytes <= intent.offset + unitBytes;
    if (isTail && hasGrown) return intent.fileSizeBytes;
  }
  return sizeBytes;
}

/** A journal is only a file: whatever it says, nothing outside the units of this one is written. */
function checkIntent(file: DriverFile, intent: Intent, fileSizeBytes: number): void {
  const unitBytes = repairUnitBytes(file.facts);
  const aligned = intent.offset % unitBytes === 0 && intent.length <= unitBytes;
  const wholeOrTail = intent.length === unitBytes || rangeEnd(intent) === fileSizeBytes;
  if (aligned && wholeOrTail && rangeEnd(intent) <= fileSizeBytes) return;
  throw new PmemError('ERR_PMEM_JOURNAL', 'the repair journal describes a unit that this file does not have', {
    path: journalPath(file),
    ranges: [intent],
  });
}
