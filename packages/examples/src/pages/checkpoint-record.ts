/** The record that a checkpoint writes into the log: which pages are in force, and which checkpoint wrote each of them. */
import { requireSafe } from './bytes.js';
import {
  AGELESS_CHECKPOINT_HEADER_BYTES,
  AGELESS_CHECKPOINT_MARKER,
  CHECKPOINT_HEADER_BYTES,
  CHECKPOINT_MARKER,
  GENERATION_MAX,
} from './format.js';
import { Bits } from './slot-map.js';

/** The slots from which, with the batches after `covers`, the store can be put together. */
export interface Checkpoint {
  readonly storeId: bigint;
  readonly generation: number;
  /** Sequence of the last batch that the pages contain. */
  readonly covers: number;
  readonly slotCount: number;
  readonly fileId: bigint;
  /** 0n if there is no mirror. */
  readonly mirrorId: bigint;
  /** One bit a slot: 1 if it is a leaf. */
  readonly leaves: Uint8Array;
  /** Of each leaf, in the order of their slots: which checkpoint wrote it. Undefined in records of earlier versions. */
  readonly leafGenerations: readonly number[] | undefined;
}

/** Encodes a checkpoint; without generations of its leaves as earlier versions did. */
export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  const { slotCount, generation, leaves, leafGenerations } = checkpoint;
  const bitBytes = Math.ceil(slotCount / 8);
  const ageBytes = ageBytesOf(generation);
  const headerBytes = leafGenerations === undefined ? AGELESS_CHECKPOINT_HEADER_BYTES : CHECKPOINT_HEADER_BYTES;
  const record = Buffer.alloc(headerBytes + bitBytes + (leafGenerations?.length ?? 0) * ageBytes);
  record.writeUInt32LE(leafGenerations === undefined ? AGELESS_CHECKPOINT_MARKER : CHECKPOINT_MARKER, 0);
  record.writeUInt32LE(slotCount, 4);
  record.writeBigUInt64LE(checkpoint.storeId, 8);
  record.writeBigUInt64LE(BigInt(generation), 16);
  record.writeBigUInt64LE(BigInt(checkpoint.covers), 24);
  record.writeBigUInt64LE(checkpoint.fileId, 32);
  record.writeBigUInt64LE(checkpoint.mirrorId, 40);
  record.set(leaves.subarray(0, bitBytes), headerBytes);
  if (leafGenerations === undefined) return record;
  record.writeUInt32LE(leafGenerations.length, 48);
  record.writeUInt32LE(ageBytes, 52);
  for (const [index, written] of leafGenerations.entries()) {
    record.writeUIntLE(generation - written, headerBytes + bitBytes + index * ageBytes, ageBytes);
  }
  return record;
}

/** The most bytes that the record of a checkpoint with so many slots and this number takes. */
export function checkpointBytesOf(slotCount: number, generation: number): number {
  return CHECKPOINT_HEADER_BYTES + Math.ceil(slotCount / 8) + slotCount * ageBytesOf(generation);
}

/**
 * Returns the checkpoint; undefined for a record of another kind. Throws TypeError for one that contradicts itself: the
 * record names the slots that count, so then none of it is believed.
 */
export function decodeCheckpoint(record: Buffer): Checkpoint | undefined {
  const marker = record.readUInt32LE(0);
  if (marker !== CHECKPOINT_MARKER && marker !== AGELESS_CHECKPOINT_MARKER) return undefined;
  const isAgeless = marker === AGELESS_CHECKPOINT_MARKER;
  const headerBytes = isAgeless ? AGELESS_CHECKPOINT_HEADER_BYTES : CHECKPOINT_HEADER_BYTES;
  if (record.length < headerBytes) throw new TypeError('a checkpoint that ends in its header');
  const slotCount = record.readUInt32LE(4);
  const agesStart = headerBytes + Math.ceil(slotCount / 8);
  if (agesStart > record.length) throw new TypeError(`a checkpoint of ${slotCount} slots that has no room for them`);
  const generation = requireSafe(record.readBigUInt64LE(16), 'generation');
  if (generation > GENERATION_MAX) throw new TypeError(`a checkpoint of number ${generation}`);
  const leaves = record.subarray(headerBytes, agesStart);
  const slots = [...new Bits(slotCount, leaves)];
  if (slots[0] === 0 || (slots.at(-1) ?? 0) >= slotCount) throw new TypeError('a checkpoint with a leaf in no slot');
  const leafGenerations = isAgeless ? undefined : generationsOf(record, agesStart, generation);
  if (leafGenerations !== undefined && leafGenerations.length !== slots.length) {
    throw new TypeError(`a checkpoint of ${slots.length} leaves with the ages of ${leafGenerations.length}`);
  }
  return {
    slotCount,
    storeId: record.readBigUInt64LE(8),
    generation,
    covers: requireSafe(record.readBigUInt64LE(24), 'covers'),
    fileId: record.readBigUInt64LE(32),
    mirrorId: record.readBigUInt64LE(40),
    leaves,
    leafGenerations,
  };
}

function generationsOf(record: Buffer, start: number, generation: number): number[] {
  const [count, ageBytes] = [record.readUInt32LE(48), record.readUInt32LE(52)];
  if (ageBytes < 1 || ageBytes > 6 || start + count * ageBytes !== record.length) {
    throw new TypeError(`a checkpoint whose ${count} ages of ${ageBytes} bytes do not fill it`);
  }
  return Array.from({ length: count }, (_, index) => {
    const age = record.readUIntLE(start + index * ageBytes, ageBytes);
    if (age >= generation) throw new TypeError(`a leaf that is ${age} checkpoints old at checkpoint ${generation}`);
    return generation - age;
  });
}

/** No page is older than the number of the checkpoint. */
function ageBytesOf(generation: number): number {
  let bytes = 1;
  while (generation >= 2 ** (8 * bytes)) bytes++;
  return bytes;
}
