/** Which store the data files hold: making one, finding out whether they belong together, and filling a new mirror. */
import type { PmemFile } from '@safe-pmem/core';
import { randomId } from '../random-id.js';
import { PAGE_BYTES } from './format.js';
import type { DataHeader } from './header-page.js';
import { decodeHeaderPage, encodeHeaderPage } from './header-page.js';
import type { Checkpoint } from './log-record.js';
import { checkpointBytesOf, encodeCheckpoint } from './log-record.js';
import type { PageFile, PageFiles } from './page-files.js';
import { readFrom } from './page-files.js';
import type { PagePool } from './page-pool.js';
import { PagesError } from './pages-error.js';
import type { StoreLog } from './store-log.js';
import type { StoreOptions } from './store-options.js';

/** Makes a store of files that hold none. The first record of the log is what makes it one. */
export async function format(files: PageFiles, log: StoreLog, create: boolean): Promise<Checkpoint> {
  const { path } = files;
  if (!create) throw new PagesError('ERR_PAGES_NOT_FORMATTED', path, 'the log holds no store');
  for (const member of files.members) {
    if (!isBlank(member.file)) {
      throw new PagesError('ERR_PAGES_FOREIGN', member.file.path, 'the file holds something, and its log does not');
    }
  }
  const storeId = randomId();
  const ids = files.members.map(() => randomId()) as [bigint, bigint?];
  for (const [index, { file }] of files.members.entries()) writeHeader(file, { storeId, fileId: ids[index] ?? 0n });
  const checkpoint: Checkpoint = {
    storeId,
    generation: 1,
    covers: 0,
    slotCount: files.slotCount,
    fileId: ids[0],
    mirrorId: ids[1] ?? 0n,
    leaves: new Uint8Array(checkpointBytesOf(files.slotCount)),
  };
  log.append(encodeCheckpoint(checkpoint));
  await log.commit();
  return checkpoint;
}

/** Nothing but zeros behind the header, which an interrupted formatting leaves. What cannot be read does not count. */
function isBlank(file: PmemFile): boolean {
  const zeros = Buffer.alloc(PAGE_BYTES);
  for (let slot = 0; slot < Math.floor(file.size / PAGE_BYTES); slot++) {
    const isOurs = (page: Buffer): boolean => slot === 0 && decodeHeaderPage(page).status === 'valid';
    const read = readFrom({ role: 'pages', file }, slot, (page) => ({ blank: page.equals(zeros) || isOurs(page) }));
    if (read.page?.blank === false) return false;
  }
  return true;
}

/** Makes sure that both files hold what the checkpoint in force says; copies, or goes on alone, where that is asked. */
export async function joinMirror(pool: PagePool, log: StoreLog, found: Checkpoint, options: StoreOptions): Promise<Checkpoint> {
  const { attachMirror = false, detachMirror = false } = options;
  const [data, mirror] = pool.files.members.map(({ file }) => idOf(file, found)) as [bigint | undefined, bigint?];
  const { path } = pool;
  const known = [found.fileId, found.mirrorId].filter((id) => id !== 0n);
  if (data !== undefined && !known.includes(data)) {
    throw new PagesError('ERR_PAGES_MIRROR_STALE', path, 'the log has gone on without this file');
  }
  const mirrorFile = pool.files.members[1]?.file;
  if (mirrorFile === undefined) {
    if (found.mirrorId === 0n) return found;
    if (!detachMirror) throw new PagesError('ERR_PAGES_MIRROR_MISSING', path, 'the store has a mirror');
    return storeIds(log, found, data ?? found.fileId, 0n);
  }
  const isPair = found.mirrorId !== 0n && mirror !== data && (mirror === undefined || known.includes(mirror));
  if (isPair) return found;
  if (!attachMirror) {
    throw new PagesError('ERR_PAGES_MIRROR_STALE', mirrorFile.path, 'this file does not mirror the store: see attachMirror');
  }
  const mirrorId = randomId();
  copyPages(pool, mirrorFile);
  writeHeader(mirrorFile, { storeId: found.storeId, fileId: mirrorId });
  return storeIds(log, found, data ?? found.fileId, mirrorId);
}

/** The file's id; undefined where its header cannot be read, and the file is taken at the caller's word. */
function idOf(file: PmemFile, { storeId }: Checkpoint): bigint | undefined {
  const read = readFrom({ role: 'pages', file }, 0, decodeHeaderPage);
  if (read.page === undefined) return undefined;
  if (read.page.status === 'other-version') {
    throw new PagesError('ERR_PAGES_VERSION', file.path, `the store has format version ${read.page.version}, this is 1`);
  }
  // Zeros are a file that is yet to become a mirror; anything else that does not verify was damaged.
  if (read.page.status === 'none') return isBlank(file) ? 0n : undefined;
  if (read.page.header.storeId !== storeId) return 0n;
  return read.page.header.fileId;
}

async function storeIds(log: StoreLog, found: Checkpoint, fileId: bigint, mirrorId: bigint): Promise<Checkpoint> {
  const checkpoint = { ...found, fileId, mirrorId };
  log.append(encodeCheckpoint(checkpoint));
  await log.commit();
  return checkpoint;
}

/** Every byte of the first file that can be read; what cannot is lost in both. */
function copyPages(pool: PagePool, mirror: PmemFile): void {
  const { file } = pool.files.members[0] as PageFile;
  for (let slot = 1; slot < pool.slots.count; slot++) {
    const read = readFrom({ role: 'pages', file }, slot, (page) => page);
    mirror.write(read.page ?? new Uint8Array(PAGE_BYTES), slot * PAGE_BYTES);
  }
  mirror.persist();
}

function writeHeader(file: PmemFile, header: DataHeader): void {
  file.write(encodeHeaderPage(header), 0);
  file.persist(0, PAGE_BYTES);
}
