/** Files of a simulated machine for the demos. */
import { PmemFile } from '@safe-pmem/core';
import type { MockDriver } from '@safe-pmem/mock';

const PAGE_BYTES = 4096;

/** Written once, like a file that has been in use for a while: poison in blocks never written goes away by itself. */
export async function newMockFile(driver: MockDriver, path: string, pages: number): Promise<PmemFile> {
  driver.writeFile(path, new Uint8Array(pages * PAGE_BYTES));
  return PmemFile.open(path, { driver });
}
