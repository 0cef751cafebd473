import type { CompleteFile, CaughtFault, FileFacts, Probe } from '../src/index.js';

export const facts: FileFacts = {
  path: '/pmem/file',
  readOnly: false,
  created: false,
  inode: 7n,
  birthTimeNs: 1n,
  ownerId: 1000,
  groupId: 1000,
  mode: 0o600,
  modifiedMs: 0,
  changedMs: 0,
  bootedMs: 0,
  userId: 1000,
  bootId: 'boot',
  device: '259:0',
  filesystem: 'ext4',
  dax: true,
  mapSync: true,
  persistMethod: 'cpu-flush',
  persistInstruction: 'clwb',
  pageBytes: 4096,
  blockBytes: 4096,
  kernelRelease: '6.12.1',
  bus: { provider: 'e820', commands: [] },
};

export const healthyProbe: Probe = { fileSizeBytes: 1 << 20, readErrno: 0, writeErrno: 0, hole: false, freeBytes: 1 << 30 };

/** A CompleteFile that answers only what a test gives it; any other call fails the test. */
export function scriptedFile(answers: Partial<CompleteFile>): CompleteFile {
  const given: Partial<CompleteFile> = { facts, mappedBytes: 1 << 20, ...answers };
  return new Proxy(given, {
    get(target, name: keyof CompleteFile) {
      if (name in target) return target[name];
      throw new Error(`the test did not expect a call of ${name}`);
    },
  }) as CompleteFile;
}

/** A copy function over a set of bad pages that counts how often each was touched. */
export function badPages(pages: readonly number[], fault: Partial<CaughtFault> = {}): {
  readonly touched: number[];
  readonly copy: (piece: { readonly offset: number; readonly length: number }) => CaughtFault | undefined;
} {
  const touched: number[] = [];
  return {
    touched,
    copy: ({ offset, length }) => {
      const hit = pages.find((page) => page * 4096 < offset + length && (page + 1) * 4096 > offset);
      if (hit === undefined) return undefined;
      touched.push(hit);
      return { position: Math.max(hit * 4096, offset), signalCode: 4, granuleLog2: 12, ...fault };
    },
  };
}
