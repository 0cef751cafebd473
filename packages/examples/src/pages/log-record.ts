/** The records of the store's log: batches of changes, and checkpoints. */
import type { Bytes } from './bytes.js';
import { bufferOf } from './bytes.js';
import type { Change } from './change.js';
import { shortBound } from './check-change.js';
import type { Checkpoint } from './checkpoint-record.js';
import { decodeCheckpoint } from './checkpoint-record.js';
import { BATCH_MARKER, ENTRY_HEADER_BYTES, KEY_BYTES_MAX } from './format.js';

export type { Change } from './change.js';

export type LogRecord =
  | { readonly type: 'batch'; readonly changes: readonly Change[] }
  | { readonly type: 'checkpoint'; readonly checkpoint: Checkpoint };

const KIND_PUT = 1;
const KIND_DELETE = 2;
/** Clears from a key to the end of all keys. Earlier versions wrote it for every range, with the range's end as value. */
const KIND_CLEAR_FROM = 3;
/** Clears from one key up to another, which may be empty. */
const KIND_CLEAR_BETWEEN = 4;
const BATCH_HEADER_BYTES = 8;

export function encodeBatch(changes: readonly Change[]): Buffer {
  let length = BATCH_HEADER_BYTES;
  for (const change of changes) {
    const [first, second] = partsOf(change);
    length += ENTRY_HEADER_BYTES + first.length + (second?.length ?? 0);
  }
  const record = Buffer.allocUnsafe(length);
  record.writeUInt32LE(BATCH_MARKER, 0);
  record.writeUInt32LE(changes.length, 4);
  let position = BATCH_HEADER_BYTES;
  for (const change of changes) {
    const [first, second] = partsOf(change);
    record.writeUInt16LE(kindOf(change), position);
    record.writeUInt16LE(first.length, position + 2);
    record.writeUInt32LE(second?.length ?? 0, position + 4);
    record.set(first, position + ENTRY_HEADER_BYTES);
    position += ENTRY_HEADER_BYTES + first.length;
    if (second === undefined) continue;
    record.set(second, position);
    position += second.length;
  }
  return record;
}

/**
 * Decodes a record; keys and values are views of `payload`. Throws if it is not a record of a store: then the log
 * belongs to something else.
 */
export function decodeRecord(payload: Uint8Array): LogRecord {
  const record = bufferOf(payload);
  if (record.length < BATCH_HEADER_BYTES) throw new TypeError(`a record of ${record.length} bytes is not one of a paged store`);
  if (record.readUInt32LE(0) === BATCH_MARKER) return { type: 'batch', changes: changesOf(record) };
  const checkpoint = decodeCheckpoint(record);
  if (checkpoint === undefined) throw new TypeError('the log holds a record that is not one of a paged store');
  return { type: 'checkpoint', checkpoint };
}

/**
 * Returns the changes of a batch, as views of its record. Throws TypeError if they are not what encodeBatch() writes.
 */
export function changesOf(record: Buffer): Change[] {
  const count = record.readUInt32LE(4);
  const changes: Change[] = [];
  let position = BATCH_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const keyStart = position + ENTRY_HEADER_BYTES;
    if (keyStart > record.length) throw new TypeError(`change ${i} of ${count} begins after the record's end`);
    const keyEnd = keyStart + record.readUInt16LE(position + 2);
    const end = keyEnd + record.readUInt32LE(position + 4);
    if (end > record.length) throw new TypeError(`change ${i} of ${count} ends after the record's end`);
    const kind = record.readUInt16LE(position);
    changes.push(changeOf(kind, record.subarray(keyStart, keyEnd), record.subarray(keyEnd, end)));
    position = end;
  }
  if (position !== record.length) throw new TypeError('the record holds more than its changes');
  return changes;
}

function changeOf(kind: number, key: Bytes, value: Bytes): Change {
  if (kind === KIND_CLEAR_BETWEEN) return { type: 'clear', from: shortBound(key), to: shortBound(value) };
  if (kind === KIND_CLEAR_FROM) {
    return { type: 'clear', from: shortBound(key), to: value.length > 0 ? shortBound(value) : undefined };
  }
  // It would not fit into a page.
  if (key.length > KEY_BYTES_MAX) throw new TypeError(`a key of ${key.length} bytes`);
  if (kind === KIND_PUT) return { type: 'put', key, value };
  if (kind === KIND_DELETE && value.length === 0) return { type: 'del', key };
  throw new TypeError(`a change of kind ${kind} with ${value.length} bytes of value`);
}

function kindOf(change: Change): number {
  if (change.type === 'clear') return change.to === undefined ? KIND_CLEAR_FROM : KIND_CLEAR_BETWEEN;
  return change.type === 'put' ? KIND_PUT : KIND_DELETE;
}

function partsOf(change: Change): readonly [Bytes, Bytes | undefined] {
  if (change.type === 'put') return [change.key, change.value];
  return change.type === 'del' ? [change.key, undefined] : [change.from, change.to];
}
