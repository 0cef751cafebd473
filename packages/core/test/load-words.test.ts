import { expect, it } from 'vitest';
import { loadWords } from '../src/access/load-words.js';
import { OpenState } from '../src/opening/open-state.js';
import { LoadsStores } from '../src/access/loads-stores.js';
import type { CompleteFile } from '../src/index.js';
import { facts, healthyProbe, scriptedFile } from './scripted-file.js';

/** Whatever runs this. */
const AS_ON_NODE_24 = { copyBytesMax: 4096, wordsBytesMax: 128 };
const LENGTHS = Array.from({ length: 128 }, (_, i) => i + 1);

/** Bytes that differ from their neighbours, none of them 0. */
function distinct(length: number): Buffer {
  return Buffer.from(new ArrayBuffer(length)).map((_, i) => 1 + (i % 251)) as Buffer;
}

interface Word {
  readonly start: number;
  readonly end: number;
}

/** A view of `bytes` that tells `loaded` of each word. */
function noting(bytes: Buffer, loaded: (word: Word) => void): DataView {
  const plain = new DataView(bytes.buffer);
  return Object.assign(new DataView(bytes.buffer), {
    getInt32(at: number, littleEndian?: boolean): number {
      loaded({ start: at, end: at + 4 });
      return plain.getInt32(at, littleEndian);
    },
    getBigInt64(at: number, littleEndian?: boolean): bigint {
      loaded({ start: at, end: at + 8 });
      return plain.getBigInt64(at, littleEndian);
    },
  });
}

it('loads any length from any place, no byte beside it, and the last one last: a cut would have come before', () => {
  const bytes = distinct(256);
  for (const length of LENGTHS) {
    for (const at of [0, 1, 2, 3, 7, 100, 256 - length]) {
      const words: Word[] = [];
      const data = noting(bytes, (word) => { words.push(word); });
      const what = `${length} at ${at}`;
      expect([...loadWords(bytes, data, at, length)], what).toEqual([...bytes.subarray(at, at + length)]);
      expect(words.every(({ start, end }) => start >= at && end <= at + length), what).toBe(true);
      expect(words.at(-1)?.end, what).toBe(length < 4 ? undefined : at + length);
    }
  }
});

it('loads eight bytes that may be stored at once by one load', () => {
  const bytes = distinct(256);
  for (let length = 8; length <= 128; length += 8) {
    const starts: number[] = [];
    loadWords(bytes, noting(bytes, ({ start }) => { starts.push(start); }), 40, length);
    expect(starts).toEqual(Array.from({ length: length / 8 }, (_, i) => 40 + 8 * i));
  }
});

function opened(answers: Partial<CompleteFile>): { file: LoadsStores; bytes: Buffer; faults: Int32Array } {
  const bytes = distinct(8192);
  const faults = new Int32Array(1);
  const window = { start: 0, bytes, data: new DataView(bytes.buffer), faults };
  const file = new LoadsStores(new OpenState(scriptedFile({
    facts: { ...facts, readOnly: false },
    mappedBytes: 8192,
    memoryWindow: () => window,
    read: (target, position) => {
      Uint8Array.prototype.set.call(target, bytes.subarray(position, position + target.length));
      return undefined;
    },
    write: () => undefined,
    probe: () => healthyProbe,
    fileSizeSync: () => ({ sizeBytes: 8192 }),
    ...answers,
  })), AS_ON_NODE_24);
  file.write(new Uint8Array(1).fill(1), 0);
  return { file, bytes, faults };
}

/** Lengths on both sides of the longest that is loaded as words. */
const READS = [1, 3, 4, 5, 8, 15, 16, 63, 64, 65, 127, 128, 129, 200];

it('reads through the window into arrays of any class, and into nothing beside them', () => {
  const { file, bytes } = opened({});
  class Own extends Uint8Array {
    override set(): void {
      throw new Error('not this one');
    }
  }
  const around = new Uint8Array(300).fill(9);
  for (const length of READS) {
    const targets = [
      Buffer.alloc(length),
      new Own(length),
      new Uint8Array(new SharedArrayBuffer(length)),
      around.subarray(50, 50 + length),
      new Uint8Array(new ArrayBuffer(length, { maxByteLength: 2 * length })),
    ];
    for (const target of targets) {
      file.read(target, 4090);
      expect([...target]).toEqual([...bytes.subarray(4090, 4090 + length)]);
    }
    expect([...around.subarray(0, 50), ...around.subarray(50 + length)].every((byte) => byte === 9)).toBe(true);
    around.fill(9);
  }
});

it('reads into memory that overlaps the bytes read', () => {
  const { file, bytes } = opened({});
  const before = Buffer.from(bytes.subarray(100, 164));
  file.read(bytes.subarray(101, 165), 100);
  expect([...bytes.subarray(101, 165)]).toEqual([...before]);
});

it.each(READS)('believes no read of %i bytes that met a fault, and asks the driver again', (length) => {
  const positions: number[] = [];
  const { file, faults } = opened({
    takeFault: () => {
      faults[0] = 0;
      return { position: 5000, signalCode: 2, granuleLog2: 12 };
    },
    read: (target, position) => {
      positions.push(position);
      target.fill(77);
      return undefined;
    },
  });
  faults[0] = 1;
  const target = new Uint8Array(length);
  file.read(target, 5000);
  expect([...target]).toEqual(Array<number>(length).fill(77));
  expect(positions.length).toBeGreaterThan(0);
});

it.each(READS)('does not take the zeros of a cut for the end of %i bytes', (length) => {
  const { file, bytes } = opened({ fileSizeSync: () => ({ sizeBytes: 6000 }) });
  bytes.fill(0, 6000);
  file.read(new Uint8Array(length), 6000 - length);
  const cut = expect.objectContaining({ code: 'ERR_PMEM_TRUNCATED' }) as Error;
  expect(() => { file.read(new Uint8Array(length), 6001 - length); }).toThrow(cut);
  expect(() => { file.read(new Uint8Array(length), 6000); }).toThrow(cut);
});
