/**
 * For programs that look after files of others: backup tools, exporters, the command line. They speak with a driver
 * directly, because they look at files without taking part in them. Changes follow semantic versioning, as elsewhere.
 */
import type { Driver, CompleteFile } from './driver/driver.js';
import { completeFile } from './driver/complete-file.js';
import type { ByteRange } from './ranges/byte-range.js';
import { locate } from './repair/journal/locate.js';
import { absolutePlace } from './repair/journal/names.js';
import { systemError } from './errors/system-error.js';

export type { FileBadBlock } from './rescue/bad-blocks.js';
export { mapToFile } from './rescue/bad-blocks.js';
export { isMediaErrno } from './faults/classify.js';
export { clearAbility, fileInfo, repairUnitBytes } from './opening/file-info.js';
export { printable } from './errors/printable.js';
export { defaultHugePages } from './opening/huge-pages.js';
export { hugePageBytes } from './ranges/huge-page-bytes.js';
export { zeroRangeOf } from './repair/zero-range.js';
export { systemError } from './errors/system-error.js';

/**
 * A unit whose repair began and did not end. The journal has what it is to hold, and the next open() writes it,
 * or only notes that it was being rebuilt.
 */
export interface PendingUnit extends ByteRange {
  /** Size of the file when the repair began. */
  readonly fileSizeBytes: number;
  /** The one byte that all of it is to be; undefined if its bytes differ. */
  readonly uniformByte: number | undefined;
  /** False: only the application can supply its bytes. Lost, unless only the process died, after the write. */
  readonly hasContent: boolean;
}

/** The contents of the repair journal of a file. */
export type JournalReport =
  /** No journal is in force. `isStale`: one lies there that is not, and the next open() for writing removes it. */
  | { readonly status: 'none'; readonly path: string; readonly isStale: boolean }
  | {
      /** `copied`: it came with a copy of its file; what it names stays unreadable until it is adopted. */
      readonly status: 'own' | 'copied';
      readonly path: string;
      /** 32 hexadecimal digits; undefined in a journal of format 1. */
      readonly id: string | undefined;
      /** True if the machine has not been restarted since; undefined if one of the two boots is not known. */
      readonly isSameBoot: boolean | undefined;
      readonly pending: readonly PendingUnit[];
      /** Bytes that are lost until the application writes them. */
      readonly lost: readonly ByteRange[];
    };

/**
 * Opens `path` read-only as a driver sees it, without recovering, locking or reading anything. The caller closes it.
 * Throws what PmemFile.open() throws for a path that cannot be opened.
 */
export async function openForLooking(path: string, driver: Driver): Promise<CompleteFile> {
  const outcome = await driver.open(path, { create: false, readOnly: true, preallocate: false, sizeBytes: undefined });
  if ('failure' in outcome) throw systemError('cannot open', outcome.failure, { path });
  return completeFile(outcome.file);
}

/**
 * Finds and decodes the repair journal of an open file, and changes nothing. Throws ERR_PMEM_JOURNAL if it cannot be
 * trusted.
 */
export async function journalOf(file: CompleteFile): Promise<JournalReport> {
  const located = await locate(file);
  const path = absolutePlace(file.facts.path, located.place);
  if (located.status === 'none') return { status: 'none', path, isStale: located.isStale };
  const { identity, intents, lost } = located.journal;
  const isKnown = identity.bootId !== '' && file.facts.bootId !== '';
  return {
    status: located.status,
    path,
    id: identity.id,
    isSameBoot: isKnown ? identity.bootId === file.facts.bootId : undefined,
    pending: intents.map(({ offset, length, fileSizeBytes, content }) => {
      const first = content?.[0];
      const isUniform = content?.every((byte) => byte === first) === true;
      const hasContent = content !== undefined;
      return { offset, length, fileSizeBytes, uniformByte: isUniform ? first : undefined, hasContent };
    }),
    lost,
  };
}
