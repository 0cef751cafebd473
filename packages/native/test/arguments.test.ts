import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Errno } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { journalFile, openScratch, PAGE, PLACE, scratchFolder } from './scratch.js';

const newFile = (): string => path.join(scratchFolder(), 'file');

describe('far positions', () => {
  it('reads and writes at the last byte of 5 GiB and around 4 GiB, as the file system sees it', async () => {
    const name = newFile();
    const sizeBytes = 5 * 1024 ** 3 + 3;
    const file = await openScratch(name, { sizeBytes });
    for (const position of [0, 2 ** 31 - 2, 2 ** 32 - 2, sizeBytes - 4]) {
      const bytes = Buffer.from(`at ${position % 10}`);
      expect(file.write(bytes.subarray(0, 4), position)).toBeUndefined();
      const back = new Uint8Array(4);
      expect(file.read(back, position)).toBeUndefined();
      expect(Buffer.from(back)).toEqual(bytes.subarray(0, 4));
      const through = new Uint8Array(4);
      expect(await file.pread(through, position)).toEqual({ transferredBytes: 4, errno: 0 });
      expect(through).toEqual(back);
    }
    expect(() => file.read(new Uint8Array(5), sizeBytes - 4)).toThrow(RangeError);
    truncateSync(name, 2 ** 32 + PAGE);
    expect(file.read(new Uint8Array(8), 2 ** 32 + 5 * PAGE)).toEqual({
      position: 2 ** 32 + 5 * PAGE,
      signalCode: 2,
      granuleLog2: 0,
    });
    expect(statSync(name).blocks * 512).toBeLessThan(2 ** 20);
  });
});

describe('arguments', () => {
  it('takes a Uint8Array over an ArrayBuffer or SharedArrayBuffer and nothing else', async () => {
    const file = await openScratch(newFile(), { sizeBytes: PAGE });
    const wrong = [undefined, null, 5, 'text', {}, [1, 2], new ArrayBuffer(4), new Uint16Array(2), new Int8Array(4),
      new Uint8ClampedArray(4), new DataView(new ArrayBuffer(4))] as unknown as Uint8Array[];
    for (const bytes of wrong) {
      expect(() => file.read(bytes, 0)).toThrow(TypeError);
      expect(() => file.write(bytes, 0)).toThrow(TypeError);
      expect(() => file.writeJournalSync(PLACE, journalFile(bytes))).toThrow(TypeError);
      await expect(file.pread(bytes, 0)).rejects.toThrow(TypeError);
      await expect(file.pwrite(bytes, 0)).rejects.toThrow(TypeError);
      await expect(file.rewrite([], bytes)).rejects.toThrow(TypeError);
      await expect(file.writeJournal(PLACE, journalFile(bytes))).rejects.toThrow(TypeError);
    }
    expect(file.write(new Uint8Array(new SharedArrayBuffer(8)).fill(7), 0)).toBeUndefined();
    const shared = new Uint8Array(new SharedArrayBuffer(8));
    expect(await file.pread(shared, 0)).toEqual({ transferredBytes: 8, errno: 0 });
    expect([...shared]).toEqual(Array<number>(8).fill(7));
  });

  it('does not touch a detached array', async () => {
    const file = await openScratch(newFile(), { sizeBytes: PAGE });
    const detached = new Uint8Array(16);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(() => file.read(detached, 0)).toThrow(TypeError);
    expect(() => file.write(detached, 0)).toThrow(TypeError);
    await expect(file.pread(detached, 0)).rejects.toThrow(TypeError);
  });

  it('does not write into an array that is detached while a pread is under way', async () => {
    const file = await openScratch(newFile(), { sizeBytes: PAGE });
    const target = new Uint8Array(PAGE);
    const reading = file.pread(target, 0);
    const moved = structuredClone(target.buffer, { transfer: [target.buffer] });
    await expect(reading).rejects.toThrow(TypeError);
    expect(moved.byteLength).toBe(PAGE);
  });

  it('takes of rewrite() only pieces whose bytes are there', async () => {
    const name = newFile();
    const file = await openScratch(name, { sizeBytes: PAGE });
    const piece = { reset: undefined, position: 0, sourceOffset: 4, length: 4 };
    const changes = [
      { length: 5 }, { sourceOffset: 5 }, { sourceOffset: 9, length: 0 }, { sourceOffset: -1 }, { length: -4 },
      { position: 0.5 }, { sourceOffset: 2 ** 52 }, { length: 2 ** 60 }, { reset: { offset: -1, length: 1 } },
    ];
    const wrong = changes.map((change) => [{ ...piece, ...change }]);
    for (const pieces of [...wrong, [piece, { ...piece, length: 5 }]]) {
      const rewriting = file.rewrite(pieces, new Uint8Array(8).fill(1));
      await expect(rewriting, JSON.stringify(pieces)).rejects.toThrow(RangeError);
    }
    expect(readFileSync(name).every((byte) => byte === 0)).toBe(true);
    expect(await file.rewrite([], new Uint8Array(0))).toEqual([]);
  });

  it('writes what the array held when rewrite was called', async () => {
    const name = newFile();
    const file = await openScratch(name, { sizeBytes: PAGE });
    const source = new Uint8Array(PAGE).fill(1);
    const writing = file.rewrite([{ reset: undefined, position: 0, sourceOffset: 0, length: PAGE }], source);
    source.fill(2);
    expect(await writing).toEqual([{ syscall: 'pwrite', transferredBytes: PAGE, errno: 0 }]);
    expect(readFileSync(name).every((byte) => byte === 1)).toBe(true);
  });

  it('writes what the array held when pwrite was called', async () => {
    const name = newFile();
    const file = await openScratch(name, { sizeBytes: PAGE });
    const source = new Uint8Array(PAGE).fill(1);
    const writing = file.pwrite(source, 0);
    source.fill(2);
    expect(await writing).toEqual({ transferredBytes: PAGE, errno: 0 });
    expect(readFileSync(name).every((byte) => byte === 1)).toBe(true);
  });

  it('checks every position and length by itself', async () => {
    const file = await openScratch(newFile(), { sizeBytes: PAGE });
    for (const position of [-1, 0.5, Number.NaN, Infinity, 2 ** 53, 2 ** 64]) {
      expect(() => file.persist(position, 1)).toThrow(RangeError);
      expect(() => file.persist(0, position)).toThrow(RangeError);
      expect(() => file.probe(position, 1)).toThrow(RangeError);
      expect(() => file.remap(position, PAGE)).toThrow(RangeError);
      await expect(file.persistAsync(position, 1)).rejects.toThrow(RangeError);
      await expect(file.zeroRange(position, 1)).rejects.toThrow(RangeError);
      await expect(file.resize(position, false)).rejects.toThrow(RangeError);
      await expect(file.truncate(position)).rejects.toThrow(RangeError);
      await expect(file.extents(position, 1)).rejects.toThrow(RangeError);
    }
    // Positions whose sum with the length wraps in 64 bits of two's complement, or is inexact in a double.
    expect(() => file.read(new Uint8Array(PAGE), 2 ** 53 - 1)).toThrow(RangeError);
    expect(() => file.persist(PAGE, 1)).toThrow(RangeError);
    expect(() => file.persist(1, 2 ** 53 - 1)).toThrow(RangeError);
    expect(() => file.remap(100, PAGE)).toThrow(RangeError);
    expect(() => file.remap(0, 2 * PAGE)).toThrow(RangeError);
    expect(() => file.lock(0, 0)).toThrow(RangeError);
    expect(() => file.read(new Uint8Array(1), '0' as unknown as number)).toThrow(TypeError);
  });

  it('copies nothing for an empty array, inside the file', async () => {
    const file = await openScratch(newFile());
    expect(file.read(new Uint8Array(0), 0)).toBeUndefined();
    expect(() => file.read(new Uint8Array(0), 1)).toThrow(RangeError);
    expect(() => file.read(new Uint8Array(1), 0)).toThrow(RangeError);
  });

  it('refuses stores to a file that is open for reading', async () => {
    const name = newFile();
    writeFileSync(name, 'content');
    const file = await openScratch(name, { readOnly: true });
    expect(() => file.write(new Uint8Array(1), 0)).toThrow(expect.objectContaining({ code: 'ERR_PMEM_READ_ONLY' }));
    expect((await file.pwrite(new Uint8Array(1), 0)).errno).toBe(Errno.EBADF);
    expect(file.lock(0, 1)?.errno).toBe(Errno.EBADF);
    expect(readFileSync(name, 'utf8')).toBe('content');
  });
});
