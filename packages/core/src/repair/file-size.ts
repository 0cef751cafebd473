/** The size of the file under repair, which other processes change, and the error if it no longer has a unit. */
import type { CompleteFile } from '../driver/driver.js';
import { PmemError } from '../errors/errors.js';
import { systemError } from '../errors/system-error.js';
import type { ByteRange } from '../ranges/byte-range.js';

/** Size of the file now, in bytes. Throws what the system call says, as `failing` ("cannot repair") of `ranges`. */
export async function sizeOf(file: CompleteFile, failing: string, ranges: readonly ByteRange[] = []): Promise<number> {
  const outcome = await file.fileSize();
  if ('sizeBytes' in outcome) return outcome.sizeBytes;
  throw systemError(failing, outcome.failure, { path: file.facts.path, ranges });
}

export function truncated({ facts: { path } }: CompleteFile, ranges: readonly ByteRange[]): PmemError {
  return new PmemError('ERR_PMEM_TRUNCATED', 'cannot repair: the file was truncated', { path, ranges });
}
