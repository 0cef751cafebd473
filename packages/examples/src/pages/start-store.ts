/** From files to a tree: which store is in them, which pages its last checkpoint named, and which keys are lost. */
import { randomBytes } from 'node:crypto';
import type { PmemFile } from '@safe-pmem/core';
import { PmemError } from '@safe-pmem/core';
import type { LostRecords } from '../wal/index.js';
import { Wal, WalError } from '../wal/index.js';
import { compareBytes, NO_BYTES } from './bytes.js';
import type { Bytes } from './bytes.js';
import { PAGE_BYTES } from './format.js';
import type { DataHeader } from './header-page.js';
import { decodeHeaderPage, encodeHeaderPage } from './header-page.js';
import { isReference } from './leaf-page.js';
import type { Change, Checkpoint, LogRecord } from './log-record.js';
import { checkpointBytesOf, decodeRecord, encodeCheckpoint } from './log-record.js';
import type { Node } from './node.js';
import { Leaf, treeOf } from './node.js';
import type { PageDamage, PageFile } from './page-files.js';
import { PageFiles, readFrom } from './page-files.js';
import { PagePool, causeOf } from './page-pool.js';
import { PagesError } from './pages-error.js';
import { SlotMap } from './slot-map.js';
import { StoreLog, ringBytesOf } from './store-log.js';
import type { StoreOptions } from './store-options.js';
import { emptyLeaf, lostLeaf } from './tree.js';

export interface StartedStore {
  readonly pool: PagePool;
  readonly log: StoreLog;
  readonly root: Node;
  readonly checkpoint: Checkpoint;
  /** Batches that the pages do not contain, in order. */
  readonly batches: readonly (readonly Change[])[];
}

/** What the log says. */
interface LogContent {
  readonly checkpoint: Checkpoint | undefined;
  readonly batches: readonly { readonly sequence: number; readonly changes: readonly Change[] }[];
  readonly lost: readonly LostRecords[];
  readonly heldBytes: number;
}

/** Opens the store on its files. See PageStore.open(). */
export async function startStore(options: StoreOptions): Promise<StartedStore> {
  const { file, mirror, log: logFile, logMirror, create = false } = options;
  const files = new PageFiles(file, mirror);
  await Promise.all(files.members.map((member) => member.file.badBlocks()));
  const wal = await openLog(logFile, logMirror, create, file.path);
  const content = await readLog(wal, file.path);
  const log = new StoreLog(wal, logFile, content.heldBytes);
  const found = content.checkpoint ?? (await format(files, log, content, create));
  requireBatches(content, options, file.path);
  for (const member of files.members) {
    // A crash between the growth of the two files, or somebody who cut one off.
    const sizeBytes = found.slotCount * PAGE_BYTES;
    if (member.file.size < sizeBytes) await member.file.resize(sizeBytes, { preallocate: true });
  }
  const slots = new SlotMap(files.slotCount, found.leaves);
  const pool = new PagePool(files, found.storeId, slots, options.cachedLeaves ?? 4096);
  const checkpoint = await joinMirror(pool, log, found, options);
  const batches = content.batches.filter(({ sequence }) => sequence > found.covers);
  return { pool, log, checkpoint, root: loadTree(pool), batches: batches.map(({ changes }) => changes) };
}

async function openLog(file: PmemFile, mirror: PmemFile, create: boolean, path: string): Promise<Wal> {
  try {
    return await Wal.open({ file, mirror, create });
  } catch (error) {
    if (error instanceof WalError && error.code === 'ERR_WAL_NOT_FORMATTED') {
      throw new PagesError('ERR_PAGES_NOT_FORMATTED', path, 'the log holds nothing', error);
    }
    if (error instanceof WalError && error.code === 'ERR_WAL_UNREADABLE') {
      throw new PagesError('ERR_PAGES_LOG_LOST', path, 'neither file of the log can be read', error);
    }
    throw error;
  }
}

async function readLog(wal: Wal, path: string): Promise<LogContent> {
  const batches: { sequence: number; changes: readonly Change[] }[] = [];
  const lost: LostRecords[] = [];
  let checkpoint: Checkpoint | undefined;
  let heldBytes = 0;
  for await (const item of wal.replay()) {
    if (item.type === 'lost') {
      lost.push(item);
      heldBytes += PAGE_BYTES * Math.max(1, item.damage.length);
      continue;
    }
    heldBytes += ringBytesOf(item.payload.length);
    const record = recordOf(item.payload, path);
    if (record.type === 'checkpoint') checkpoint = record.checkpoint;
    else batches.push({ sequence: item.sequence, changes: record.changes });
  }
  if (wal.commitPointLost || (checkpoint === undefined && (lost.length > 0 || batches.length > 0))) {
    const cause = causeOfLoss(lost);
    throw new PagesError('ERR_PAGES_LOG_LOST', path, 'the record that says which pages are in force is lost', cause);
  }
  return { checkpoint, batches, lost, heldBytes };
}

function recordOf(payload: Uint8Array, path: string): LogRecord {
  try {
    return decodeRecord(payload);
  } catch (error) {
    throw new PagesError('ERR_PAGES_FOREIGN', path, 'the log belongs to something else', error);
  }
}

/** Lost batches may have changed any key, so that nothing may be returned for right, unless somebody says so. */
function requireBatches({ checkpoint, lost }: LogContent, options: StoreOptions, path: string): void {
  const missing = lost.filter(({ last }) => checkpoint !== undefined && (last === undefined || last > checkpoint.covers));
  const [first] = missing;
  if (first === undefined || options.acceptLostBatches === true) return;
  const numbers = missing.map(({ first: from, last }) => `${from} to ${last ?? 'the end'}`).join(', ');
  throw new PagesError('ERR_PAGES_BATCHES_LOST', path, `log records ${numbers} are lost`, causeOfLoss(missing));
}

function causeOfLoss(lost: readonly LostRecords[]): unknown {
  const damage = lost.flatMap((item) => item.damage);
  return (damage.find(({ reason }) => reason === 'media' || reason === 'lost') ?? damage[0])?.cause;
}

/** Makes a store of files that hold none. The first record of the log is what makes it one. */
async function format(files: PageFiles, log: StoreLog, content: LogContent, create: boolean): Promise<Checkpoint> {
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
async function joinMirror(pool: PagePool, log: StoreLog, found: Checkpoint, options: StoreOptions): Promise<Checkpoint> {
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

/** The tree of the checkpoint in force. Between leaves that can be read, what is missing is lost. */
function loadTree(pool: PagePool): Node {
  const leaves: Leaf[] = [];
  const damage: PageDamage[] = [];
  const unread: number[] = [];
  for (const slot of pool.slots.leaves) {
    const read = pool.readLeaf(slot);
    if (read.page === undefined) {
      damage.push(...read.damage);
      unread.push(slot);
      continue;
    }
    const { low, high, lost, generation, entryBytes, keys, values } = read.page;
    const leaf = new Leaf(0, low, high, { keys, values }, entryBytes);
    leaf.place = { slot, generation };
    leaf.lost = lost;
    if (lost) leaf.cause = lostBefore(pool);
    pool.cache.add(leaf);
    leaves.push(leaf);
    for (const value of values) if (isReference(value)) pool.discover(value);
  }
  if (leaves.length === 0 && unread.length === 0) return emptyLeaf(0);
  // The keys of these pages are in the tree as lost ones, from where the next checkpoint stores that.
  pool.slots.retire(unread, 0);
  leaves.sort((a, b) => compareBytes(a.low, b.low));
  return treeOf([...withoutGaps(leaves, causeOf(damage))], 0);
}

function* withoutGaps(leaves: readonly Leaf[], cause: unknown): Generator<Leaf> {
  let end: Bytes | undefined = NO_BYTES;
  for (const leaf of leaves) {
    if (end === undefined || compareBytes(leaf.low, end) < 0) throw new Error('two leaves hold the same keys');
    if (compareBytes(end, leaf.low) < 0) yield lostLeaf(0, end, leaf.low, cause);
    yield leaf;
    end = leaf.high;
  }
  if (end !== undefined) yield lostLeaf(0, end, undefined, cause);
}

/** What the medium did is not stored with the loss; that it did is. */
function lostBefore({ path }: PagePool): PmemError {
  return new PmemError('ERR_PMEM_LOST', 'the page that held these keys was lost earlier', { path });
}

/** 64 random bits, not all zero. */
function randomId(): bigint {
  const id = randomBytes(8).readBigUInt64LE();
  return id === 0n ? randomId() : id;
}
