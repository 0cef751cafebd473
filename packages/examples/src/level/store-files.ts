/** The four files of a database: opening them, making them where they are missing. */
import type { Driver } from '@safe-pmem/core';
import { PmemError, PmemFile } from '@safe-pmem/core';
import type { StoreOptions } from '../pages/index.js';

export type StoreFiles = Required<Pick<StoreOptions, 'file' | 'log' | 'logMirror'>> & Pick<StoreOptions, 'mirror'>;

export interface FileOptions {
  readonly driver: Driver;
  readonly location: string;
  readonly mirrorLocation: string;
  /** False: pages have no mirror. The log always has one. */
  readonly mirror: boolean;
  readonly logBytes: number;
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
}

/** Of the data files, to begin with; they grow. */
const PAGES_BYTES = 16 * 4096;

/** Opens all files, or none. Throws what PmemFile.open() throws, or an Error where `errorIfExists` forbids it. */
export async function openFiles(options: FileOptions): Promise<StoreFiles> {
  const { location, mirrorLocation, logBytes } = options;
  const opened: PmemFile[] = [];
  const open = async (path: string, size: number): Promise<PmemFile> => {
    const file = await openOne(options, path, size);
    opened.push(file);
    return file;
  };
  try {
    await checkExistence(options);
    const log = await open(`${location}.log`, logBytes);
    const logMirror = await open(`${mirrorLocation}.log-mirror`, logBytes);
    const file = await open(`${location}.pages`, PAGES_BYTES);
    if (!options.mirror) return { file, log, logMirror };
    return { file, log, logMirror, mirror: await open(`${mirrorLocation}.pages-mirror`, PAGES_BYTES) };
  } catch (error) {
    for (const file of opened) await file.close();
    throw error;
  }
}

export async function closeFiles({ file, mirror, log, logMirror }: StoreFiles): Promise<void> {
  const files = [file, log, logMirror, ...(mirror === undefined ? [] : [mirror])];
  const closed = await Promise.allSettled(files.map((one) => one.close()));
  const failed = closed.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The log is made first: where it is, there is a database, or was to be one. */
async function checkExistence({ driver, location, createIfMissing, errorIfExists }: FileOptions): Promise<void> {
  if (createIfMissing && !errorIfExists) return;
  try {
    await (await PmemFile.open(`${location}.log`, { driver, readOnly: true })).close();
  } catch (error) {
    if (!(error instanceof PmemError) || error.code !== 'ERR_PMEM_NOT_FOUND') throw error;
    if (createIfMissing) return;
    throw new Error(`the database '${location}' does not exist (createIfMissing is false)`, { cause: error });
  }
  if (errorIfExists) throw new Error(`the database '${location}' exists already (errorIfExists is true)`);
}

/** An existing file keeps its size. */
async function openOne({ driver, createIfMissing }: FileOptions, path: string, size: number): Promise<PmemFile> {
  try {
    return await PmemFile.open(path, { driver });
  } catch (error) {
    const isMissing = error instanceof PmemError && (error.code === 'ERR_PMEM_NOT_FOUND' || error.code === 'ERR_PMEM_TOO_SMALL');
    if (!isMissing || !createIfMissing) throw error;
    return PmemFile.open(path, { driver, create: true, size, preallocate: true });
  }
}
