/** Files whose pages can be lost: real SIGBUS on loads and stores, and system calls that fail as on a bad medium. */
import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { ByteRange, CompleteFile, Driver } from '@safe-pmem/core';
import { alignOut } from '@safe-pmem/core';
import { BadPages } from './bad-pages.js';
import { poisonMappings } from './poison.js';
import { withBadPages } from './file-with-bad-pages.js';

/** A driver that behaves as `nativeDriver()` until something is poisoned. */
export interface PoisonableDriver extends Driver<CompleteFile> {
  /**
   * Loses every page of the file that the range touches, and returns these pages. From then on loads and stores of them
   * by this process raise a real SIGBUS, reads by system call fail with EIO, and writes of a part of a page with
   * EFAULT, as the kernel answers for a bad page of persistent memory; a write of a whole page clears it. The bytes
   * stay in the file for other programs.
   *
   * The file must be open through this driver, and on tmpfs. Throws RangeError if it is not open or not that long,
   * ERR_PMEM_NOT_SUPPORTED if the kernel cannot, by `poisonSupport()`, or the file is not on tmpfs.
   */
  poison(path: string, range: ByteRange): ByteRange;
}

interface OpenFile {
  readonly bad: BadPages;
  /** Of those that are open. */
  readonly files: Set<CompleteFile>;
}

/**
 * Wraps `nativeDriver()` for the tests of an application: what `mockDriver().poison()` does to simulated files,
 * `poison()` does here to files on tmpfs, with real signals. `rebuild` of `repair()` is asked for what was lost.
 *
 * @example
 * const driver = poisonableDriver(nativeDriver());
 * const scratch = scratchFolder();
 * const file = await PmemFile.open(scratch.file('db'), { driver, create: true, size: 65536 });
 * driver.poison(file.path, { offset: 4096, length: 1 });
 * assert.throws(() => file.read(new Uint8Array(16), 4096), MediaError);
 */
export function poisonableDriver(driver: Driver<CompleteFile>): PoisonableDriver {
  const opened = new Map<string, OpenFile>();

  /** Mappings that are new know nothing of what was lost before. */
  const poisonAnew = (resolved: string): void => {
    for (const range of opened.get(resolved)?.bad.ranges() ?? []) poisonMappings(resolved, range);
  };

  return {
    name: driver.name,
    devices: driver.devices,
    async open(file, request) {
      const outcome = await driver.open(file, request);
      if ('failure' in outcome) return outcome;
      const resolved = realpathSync(outcome.file.facts.path);
      const entry = opened.get(resolved) ?? { bad: new BadPages(outcome.file.facts.pageBytes), files: new Set() };
      opened.set(resolved, entry);
      entry.files.add(outcome.file);
      const closed = (): void => {
        entry.files.delete(outcome.file);
      };
      poisonAnew(resolved);
      return { file: withBadPages(outcome.file, entry.bad, { mappedAnew: () => { poisonAnew(resolved); }, closed }) };
    },
    poison(file, range) {
      const resolved = realpathSync(path.resolve(file));
      const entry = opened.get(resolved);
      const mappedBytes = Math.max(0, ...[...(entry?.files ?? [])].map((one) => one.mappedBytes));
      const { offset, length } = range;
      if (entry === undefined || mappedBytes === 0) {
        throw new RangeError(`'${resolved}' is not open through this driver`);
      }
      const isInside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length > 0;
      if (!isInside || offset + length > mappedBytes) {
        const wrong = `[${offset}, ${offset + length}) is not inside '${resolved}'`;
        throw new RangeError(`${wrong}, of which ${mappedBytes} bytes are mapped`);
      }
      const pages = alignOut(range, entry.bad.pageBytes);
      poisonMappings(resolved, pages);
      entry.bad.add(pages);
      return pages;
    },
  };
}
