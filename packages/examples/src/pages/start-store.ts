/** From files to a store that can be used: what the log says, which files belong to it, and the tree in their pages. */
import type { FileClaim } from '@safe-pmem/core';
import { claimFiles } from '../claim-files.js';
import type { Wal } from '../wal/index.js';
import type { Checkpoint } from './checkpoint-record.js';
import { PAGE_BYTES } from './format.js';
import { format, joinFiles } from './join-files.js';
import { loadTree } from './load-tree.js';
import type { Change } from './log-record.js';
import type { Node } from './node.js';
import { openLog } from './open-log.js';
import { PageFiles } from './page-files.js';
import { PagePool } from './page-pool.js';
import { readLog, requireBatches } from './read-log.js';
import { SlotMap } from './slot-map.js';
import { StoreLog } from './store-log.js';
import type { StoreOptions } from './store-options.js';

export interface StartedStore {
  readonly pool: PagePool;
  readonly log: StoreLog;
  readonly root: Node;
  readonly checkpoint: Checkpoint;
  /** The highest number that was given to a checkpoint; pages of one that was never in force may lie around. */
  readonly lastGeneration: number;
  /** Batches that the pages do not contain, in order. */
  readonly batches: readonly (readonly Change[])[];
}

const DEFAULT_CACHED_LEAVES = 4096;

/**
 * The claim that a store holds until it is closed, so that no other writer has its data files. Its log claims its own.
 */
export interface ClaimedStore extends StartedStore {
  readonly claim: FileClaim;
}

/** Opens the store on its files. See PageStore.open(). */
export async function startStore(options: StoreOptions): Promise<ClaimedStore> {
  const { cachedLeaves = DEFAULT_CACHED_LEAVES } = options;
  if (!['undefined', 'function'].includes(typeof options.onProgress)) throw new TypeError('onProgress must be a function');
  const { keptBytes = 0 } = options;
  if (!Number.isSafeInteger(keptBytes) || keptBytes < 0) {
    throw new RangeError(`keptBytes must be a count, got ${String(keptBytes)}`);
  }
  if (!(cachedLeaves >= 0)) throw new RangeError(`cachedLeaves must be at least 0, got ${String(cachedLeaves)}`);
  const files = new PageFiles(options.file, options.mirror);
  const claim = claimFiles(files.members.map((member) => member.file));
  let wal: Wal | undefined;
  try {
    await Promise.all(files.members.map((member) => member.file.badBlocks()));
    wal = await openLog(options);
    return { ...(await startWith(files, wal, options)), claim };
  } catch (error) {
    wal?.close();
    claim.release();
    throw error;
  }
}

async function startWith(files: PageFiles, wal: Wal, options: StoreOptions): Promise<StartedStore> {
  const { file, create = false, cachedLeaves = DEFAULT_CACHED_LEAVES, keptBytes = 0 } = options;
  const content = await readLog(wal, file.path);
  const log = new StoreLog(wal, content.heldBytes, content.coveredBytes);
  const found = content.checkpoint ?? (await format(files, log, create));
  requireBatches(content, options, file.path);
  for (const member of files.members) {
    // A crash came between the growth of the two files, or another program has cut one off.
    const sizeBytes = found.slotCount * PAGE_BYTES;
    if (member.file.size < sizeBytes) await member.file.resize(sizeBytes, { preallocate: true });
  }
  const slots = new SlotMap(files.slotCount, found.leaves, found.leafGenerations);
  const pool = new PagePool(files, found.storeId, slots, cachedLeaves, Math.ceil(keptBytes / PAGE_BYTES));
  const { checkpoint, lastGeneration } = await joinFiles(pool, log, found, options);
  const batches = content.batches.filter(({ sequence }) => sequence > found.covers);
  const root = await loadTree(pool, options.onProgress);
  return { pool, log, checkpoint, lastGeneration, root, batches: batches.map(({ changes }) => changes) };
}
