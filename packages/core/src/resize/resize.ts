/** resize(): under the repair lock, refuses cuts through bad blocks, changes the size, and clips the journal. */
import { refreshKnown } from '../rescue/refresh-known.js';
import { ownOptions, requireBoolean, requireInteger } from '../arguments.js';
import { PmemError } from '../errors/errors.js';
import { publishFailure } from '../errors/events.js';
import { systemError } from '../errors/system-error.js';
import type { OpenState } from '../opening/open-state.js';
import { clipJournal } from '../repair/clip-journal.js';
import { sizeOf } from '../repair/file-size.js';
import type { Journal } from '../repair/journal/journal.js';
import { journalError } from '../repair/journal/journal-errors.js';
import { refusedCuts } from './cuts.js';

export interface ResizeOptions {
  /** Allocate blocks for what is new now. Default false. */
  readonly preallocate?: boolean;
  /** Cut off bad blocks even if nothing will clear them for their next owner. Default false. */
  readonly allowRelease?: boolean;
}

/** The repairs and resizes of the file, which run one after the other. */
export interface ResizeQueue {
  readonly isBusy: boolean;
  resize(run: () => Promise<void>): Promise<void>;
}

/** See PmemFile.resize(). */
export async function resizeFile(
  state: OpenState, queue: ResizeQueue, size: number, options: ResizeOptions,
): Promise<void> {
  state.assertOpen();
  requireInteger('size', size);
  const own = ownOptions(options, ['preallocate', 'allowRelease']);
  requireBoolean('preallocate', own.preallocate);
  requireBoolean('allowRelease', own.allowRelease);
  state.assertWritable();
  const message = 'cannot resize while a repair runs';
  if (queue.isBusy) throw new PmemError('ERR_PMEM_LOCKED', message, { path: state.path });
  await queue.resize(() => resizeAlone(state, size, own));
}

async function resizeAlone(state: OpenState, size: number, own: ResizeOptions): Promise<void> {
  const { journal } = state;
  state.assertOpen();
  if (!(await holdsJournal(journal))) {
    await refuseBadCuts(state, size, own);
    await resizeTo(state, size, own);
    return;
  }
  try {
    if (journal.isCopied) throw journalError(journal, { errno: 0, syscall: 'rename' });
    await refuseBadCuts(state, size, own);
    await forgetCutOff(state, size);
    await resizeTo(state, size, own);
    await forgetCutOff(state, Infinity);
  } finally {
    journal.release();
  }
  state.assertOpen();
  await refreshKnown(state.file, state.unsafe, state.wholeFile());
}

/** Takes the repair lock. False if the filesystem has none and the file has no journal that two could disagree on. */
async function holdsJournal(journal: Journal): Promise<boolean> {
  try {
    await journal.acquire('cannot resize');
    return true;
  } catch (error) {
    const hasNoLocks = error instanceof PmemError && error.code === 'ERR_PMEM_NOT_SUPPORTED';
    if (!hasNoLocks || (await journal.look()).status !== 'none') throw error;
    return false;
  }
}

/**
 * Clips the journal to what the file has, if that is less than `newSizeBytes`. What is mapped here says nothing: others
 * may have made the file longer or shorter. Before it grows, so that the bytes that it gets are no loss: between this
 * question and the change of the size nothing keeps others out.
 */
async function forgetCutOff({ file, unsafe, journal }: OpenState, newSizeBytes: number): Promise<void> {
  const { intents, lost } = journal.content;
  if (intents.length + lost.length === 0) return;
  const sizeBytes = await sizeOf(file, 'cannot resize');
  if (sizeBytes < newSizeBytes) await clipJournal({ file, unsafe, journal }, sizeBytes);
}

async function resizeTo(state: OpenState, size: number, { preallocate = false }: ResizeOptions): Promise<void> {
  const { file, unsafe, path } = state;
  state.assertOpen();
  const failure = await state.whileResizing(size, () => file.resize(size, preallocate));
  if (failure !== undefined) {
    throw publishFailure(path, systemError(`cannot resize to ${size} bytes`, failure, { path }));
  }
  unsafe.clip(state.sizeBytes);
}

/** Throws for bad pages that an end falls into, and for bad blocks that the next owner must not get. */
async function refuseBadCuts(
  state: OpenState, newSizeBytes: number, { allowRelease = false }: ResizeOptions,
): Promise<void> {
  const { file, unsafe, faultPath } = state;
  state.assertOpen();
  const answer = await refreshKnown(file, unsafe, state.wholeFile());
  const { sizeBytes } = state;
  const bad = [...unsafe.knownBadWithin(state.wholeFile()), ...(answer.supported ? answer.blocks : [])];
  const { known, found } = await refusedCuts(file, { sizeBytes, newSizeBytes, bad, allowRelease });
  if (found.length > 0) throw faultPath.mediaError('resize', 'errno', [...known, ...found]);
  if (known.length > 0) throw faultPath.mediaError('resize', 'known', known);
}
