/** Bringing records from the stream into a local log: at start-up, and on a second host all the time. */
import type { Wal } from '../wal/index.js';
import { isFrame, isLostFrame } from './frame.js';
import type { RecordStream } from './record-stream.js';
import { boundsOf } from './record-stream.js';
import { ReplicatedError } from './replicated-error.js';
import { becomeWriter } from './sole-writer.js';

/** Records fetched at a time. */
const CHUNK_RECORDS = 256;

/** Throws ERR_REPLICATED_DIVERGED if the last record that both still have is not the same in both. */
export async function requireSameHistory(wal: Wal, stream: RecordStream): Promise<void> {
  const { first, last } = await boundsOf(stream);
  const oldest = Math.max(first, wal.firstSequence ?? 1);
  let end = Math.min(last, wal.lastSequence ?? 0);
  // Most often the newest record will do. But many may be lost here, and each question takes its time.
  for (let count = 1; end >= oldest; end -= count, count = Math.min(CHUNK_RECORDS, 4 * count)) {
    const start = Math.max(oldest, end - count + 1);
    const theirs = await stream.fetch(start, end);
    const ours = await recordsOf(wal, start, end);
    for (let sequence = end; sequence >= start; sequence--) {
      const [here, there] = [ours.get(sequence), theirs.get(sequence)];
      if (here === undefined || there === undefined || isLostFrame(here) || isLostFrame(there)) continue;
      if (Buffer.compare(here, there) === 0) return;
      const what = `record ${sequence} of log and stream differs: another writer has stored it; go on from the stream`;
      throw new ReplicatedError('ERR_REPLICATED_DIVERGED', wal.path, what);
    }
  }
}

/** Those that the log can return. */
async function recordsOf(wal: Wal, first: number, last: number): Promise<ReadonlyMap<number, Uint8Array>> {
  const records = new Map<number, Uint8Array>();
  for await (const item of wal.replay({ from: first })) {
    if (item.type === 'lost' && (item.last ?? Infinity) < last) continue;
    if (item.type === 'lost' || item.sequence > last) break;
    records.set(item.sequence, item.payload);
  }
  return records;
}

/**
 * Appends and commits the records that the stream has after the last local one. Throws ERR_REPLICATED_GAP, and what
 * both throw.
 */
export async function copyFromStream(wal: Wal, stream: RecordStream): Promise<void> {
  const { last } = await boundsOf(stream);
  for (let first = wal.nextSequence ?? 1; first <= last; first = wal.nextSequence ?? 1) {
    await appendFrom(wal, stream, first, Math.min(last, first + CHUNK_RECORDS - 1));
    await wal.commitAsync();
  }
  // Those that were here already, if their commit has failed before.
  if ((wal.lastSequence ?? 0) < last) await wal.commitAsync();
}

async function appendFrom(wal: Wal, stream: RecordStream, first: number, last: number): Promise<void> {
  const records = await stream.fetch(first, last);
  for (let sequence = first; sequence < first + records.size; sequence++) {
    const bytes = records.get(sequence);
    if (bytes === undefined) break;
    if (!isFrame(bytes)) {
      const what = `record ${sequence} of the stream is not one of a replicated log: give this log its own stream`;
      throw new ReplicatedError('ERR_REPLICATED_FOREIGN', wal.path, what);
    }
    wal.append(bytes);
  }
  if (wal.nextSequence === first) {
    const what = `the stream does not have record ${first} any more: begin a new log with a later firstSequence`;
    throw new ReplicatedError('ERR_REPLICATED_GAP', wal.path, what);
  }
}

/**
 * Keeps a log on another host a copy of the stream, until the signal is given; then it resolves. No other writer may
 * append to that log: ERR_REPLICATED_LOCKED if a ReplicatedWal is open on it. To take over from the writer, stop this
 * and open a ReplicatedWal on the log.
 *
 * If the log is full it rejects with ERR_WAL_FULL: truncate the log as its checkpoints allow, and call it again.
 */
export async function followStream(wal: Wal, stream: RecordStream, signal: AbortSignal): Promise<void> {
  const release = becomeWriter(wal);
  try {
    await stream.ready(signal);
    await requireSameHistory(wal, stream);
    while (!signal.aborted) {
      await unlessAborted(signal, async () => {
        await stream.ready(signal);
        await copyFromStream(wal, stream);
        await stream.changed(wal.lastSequence ?? 0, signal);
      });
    }
  } finally {
    release();
  }
}

async function unlessAborted(signal: AbortSignal, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!signal.aborted && !isUnanswered(error)) throw error;
  }
}

/** The server was lost between two questions: the next ready() waits for it. */
function isUnanswered(error: unknown): boolean {
  return error instanceof ReplicatedError && error.code === 'ERR_REPLICATED_SERVER';
}
