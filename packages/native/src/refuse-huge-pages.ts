/** Files on hugetlbfs, which this driver does not open. */
import { statfsSync } from 'node:fs';
import path from 'node:path';
import { PmemError } from '@safe-pmem/core';
import { filesystemName } from './filesystem-name.js';

type FilesystemOf = (path: string) => { readonly type: number };

/**
 * Throws ERR_PMEM_NOT_SUPPORTED if the file is on hugetlbfs, or would be made there. Only whole huge pages can be mapped there,
 * so a single page that faulted could not be replaced or mapped again; and its bytes never leave memory.
 *
 * On this thread, a microsecond: the statfs() that returns a promise ends the process with a failed assertion if the worker
 * that calls it is being terminated (Node 20).
 */
export function refuseHugePages(file: string, filesystemOf: FilesystemOf = statfsSync): void {
  const found = typeOf(file, filesystemOf) ?? typeOf(path.dirname(file), filesystemOf);
  if (found === undefined || filesystemName(found) !== 'hugetlbfs') return;
  throw new PmemError(
    'ERR_PMEM_NOT_SUPPORTED',
    'hugetlbfs cannot be used: it maps whole huge pages only. Use a DAX filesystem, or tmpfs mounted with huge=always',
    { path: file },
  );
}

/** Undefined if there is no answer: what is wrong with the path is the open's to say. */
function typeOf(file: string, filesystemOf: FilesystemOf): number | undefined {
  try {
    return filesystemOf(file).type;
  } catch {
    return undefined;
  }
}
