// Memory: the one place where UFFDIO_POISON makes pages of a mapping bad.
import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';

export const SHARED_MEMORY = '/dev/shm';
const TMPFS = 0x01021994;

export function hasTmpfs() {
  return statfsSync(SHARED_MEMORY).type === TMPFS;
}

export class TmpfsPlace {
  kind = 'tmpfs';
  folder = mkdtempSync(path.join(SHARED_MEMORY, 'safe-pmem-torture-'));

  clear() {
    for (const name of readdirSync(this.folder))
      rmSync(path.join(this.folder, name), { recursive: true, force: true });
  }

  close() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
