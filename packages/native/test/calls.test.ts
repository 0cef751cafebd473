import { closeSync, openSync, readFileSync, statSync, truncateSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Errno } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { nativeDriver } from '../src/index.js';
import {
  filesystemOf, journalFile, openScratch, packageFolder, PAGE, PLACE, refusingFolder, request, scratchFolder,
} from './scratch.js';

const newFile = (): string => path.join(scratchFolder(), 'file');
const errno = (failure: { readonly errno: number } | undefined): number | undefined => failure?.errno;

describe('extents', () => {
  it('match the holes and the data of a file', async () => {
    const name = newFile();
    const fd = openSync(name, 'w');
    for (const page of [2, 3, 10]) writeSync(fd, Buffer.alloc(PAGE, 1), 0, PAGE, page * PAGE);
    closeSync(fd);
    truncateSync(name, 16 * PAGE);
    const file = await openScratch(name, { create: false });
    const outcome = await file.extents(0, 16 * PAGE);
    if (!('extents' in outcome)) throw new Error(`no FIEMAP on ${filesystemOf(packageFolder)}`);
    const pages = outcome.extents.flatMap(({ offset, length }) =>
      Array.from({ length: length / PAGE }, (_, i) => offset / PAGE + i));
    expect(pages).toEqual([2, 3, 10]);
    expect(outcome.extents.every(({ unwritten, shared, unmapped }) => !unwritten && !shared && !unmapped)).toBe(true);
    expect(await file.extents(4 * PAGE, 6 * PAGE)).toEqual({ extents: [] });
  });

  it('tell blocks that are allocated and unwritten', async () => {
    const file = await openScratch(newFile(), { sizeBytes: 4 * PAGE, preallocate: true });
    const outcome = await file.extents(0, 4 * PAGE);
    if (!('extents' in outcome)) throw new Error(`no FIEMAP on ${filesystemOf(packageFolder)}`);
    expect(outcome.extents.length).toBeGreaterThan(0);
    expect(outcome.extents.every(({ unwritten }) => unwritten)).toBe(true);
  });
});

describe('locks', () => {
  it('exclude a second open of the same file in the same process, and outlive a third one’s close', async () => {
    const name = newFile();
    const first = await openScratch(name, { sizeBytes: PAGE });
    const second = await openScratch(name);
    const third = await openScratch(name);
    expect(first.lock(0, 100)).toBeUndefined();
    expect(second.lock(99, 1)).toEqual({ errno: Errno.EAGAIN, syscall: 'fcntl' });
    expect(second.lock(100, 1)).toBeUndefined();
    await third.close();
    expect(errno(second.lock(0, 1))).toBe(Errno.EAGAIN);
    await first.close();
    expect(second.lock(0, 1)).toBeUndefined();
  });
});

describe('resize', () => {
  it('is seen by loads at once, up and down, and keeps what was stored', async () => {
    const name = newFile();
    const file = await openScratch(name, { sizeBytes: PAGE });
    file.write(Buffer.from('kept'), 10);
    expect(await file.resize(300 * PAGE, true)).toBeUndefined();
    expect(file.write(Buffer.from('new'), 299 * PAGE)).toBeUndefined();
    expect(await file.resize(100, false)).toBeUndefined();
    expect([file.mappedBytes, statSync(name).size]).toEqual([100, 100]);
    expect(readFileSync(name).subarray(10, 14).toString()).toBe('kept');
    expect(await file.resize(300 * PAGE, false)).toBeUndefined();
    const back = Buffer.alloc(3, 1);
    expect(file.read(back, 299 * PAGE)).toBeUndefined();
    expect(back).toEqual(Buffer.alloc(3));
  });

  it('that finds no space changes neither size nor mapping', async () => {
    const { folder, tooLargeBytes } = refusingFolder();
    const name = path.join(folder, 'file');
    const file = await openScratch(name, { sizeBytes: PAGE + 5 });
    expect(await file.resize(tooLargeBytes, true)).toEqual({ errno: Errno.ENOSPC, syscall: 'fallocate' });
    // More than any filesystem or address space holds.
    expect(await file.resize(2 ** 52, true)).toMatchObject({ syscall: 'mmap' });
    expect([file.mappedBytes, statSync(name).size]).toEqual([PAGE + 5, PAGE + 5]);
    expect(file.write(Buffer.from('still here'), 0)).toBeUndefined();
  });

  it('of many at once ends at the last, with loads and flushes in between', async () => {
    const name = newFile();
    const file = await openScratch(name, { sizeBytes: 64 * PAGE });
    for (let round = 0; round < 50; round++) {
      // Growth that allocates takes longer than what is asked for after it.
      const sizes = [64 * PAGE, 2000 * PAGE, (1 + round) * PAGE];
      const resizes = sizes.map((size) => file.resize(size, true));
      const flush = file.persistAsync(0, PAGE);
      // Either inside what is left of the file, or a fault: never a crash.
      const fault = file.read(new Uint8Array(1), file.mappedBytes - 1);
      expect(fault === undefined || fault.signalCode === 2).toBe(true);
      expect(await Promise.all([...resizes, flush])).toEqual([undefined, undefined, undefined, undefined]);
      expect([file.mappedBytes, statSync(name).size]).toEqual([sizes[2], sizes[2]]);
    }
  });
});

describe('close', () => {
  it('comes after everything that was called before it, resizes that wait included', async () => {
    const name = newFile();
    const file = await openScratch(name, { sizeBytes: PAGE });
    const ended: string[] = [];
    const note = <T>(what: string, promise: Promise<T>): Promise<T> => promise.finally(() => ended.push(what));
    const calls = [
      note('pwrite', file.pwrite(Buffer.alloc(PAGE, 3), 0)),
      note('sync', file.sync()),
      note('resize', file.resize(2 * PAGE, false)),
      note('resize again', file.resize(3 * PAGE, false)),
      note('journal', file.writeJournal(PLACE, journalFile(Buffer.from('journal')))),
      note('persist', file.persistAsync(0, PAGE)),
    ];
    const closing = note('close', file.close());
    expect(file.mappedBytes).toBe(0);
    expect(() => file.read(new Uint8Array(1), 0)).toThrow(expect.objectContaining({ code: 'ERR_PMEM_CLOSED' }));
    expect(file.persist(0, 1)).toMatchObject({ errno: Errno.EBADF });
    expect(await Promise.all(calls)).toEqual([{ transferredBytes: PAGE, errno: 0 }, ...Array<undefined>(5).fill(undefined)]);
    expect(await closing).toBeUndefined();
    expect(ended.at(-1)).toBe('close');
    expect(statSync(name).size).toBe(3 * PAGE);
  });

  it('leaves only EBADF', async () => {
    const file = await openScratch(newFile(), { sizeBytes: PAGE });
    expect(await file.close()).toBeUndefined();
    const closed = (syscall: string): unknown => ({ errno: Errno.EBADF, syscall });
    expect(await file.close()).toEqual(closed('close'));
    expect(file.persist(0, 1)).toEqual(closed('msync'));
    expect(await file.persistAsync(0, 1)).toEqual(closed('msync'));
    expect(await file.extents(0, 1)).toEqual({ failure: closed('ioctl') });
    expect(await file.readJournal(PLACE, 1)).toEqual({ status: 'failed', failure: closed('open') });
    expect(file.readJournalSync(PLACE, 1)).toEqual({ status: 'failed', failure: closed('open') });
    expect(await file.writeJournal(PLACE, journalFile(new Uint8Array(1)))).toEqual(closed('open'));
    expect(file.writeJournalSync(PLACE, journalFile(new Uint8Array(1)))).toEqual(closed('open'));
    expect(await file.removeJournal(PLACE)).toEqual(closed('unlink'));
    expect(file.unlock(0, 1)).toEqual(closed('fcntl'));
    expect(await file.truncate(1)).toEqual(closed('ftruncate'));
    expect(await file.badBlocks()).toMatchObject({ supported: false });
    expect(await file.fileSize()).toEqual({ failure: closed('fstat') });
    const none = new Uint8Array(0);
    for (const call of [() => file.read(none, 0), () => file.write(none, 0), () => file.probe(0, 1)]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_PMEM_CLOSED' }));
    }
  });

  it('frees the descriptor and the mapping', async () => {
    const name = newFile();
    const outcome = await nativeDriver().open(name, request({ sizeBytes: PAGE }));
    if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
    expect(readFileSync('/proc/self/maps', 'utf8')).toContain(name);
    await outcome.file.close();
    expect(readFileSync('/proc/self/maps', 'utf8')).not.toContain(name);
  });
});
