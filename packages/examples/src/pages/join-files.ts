/** Finds out which store the data files hold: makes one, tells whether they belong together, and fills a new mirror. */
import { randomId } from '../random-id.js';
import { PAGE_BYTES } from './format.js';
import type { DataHeader } from './header-page.js';
import { decodeHeaderPage, isBegunHeader } from './header-page.js';
import { decodeLeaf } from './leaf-page.js';
import { decodeOverflow } from './overflow-page.js';
import type { Checkpoint } from './checkpoint-record.js';
import { encodeCheckpoint } from './checkpoint-record.js';
import type { PageFile, PageFiles } from './page-files.js';
import { isBlank, readFrom } from './page-files.js';
import type { PagePool } from './page-pool.js';
import { PagesError } from './pages-error.js';
import { beginHeaders, headerOf, lastGenerationOf, writeHeader, writeHeaders } from './store-headers.js';
import type { StoreLog } from './store-log.js';
import type { StoreOptions } from './store-options.js';

/** Makes a store of files that hold none. It exists from the first record of the log on. */
export async function format(files: PageFiles, log: StoreLog, create: boolean): Promise<Checkpoint> {
  const { path } = files;
  if (!create) {
    throw new PagesError('ERR_PAGES_NOT_FORMATTED', path, 'the log holds no store: `create: true` makes one');
  }
  for (const member of files.members) {
    if (!isBlank(member.file, (page, slot) => slot === 0 && isBegunHeader(page))) {
      const what = 'the file is not blank, and its log holds no store: pass the log of this file, or a blank file';
      throw new PagesError('ERR_PAGES_FOREIGN', member.file.path, what);
    }
  }
  const storeId = randomId();
  const ids = files.members.map(() => randomId()) as [bigint, bigint?];
  const checkpoint: Checkpoint = {
    storeId,
    generation: 1,
    covers: 0,
    slotCount: files.slotCount,
    fileId: ids[0],
    mirrorId: ids[1] ?? 0n,
    leaves: new Uint8Array(Math.ceil(files.slotCount / 8)),
    leafGenerations: [],
  };
  await beginHeaders(files);
  await writeHeaders(files, checkpoint, checkpoint.generation);
  log.append(encodeCheckpoint(checkpoint));
  await log.commit();
  return checkpoint;
}

export interface JoinedFiles {
  /** The one in force, with the ids of the files in the roles that they have now. */
  readonly checkpoint: Checkpoint;
  readonly lastGeneration: number;
}

/**
 * Makes sure that both files hold what the checkpoint in force says. If the options ask for it, fills a file that is
 * not part of the store with a copy of the one that is, or goes on with one file.
 */
export async function joinFiles(
  pool: PagePool,
  log: StoreLog,
  found: Checkpoint,
  options: StoreOptions,
): Promise<JoinedFiles> {
  const { attachMirror = false, detachMirror = false, acceptLostBatches = false } = options;
  const [first, second] = pool.files.members as readonly [PageFile, PageFile?];
  const data = identify(first, found);
  const mirror = second && identify(second, found);
  const headers = [data, mirror].flatMap((one) => (one?.isMember === true && one.header !== undefined ? [one.header] : []));
  if (!acceptLostBatches) requireCurrentLog(headers, found, pool.path);
  const lastGeneration = lastGenerationOf(headers, found);
  const joined = (checkpoint: Checkpoint): JoinedFiles => ({ checkpoint, lastGeneration });
  if (mirror === undefined || second === undefined) {
    if (!data.isMember) throw goneOnWithout(first);
    if (found.mirrorId === 0n) return joined(found);
    if (!detachMirror) {
      const what = 'the store has a mirror: pass it, or give it up with detachMirror';
      throw new PagesError('ERR_PAGES_MIRROR_MISSING', pool.path, what);
    }
    return joined(await storeIds(log, found, data.id ?? found.fileId, 0n));
  }
  const isPair = found.mirrorId !== 0n && data.isMember && mirror.isMember && (data.id === undefined || data.id !== mirror.id);
  if (isPair) return joined(inRoles(found, data, mirror));
  const isReplaceable = data.header === undefined ? isBlank(first.file) : data.header.storeId === found.storeId;
  if (!data.isMember && !(attachMirror && mirror.isMember && isReplaceable)) throw goneOnWithout(first);
  if (!attachMirror) {
    const what = 'this file is not the mirror of the store: attachMirror overwrites it with a copy';
    throw new PagesError('ERR_PAGES_MIRROR_STALE', second.file.path, what);
  }
  const [source, target] = data.isMember ? [first, second] : [second, first];
  const sourceId = (data.isMember ? data : mirror).id ?? found.fileId;
  const ids = data.isMember ? ([sourceId, randomId()] as const) : ([randomId(), sourceId] as const);
  const wasOurs = (data.isMember ? mirror : data).header?.storeId === found.storeId;
  if (wasOurs) requireNothingLost(pool, found.storeId, source, target);
  copyPages(pool, source, target);
  const checkpoint = { ...found, fileId: ids[0], mirrorId: ids[1] };
  await writeHeader(target, headerOf(target.role, checkpoint, lastGeneration), pool.files);
  return joined(await storeIds(log, checkpoint, ...ids));
}

interface Identity {
  /** Undefined if the header cannot be read, and the caller's word is taken for what the file is. */
  readonly id: bigint | undefined;
  readonly header: DataHeader | undefined;
  /** The checkpoint in force names this file, as far as anything can be told. */
  readonly isMember: boolean;
}

function identify({ role, file }: PageFile, { storeId, fileId, mirrorId }: Checkpoint): Identity {
  const { page } = readFrom({ role, file }, 0, decodeHeaderPage);
  if (page?.status === 'other-version') {
    const what = `the store has format version ${page.version}, not 1: open it with the version that wrote it`;
    throw new PagesError('ERR_PAGES_VERSION', file.path, what);
  }
  // Zeros are a file that is yet to become a mirror; anything else that does not verify was damaged.
  if (page?.status !== 'valid') return { id: undefined, header: undefined, isMember: page === undefined || !isBlank(file) };
  const { header } = page;
  const isMember = header.storeId === storeId && [fileId, mirrorId].includes(header.fileId) && header.fileId !== 0n;
  return { id: header.fileId, header, isMember };
}

/** The log names its checkpoint in force; a file that was part of a later one has seen what this log has not. */
function requireCurrentLog(headers: readonly DataHeader[], { generation }: Checkpoint, path: string): void {
  const newest = Math.max(...headers.map(({ inForce }) => inForce));
  if (newest <= generation) return;
  const what = `the log ends at checkpoint ${generation}, and the pages were at ${newest}: pass the newer log`;
  throw new PagesError('ERR_PAGES_LOG_STALE', path, what);
}

/** The ids by role: files that have changed places since the checkpoint are told apart by their headers. */
function inRoles(found: Checkpoint, data: Identity, mirror: Identity): Checkpoint {
  if (data.id !== found.mirrorId && mirror.id !== found.fileId) return found;
  return { ...found, fileId: found.mirrorId, mirrorId: found.fileId };
}

function goneOnWithout({ file }: PageFile): PagesError {
  const what = 'the log has gone on without this file: pass the other file, with attachMirror';
  return new PagesError('ERR_PAGES_MIRROR_STALE', file.path, what);
}

async function storeIds(log: StoreLog, found: Checkpoint, fileId: bigint, mirrorId: bigint): Promise<Checkpoint> {
  const checkpoint = { ...found, fileId, mirrorId };
  log.append(encodeCheckpoint(checkpoint));
  await log.commit();
  return checkpoint;
}

/**
 * Throws if `target`, an older file of the store, has a page in a slot that `source` has lost. Nothing tells whether it
 * is the same page, so it is neither believed nor overwritten.
 */
function requireNothingLost(pool: PagePool, storeId: bigint, source: PageFile, target: PageFile): void {
  for (let slot = 1; slot < pool.slots.count; slot++) {
    if (readFrom(source, slot, (page) => page).page !== undefined) continue;
    const identity = { storeId, slot };
    const decode = (bytes: Buffer): unknown => decodeLeaf(bytes, identity) ?? decodeOverflow(bytes, identity);
    if (readFrom(target, slot, decode).page === undefined) continue;
    const what = 'it has a page that the store has lost: read it alone, then pass an empty file instead';
    throw new PagesError('ERR_PAGES_MIRROR_STALE', target.file.path, what);
  }
}

/** Copies every byte of the file that can be read; what cannot is lost in both. */
function copyPages(pool: PagePool, source: PageFile, target: PageFile): void {
  for (let slot = 1; slot < pool.slots.count; slot++) {
    const read = readFrom(source, slot, (page) => page);
    target.file.write(read.page ?? new Uint8Array(PAGE_BYTES), slot * PAGE_BYTES);
  }
  target.file.persist();
}
