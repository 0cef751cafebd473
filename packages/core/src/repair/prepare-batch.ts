/** Prepares the units of one window of a repair together, and tells later whether they are still as they were found. */
import { systemError } from '../errors/system-error.js';
import { isMediaErrno } from '../faults/classify.js';
import { repairUnitBytes } from '../opening/file-info.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { intersectAll, rangeEnd, totalLength } from '../ranges/byte-range.js';
import { isAsSalvaged } from './as-salvaged.js';
import { type Batch, hasTail } from './batch.js';
import type { RecoverContext } from './context.js';
import type { Intent } from './journal/content.js';
import { sizeOf, truncated } from './file-size.js';
import { prepareUnits } from './prepare-units.js';
import type { ReadRoom } from './read-room.js';
import type { RepairUnit } from './repair-unit.js';
import { storedOver } from './stored-over.js';
import { suspectsIn } from './survey.js';
import type { FileBadBlock } from '../rescue/bad-blocks.js';
import { readEachOn } from '../rescue/read-on.js';
import type { ContentRequest } from './types.js';

/** The repair as a whole, when a batch of it is prepared. */
export interface BatchScene extends RecoverContext {
  /** The kernel's list, as it was read last. */
  readonly blocks: readonly FileBadBlock[];
  /** So much is repaired that it is worth asking where the file has blocks. */
  readonly isSparse: boolean;
  readonly room: ReadRoom;
}

/**
 * `window` is whole units; the size of the file is asked here, because it may have changed since the last time. Writes
 * nothing. Throws ERR_PMEM_TRUNCATED, RepairError, or what a system call says.
 */
export async function prepareBatch(
  { file, unsafe, blocks, isSparse, room }: BatchScene, window: readonly ByteRange[], request: ContentRequest,
): Promise<Batch> {
  const fileSizeBytes = await sizeOf(file, 'cannot repair', window);
  const gone = window.filter((range) => range.offset >= fileSizeBytes);
  if (gone.length > 0) throw truncated(file, gone);
  const isInside = window.every((range) => rangeEnd(range) <= fileSizeBytes);
  const inFile = isInside ? window : intersectAll(window, [{ offset: 0, length: fileSizeBytes }]);
  const suspects = await suspectsIn(file, unsafe, inFile, blocks, repairUnitBytes(file.facts), isSparse);
  const found = await prepareUnits({ file, unsafe, fileSizeBytes, blocks, room }, suspects, request);
  const refused = found.filter(({ state }) => state === 'holds-others');
  const units = refused.length === 0 ? found : found.filter(({ state }) => state !== 'holds-others');
  return { window: inFile, units, refused, fileSizeBytes };
}

/**
 * The file ends elsewhere now than for this batch, or others have stored into a unit, or it can be read by now. Throws
 * if the filesystem does not say.
 */
export async function hasChanged(
  context: RecoverContext, batch: Batch, window: readonly ByteRange[], room: ReadRoom,
): Promise<boolean> {
  const { file, unsafe } = context;
  const sizeBytes = await sizeOf(file, 'cannot repair', window);
  const end = rangeEnd((batch.units.at(-1) as RepairUnit).data);
  if (hasTail(batch) ? sizeBytes !== batch.fileSizeBytes : sizeBytes < end) return true;
  if (!(await isAsSalvaged(file, unsafe, batch.units))) return true;
  const unfinished: Intent[] = [];
  const pieces: ByteRange[] = [];
  for (const { data, readErrno } of batch.units) {
    const intent = unsafe.unfinishedAt(data.offset);
    if (intent !== undefined) unfinished.push(intent);
    else if (readErrno !== 0) pieces.push(data);
  }
  if ((await storedOver(context, unfinished)).length > 0) return true;
  if (pieces.length === 0) return false;
  const reads = await readEachOn(file, pieces, room.take(totalLength(pieces)));
  // An errno of the moment says nothing of the medium: the page may hold what others have written.
  const unanswered = reads.find(({ errno }) => errno !== 0 && !isMediaErrno(errno, file.facts));
  if (unanswered !== undefined) {
    const { path } = file.facts;
    throw systemError('cannot repair', { errno: unanswered.errno, syscall: 'pread' }, { path, ranges: pieces });
  }
  return reads.some(({ errno }) => errno === 0);
}
