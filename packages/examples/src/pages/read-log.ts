/** Reads the log of a store: the checkpoint in force, the batches after it, and which records are lost. */
import type { LostRecords } from '../wal/index.js';
import type { Wal } from '../wal/index.js';
import type { Checkpoint } from './checkpoint-record.js';
import { PAGE_BYTES } from './format.js';
import type { Change, LogRecord } from './log-record.js';
import { decodeRecord } from './log-record.js';
import { PagesError } from './pages-error.js';
import { ringBytesOf } from './store-log.js';
import type { StoreOptions } from './store-options.js';

export interface LogContent {
  readonly checkpoint: Checkpoint | undefined;
  readonly batches: readonly { readonly sequence: number; readonly changes: readonly Change[] }[];
  readonly lost: readonly LostRecords[];
  /** An upper bound for what all of its records take. */
  readonly heldBytes: number;
  /** The part of `heldBytes` that records up to `covers` take: the pages contain them. */
  readonly coveredBytes: number;
}

export async function readLog(wal: Wal, path: string): Promise<LogContent> {
  const batches: { sequence: number; changes: readonly Change[] }[] = [];
  const lost: LostRecords[] = [];
  let checkpoint: Checkpoint | undefined;
  const held: { readonly last: number; readonly bytes: number }[] = [];
  for await (const item of wal.replay()) {
    if (item.type === 'lost') {
      lost.push(item);
      held.push({ last: item.last ?? Infinity, bytes: PAGE_BYTES * Math.max(1, item.damage.length) });
      continue;
    }
    held.push({ last: item.sequence, bytes: ringBytesOf(item.payload.length) });
    const record = recordOf(item.payload, path);
    if (record.type === 'checkpoint') checkpoint = record.checkpoint;
    else batches.push({ sequence: item.sequence, changes: record.changes });
  }
  if (wal.commitPointLost || (checkpoint === undefined && (lost.length > 0 || batches.length > 0))) {
    const what = 'the log has lost the record that names the pages in force: restore a file of the log from a copy';
    throw new PagesError('ERR_PAGES_LOG_LOST', path, what, causeOfLoss(lost));
  }
  const covered = held.filter(({ last }) => checkpoint !== undefined && last <= checkpoint.covers);
  return { checkpoint, batches, lost, heldBytes: totalOf(held), coveredBytes: totalOf(covered) };
}

function totalOf(records: readonly { readonly bytes: number }[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes, 0);
}

function recordOf(payload: Uint8Array, path: string): LogRecord {
  try {
    return decodeRecord(payload);
  } catch (error) {
    const what = 'the log holds records of something else than a store: pass the log of this store';
    throw new PagesError('ERR_PAGES_FOREIGN', path, what, error);
  }
}

/**
 * Throws if batches are lost: they may have changed any key, so no value may be called right unless the application
 * accepts that.
 */
export function requireBatches({ checkpoint, lost }: LogContent, options: StoreOptions, path: string): void {
  const missing = lost.filter(({ last }) => checkpoint !== undefined && (last === undefined || last > checkpoint.covers));
  const [first] = missing;
  if (first === undefined || options.acceptLostBatches === true) return;
  const numbers = missing.map(({ first: from, last }) => `${from} to ${last ?? 'the end'}`).join(', ');
  const what = `log records ${numbers} are lost, which may have changed any key: acceptLostBatches opens without them`;
  throw new PagesError('ERR_PAGES_BATCHES_LOST', path, what, causeOfLoss(missing));
}

function causeOfLoss(lost: readonly LostRecords[]): unknown {
  const damage = lost.flatMap((item) => item.damage);
  return (damage.find(({ reason }) => reason === 'media' || reason === 'lost') ?? damage[0])?.cause;
}
