/** The contract on drivers that leave out what they may: core's own ways have to keep it as well. */
import type { CompleteFile, Driver, DriverFile } from '@safe-pmem/core';
import { completeFile, PmemFile } from '@safe-pmem/core';
import type { DriverSupport } from '@safe-pmem/core/contract';
import { driverContract } from '@safe-pmem/core/contract';
import { describe, expect, it } from 'vitest';
import { mockDriver } from '../src/index.js';

/** What a driver must do, of a file of the mock, and nothing else. */
function least(file: CompleteFile): DriverFile {
  return {
    facts: file.facts,
    get mappedBytes() { return file.mappedBytes; },
    read: (target, position) => file.read(target, position),
    write: (source, position) => file.write(source, position),
    persist: (position, length) => file.persist(position, length),
    probe: (position, length) => file.probe(position, length),
    pread: (target, position) => file.pread(target, position),
    pwrite: (source, position) => file.pwrite(source, position),
    sync: () => file.sync(),
    resize: (sizeBytes, preallocate) => file.resize(sizeBytes, preallocate),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    fileSizeSync: () => file.fileSizeSync(),
    readJournalSync: (place, limitBytes) => file.readJournalSync(place, limitBytes),
    writeJournalSync: (place, journal) => file.writeJournalSync(place, journal),
    removeJournalSync: (place) => file.removeJournalSync(place),
    names: () => file.names(),
    close: () => file.close(),
  };
}

/** What a driver of mapped memory adds in order to repair. */
function repairing(file: CompleteFile): DriverFile {
  return Object.assign(least(file), {
    lock: (position: number, length: number) => file.lock(position, length),
    unlock: (position: number, length: number) => file.unlock(position, length),
    remap: (position: number, length: number) => file.remap(position, length),
  });
}

const nothingMore: DriverSupport = {
  poison: 'none', recoveryWrite: false, repair: false, zeroRange: false, extents: false, badBlocks: false,
  views: false, locks: false, sparseFileBytes: 6 * 2 ** 30,
};

const repairs: DriverSupport = { ...nothingMore, poison: 'medium', recoveryWrite: true, repair: true, locks: true };

const drivers = [
  ['what it must', least, nothingMore],
  ['what it must, locks and remap', repairing, repairs],
] as const;

for (const [what, cut, supports] of drivers) {
  driverContract({
    describe,
    it,
    name: `a driver that does ${what}`,
    supports,
    machine: () => {
      const mock = mockDriver({ kernel: '6.12', filesystem: 'ext4', capacityBytes: 2 ** 34 });
      const driver: Driver = {
        name: 'least',
        async open(path, request) {
          const outcome = await mock.open(path, request);
          return 'file' in outcome ? { file: cut(outcome.file) } : outcome;
        },
      };
      return {
        driver,
        path: (name) => `/pmem/${name}`,
        makeDirectory: (name) => {
          mock.makeDirectory(`/pmem/${name}`);
          return `/pmem/${name}`;
        },
        poison: (file, range) => { mock.poison(file.facts.path, range); },
        truncate: (path, sizeBytes) => { mock.truncate(path, sizeBytes); },
        dispose: () => undefined,
      };
    },
  });
}

describe('a file that is completed', () => {
  it('keeps every method of its driver, and is the same object', async () => {
    const mock = mockDriver();
    const made = await PmemFile.open('/pmem/file', { driver: mock, create: true, size: 4096 });
    await made.close();
    const request = { readOnly: false, create: false, sizeBytes: undefined, preallocate: false };
    const outcome = await mock.open('/pmem/file', request);
    if ('failure' in outcome) throw new Error(outcome.failure.syscall);
    const { file } = outcome;
    expect(completeFile(file)).toBe(file);
    expect(Object.keys(file).filter((name) => typeof file[name as keyof CompleteFile] === 'function')).toEqual([]);
    const bare = least(file);
    const complete = completeFile(bare);
    expect(complete).toBe(bare);
    const added = Object.keys(Object.getOwnPropertyDescriptors(bare)).length;
    expect(Object.keys(Object.getOwnPropertyDescriptors(completeFile(complete))).length).toBe(added);
    await file.close();
  });

  it('has batches that tell their first problem, and pieces that each have a part of the bytes', async () => {
    const mock = mockDriver();
    const made = await PmemFile.open('/pmem/file', { driver: mock, create: true, size: 8192 });
    made.writeAndPersist(Uint8Array.of(1, 2, 3, 4), 4000);
    await made.close();
    const request = { readOnly: false, create: false, sizeBytes: undefined, preallocate: false };
    const outcome = await mock.open('/pmem/file', request);
    if ('failure' in outcome) throw new Error(outcome.failure.syscall);
    const problem = { errno: 5, syscall: 'msync' };
    const persist = (position: number): typeof problem | undefined => (position === 0 ? undefined : problem);
    const file = completeFile(Object.assign(least(outcome.file), { persist }));
    const ranges = [{ offset: 0, length: 1 }, { offset: 10, length: 1 }];
    expect(file.persistRanges(ranges)).toEqual(problem);
    const bytes = new Uint8Array(4);
    const pieces = [{ offset: 4002, length: 2 }, { offset: 4000, length: 2 }];
    expect((await file.readEach(pieces, bytes)).map(({ errno }) => errno)).toEqual([0, 0]);
    expect([...bytes]).toEqual([3, 4, 1, 2]);
    await outcome.file.close();
  });
});
