/** Salvages into a new file whose gaps are lost bytes, as a repair leaves them: no zero in it passes for data. */
import type { ByteRange } from '../ranges/byte-range.js';
import { coalesce, formatRange, rangeBetween } from '../ranges/byte-range.js';
import type { Driver, CompleteFile } from '../driver/driver.js';
import { completeFile } from '../driver/complete-file.js';
import { PmemError } from '../errors/errors.js';
import { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { clearStale } from '../repair/journal/discard.js';
import { journalError } from '../repair/journal/journal-errors.js';
import { LOST_RANGES_MAX } from '../repair/journal/format.js';
import { Journal } from '../repair/journal/journal.js';
import type { SalvageGap, SalvagePart } from './salvage.js';
import { systemError } from '../errors/system-error.js';
import { writeOn } from './write-on.js';

export interface SalvageCopy {
  /** The range of the file that was salvaged: it begins at byte 0 of the copy. */
  readonly range: ByteRange;
  readonly path: string;
  /** The missing bytes, by their place in the file that was salvaged. In the copy, reads of it throw ERR_PMEM_LOST. */
  readonly gaps: readonly SalvageGap[];
}

/** Writes `parts` of `range` to a new file at `path`. `gapsMax` is what its journal has room for. */
export async function copyParts(
  driver: Driver,
  path: string,
  range: ByteRange,
  parts: AsyncIterable<SalvagePart>,
  gapsMax = LOST_RANGES_MAX,
): Promise<SalvageCopy> {
  const sizeBytes = range.length === 0 ? undefined : range.length;
  const outcome = await driver.open(path, { create: true, readOnly: false, preallocate: false, sizeBytes });
  if ('failure' in outcome) throw systemError('cannot create the copy', outcome.failure, { path });
  const file = completeFile(outcome.file);
  try {
    // An empty file is as good as none.
    if (!file.facts.created) throw new PmemError('ERR_PMEM_EXISTS', 'there is a file already', { path });
    const gaps = range.length === 0 ? [] : await fillCopy(file, range, parts, gapsMax);
    return { range, path: file.facts.path, gaps };
  } finally {
    await file.close();
  }
}

/** Until all is durable, all of the copy counts as lost: a copy that is cut off must not be taken for the file. */
async function fillCopy(
  file: CompleteFile, range: ByteRange, parts: AsyncIterable<SalvagePart>, gapsMax: number,
): Promise<SalvageGap[]> {
  const journal = new Journal(file, new UnsafeRanges(() => undefined));
  await clearStale(file);
  await journal.acquire('cannot salvage into the copy');
  try {
    await setLost(journal, [{ offset: 0, length: range.length }]);
    const gaps: SalvageGap[] = [];
    for await (const part of parts) {
      if ('bytes' in part) {
        const failure = await writeOn(file, part.bytes, part.offset - range.offset);
        if (failure !== undefined) throw systemError('cannot write the copy', failure, { path: file.facts.path });
      } else {
        if (gaps.length === gapsMax) throw tooManyGaps(file, part, range);
        gaps.push(part);
      }
    }
    const failure = await file.sync();
    if (failure !== undefined) throw systemError('cannot make the copy durable', failure, { path: file.facts.path });
    await setLost(journal, coalesce(gaps.map(({ offset, length }) => ({ offset: offset - range.offset, length }))));
    return gaps;
  } finally {
    journal.release();
  }
}

function tooManyGaps({ facts: { path } }: CompleteFile, next: SalvageGap, { offset }: ByteRange): PmemError {
  const message =
    'the copy has more gaps than its repair journal can name: salvage it in several ranges, ' +
    `the first of them ${formatRange(rangeBetween(offset, next.offset))}`;
  return new PmemError('ERR_PMEM_JOURNAL', message, { path });
}

async function setLost(journal: Journal, lost: readonly ByteRange[]): Promise<void> {
  const failure = await journal.update(() => ({ intents: [], lost }));
  if (failure !== undefined) throw journalError(journal, failure);
}
