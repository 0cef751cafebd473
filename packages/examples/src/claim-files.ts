/** Keeps a second engine away from the files that one works with. */
import type { FileClaim, PmemFile } from '@safe-pmem/core';

/**
 * Claims every file, or none. Throws what PmemFile.claim() throws: ERR_PMEM_LOCKED if another engine has one of them.
 */
export function claimFiles(files: readonly PmemFile[]): FileClaim {
  const claims: FileClaim[] = [];
  const release = (): void => {
    for (const claim of claims) claim.release();
  };
  try {
    for (const file of files) claims.push(file.claim());
  } catch (error) {
    release();
    throw error;
  }
  return { release };
}
