/** Opening the two files of the log, and making a new one of one that was lost. */
import type { PmemFile } from '@safe-pmem/core';
import { Wal, WalError } from '../wal/index.js';
import { PagesError } from './pages-error.js';
import { readLog } from './read-log.js';
import type { StoreOptions } from './store-options.js';
import { isUnfinishedCopy } from './unfinished-copy.js';

/** Opens the log. With `attachMirror`, a file that is not part of it becomes a copy of the one that is. */
export async function openLog(options: StoreOptions): Promise<Wal> {
  const { log: file, logMirror: mirror, create = false, attachMirror = false, blockMs = 1 } = options;
  const { path } = options.file;
  try {
    return await Wal.open({ file, mirror, create, blockMs });
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    if (attachMirror && error.code === 'ERR_WAL_MIRROR_STALE') return attachLog(options, error);
    if (error.code === 'ERR_WAL_NOT_FORMATTED') {
      const what = 'the log holds nothing: `create: true` makes a store';
      throw new PagesError('ERR_PAGES_NOT_FORMATTED', path, what, error);
    }
    if (error.code === 'ERR_WAL_UNREADABLE') {
      const what = 'neither file of the log can be read: restore one from a copy';
      throw new PagesError('ERR_PAGES_LOG_LOST', path, what, error);
    }
    throw error;
  }
}

/**
 * Copies the file that has gone on over the other one: blank, the log of the same store at an earlier moment, or such a
 * copy that was cut off.
 */
async function attachLog({ log: file, logMirror: mirror, blockMs = 1 }: StoreOptions, refusal: WalError): Promise<Wal> {
  const [foundInFile, foundInMirror] = [await standingOf(file), await standingOf(mirror)];
  const found = [foundInFile, foundInMirror];
  const [ofFile, ofMirror] = found.map((one) => (one instanceof PagesError ? undefined : one));
  const lost = found.find((one) => one instanceof PagesError);
  const isFileCurrent = ofMirror === undefined || (ofFile !== undefined && !isLater(ofMirror, ofFile));
  const [source, target] = isFileCurrent ? [file, mirror] : [mirror, file];
  const storeId = (isFileCurrent ? ofFile : ofMirror)?.storeId;
  if (storeId === undefined) {
    // An open() that was to make the store was cut off before the first record.
    const isBegun = isUnfinishedCopy(mirror, file) || isUnfinishedCopy(file, mirror);
    if (lost !== undefined || !isBegun) throw lost ?? refusal;
    return Wal.open({ file, mirror, attachMirror: true, blockMs });
  }
  const ofTarget = isFileCurrent ? ofMirror : ofFile;
  const isReplaceable = ofTarget === undefined ? isUnfinishedCopy(target, source) : ofTarget.storeId === storeId;
  if (!isReplaceable) throw lost ?? refusal;
  const wal = await Wal.open({ file: source, mirror: target, attachMirror: true, blockMs });
  if (isFileCurrent) return wal;
  wal.close();
  return Wal.open({ file, mirror, blockMs });
}

interface Standing {
  readonly storeId: bigint;
  readonly generation: number;
  readonly lastSequence: number;
}

/**
 * Returns how far the log in this one file has come; undefined if it holds none, and ERR_PAGES_LOG_LOST if its records
 * name no checkpoint.
 */
async function standingOf(file: PmemFile): Promise<Standing | PagesError | undefined> {
  let wal: Wal;
  try {
    wal = await Wal.open({ file, readOnly: true });
  } catch (error) {
    if (error instanceof WalError && ['ERR_WAL_NOT_FORMATTED', 'ERR_WAL_FOREIGN'].includes(error.code)) return undefined;
    throw error;
  }
  try {
    const { checkpoint } = await readLog(wal, file.path);
    if (checkpoint === undefined) return undefined;
    const { storeId, generation } = checkpoint;
    return { storeId, generation, lastSequence: wal.lastSequence ?? 0 };
  } catch (error) {
    if (error instanceof PagesError && error.code === 'ERR_PAGES_LOG_LOST') return error;
    throw error;
  } finally {
    wal.close();
  }
}

function isLater(one: Standing, other: Standing): boolean {
  return one.generation !== other.generation ? one.generation > other.generation : one.lastSequence > other.lastSequence;
}
