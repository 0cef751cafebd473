/** open(): maps the file by its driver, takes the locks, finishes what a crash cut off, and learns what is bad. */
import type { Driver } from '../driver/driver.js';
import { completeFile } from '../driver/complete-file.js';
import { PmemError } from '../errors/errors.js';
import { publishFailure } from '../errors/events.js';
import { systemError } from '../errors/system-error.js';
import { refreshKnown } from '../rescue/refresh-known.js';
import { applyHugePages } from './huge-pages.js';
import type { OpenOptions } from './open-options.js';
import { checkedOpenOptions } from './open-options.js';
import { OpenState } from './open-state.js';
import { recoverFile } from './recover-file.js';
import { lockWriter } from './writer-lock.js';

export interface OpenedFile {
  readonly state: OpenState;
  readonly driver: Driver;
}

/** Throws what PmemFile.open() throws; the file is closed again then. */
export async function openFile(path: string, options: OpenOptions): Promise<OpenedFile> {
  const checked = checkedOpenOptions(path, options);
  const { driver, create = false, size, readOnly = false, preallocate = false } = checked;
  const outcome = await driver.open(path, { create, readOnly, preallocate, sizeBytes: size });
  if ('failure' in outcome) throw publishFailure(path, systemError('cannot open', outcome.failure, { path }));
  const file = completeFile(outcome.file);
  try {
    if (size !== undefined && file.mappedBytes < size) {
      const message = `the file has ${file.mappedBytes} bytes, ${size} were asked for`;
      throw new PmemError('ERR_PMEM_TOO_SMALL', message, { path });
    }
    lockWriter(file, checked.exclusive ?? false);
    applyHugePages(file, checked.hugePages);
    const state = new OpenState(file, driver.devices);
    await recoverFile(state, checked.journal ?? 'require');
    await refreshKnown(file, state.unsafe, state.wholeFile());
    return { state, driver };
  } catch (error) {
    await file.close();
    throw error;
  }
}
