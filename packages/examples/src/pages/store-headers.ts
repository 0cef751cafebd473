/** The header pages of the data files: which checkpoint was in force when each was last part of the store. */
import type { Checkpoint } from './checkpoint-record.js';
import type { DataHeader } from './header-page.js';
import { ATTEMPTS_MAX, encodeBegunPage, encodeHeaderPage } from './header-page.js';
import type { FileRole, PageFile } from './page-files.js';
import { PageFiles } from './page-files.js';

/**
 * Returns the header that one file should have. `lastGeneration`: the highest number that was given to a checkpoint.
 */
export function headerOf(role: FileRole, checkpoint: Checkpoint, lastGeneration: number): DataHeader {
  const { storeId, generation } = checkpoint;
  const fileId = role === 'pages' ? checkpoint.fileId : checkpoint.mirrorId;
  return { storeId, fileId, inForce: generation, attempts: lastGeneration - generation };
}

/** The highest number that a checkpoint may have been given before these headers were read. */
export function lastGenerationOf(headers: readonly DataHeader[], { generation }: Checkpoint): number {
  const known = headers.filter(({ inForce }) => inForce > 0).map(({ inForce, attempts }) => inForce + attempts);
  // If the header does not say, or the number did not fit, there may have been many.
  const isUnknown = known.length === 0 || headers.some(({ attempts }) => attempts === ATTEMPTS_MAX);
  return Math.max(generation + (isUnknown ? ATTEMPTS_MAX : 0), ...known);
}

/** Marks new files, durably, as about to get their headers. What a file refuses, it refuses again with its header. */
export async function beginHeaders(files: PageFiles): Promise<void> {
  await Promise.all(files.members.map(async ({ file }) => {
    const alone = new PageFiles(file, undefined);
    if (alone.write(0, encodeBegunPage()) === undefined) await alone.persist([0]);
  }));
}

/**
 * Stores the headers of all files, durably. A file that refuses its header is damaged there, which repair() mends; the
 * other one has the word then. Throws what the files throw for other reasons.
 */
export async function writeHeaders(files: PageFiles, checkpoint: Checkpoint, lastGeneration: number): Promise<void> {
  await Promise.all(files.members.map((member) => writeHeader(member, headerOf(member.role, checkpoint, lastGeneration), files)));
}

/** Stores the header of one file, durably. */
export async function writeHeader(member: PageFile, header: DataHeader, files: PageFiles): Promise<void> {
  const alone = new PageFiles(member.file, undefined);
  const refused = alone.write(0, encodeHeaderPage(header)) ?? (await alone.persist([0]))[0];
  if (refused !== undefined) files.noteDamage({ ...refused, role: member.role });
}
