/** Says whether the kernel may map 2 MiB of a file by one entry: docs/decisions/0019-pages-of-their-own.md. */
import type { DriverFile, FileFacts } from '../driver/driver.js';
import { PmemError } from '../errors/errors.js';
import { systemError } from '../errors/system-error.js';

/**
 * - `avoid`: each page is mapped by an entry of its own.
 * - `allow`: the kernel decides, and may map an aligned 2 MiB (with pages of 4 KiB) by one entry.
 */
export type HugePages = 'avoid' | 'allow';

/** Files of which info() says `avoid`; nothing is kept of a file for which the driver was not asked. */
const avoiding = new WeakSet<DriverFile>();

export function hugePagesOf(file: DriverFile): HugePages {
  return avoiding.has(file) ? 'avoid' : 'allow';
}

/** The policy of PmemFile.open() if nothing is asked for. */
export function defaultHugePages({ dax }: Pick<FileFacts, 'dax'>): HugePages {
  return dax ? 'avoid' : 'allow';
}

/**
 * Carries out the policy for a file that has just been mapped: `wanted`, or by default `avoid` on DAX, where a
 * machine check that was met through 2 MiB leaves a page that cannot be repaired, and `allow` elsewhere.
 *
 * Throws ERR_PMEM_NOT_SUPPORTED if `avoid` was asked for and the driver cannot do it, or the error of its system
 * call. By default neither is an error: hugePagesOf() says how the file is mapped.
 */
export function applyHugePages(file: DriverFile, wanted: HugePages | undefined): void {
  const { path } = file.facts;
  if ((wanted ?? defaultHugePages(file.facts)) === 'allow') return;
  if (file.avoidHugePages === undefined) {
    if (wanted === undefined) return;
    throw new PmemError('ERR_PMEM_NOT_SUPPORTED', "the driver cannot avoid huge pages: leave out 'hugePages'", { path });
  }
  const failure = file.avoidHugePages();
  if (failure === undefined) avoiding.add(file);
  else if (wanted !== undefined) throw systemError('cannot avoid huge pages', failure, { path });
}
