/** The guest as a machine that scenarios run on: the native driver on a real DAX filesystem. */
import { closeSync, existsSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { ByteRange, CompleteFile, Driver } from '@safe-pmem/core';
import type { Errno, ReplayMachine } from '../scenarios/replay-machine.js';
import { sectorBytes } from '../scenarios/file-steps.js';
import type { InjectorClient } from './injector-client.js';
import type { MappingCalls } from './mapping-calls.js';
import type { XfsIo } from './xfs-io.js';

/** Runs a call of Node's file system; its errno, 0 for success. */
function errnoOf(body: () => void): Errno {
  try {
    body();
    return 0;
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).errno;
    if (errno === undefined) throw cause;
    return -errno;
  }
}

/** What does to the guest's files what the job itself cannot. */
export interface GuestHelpers {
  readonly injector: InjectorClient;
  readonly xfsIo: XfsIo;
  readonly mappingCalls: MappingCalls;
}

export function guestMachine(driver: Driver<CompleteFile>, directory: string, { injector, xfsIo, mappingCalls }: GuestHelpers): ReplayMachine {
  const fallocate = (command: string) => (file: string, range: ByteRange): Promise<Errno> =>
    xfsIo.run(file, `${command} ${range.offset} ${range.length}`);
  const copy = (command: string) => async (file: string, target: string): Promise<Errno> => {
    const errno = await xfsIo.run(target, `${command} ${file}`, ['-f']);
    // The program makes the target before it fails.
    if (errno !== 0 && existsSync(target)) unlinkSync(target);
    return errno;
  };
  return {
    driver,
    directory,
    inject: (deviceRange) => injector.inject(deviceRange.offset / sectorBytes, deviceRange.length / sectorBytes),
    punch: fallocate('fpunch'),
    allocate: fallocate('falloc'),
    unshare: fallocate('funshare'),
    reflink: copy('reflink'),
    copyRange: copy('copy_range'),
    call: (call, file, range) => mappingCalls.run(call, file, range),
    unlink: (file) => Promise.resolve(errnoOf(() => { unlinkSync(file); })),
    foreignWrite(file, bytes, offset) {
      const descriptor = openSync(file, 'r+');
      let transferredBytes = 0;
      const errno = errnoOf(() => {
        transferredBytes = writeSync(descriptor, bytes, 0, bytes.byteLength, offset);
      });
      closeSync(descriptor);
      return Promise.resolve({ transferredBytes, errno });
    },
    exhaust: () => exhaust(directory, xfsIo),
  };
}

/**
 * Allocates files of ever smaller sizes, then writes single pages, until neither finds a block: filesystems keep more
 * in reserve for the one than for the other. No file is deleted meanwhile, as XFS frees its blocks some time later.
 */
export async function exhaust(directory: string, xfsIo: XfsIo): Promise<void> {
  const { bsize, bavail } = statfsSync(directory);
  // Opened while there is still room for an inode.
  const descriptor = openSync(path.join(directory, 'exhausted-pages'), 'w');
  try {
    let files = 0;
    for (let blocks = bavail; blocks >= 1; ) {
      const errno = await xfsIo.run(path.join(directory, `exhausted-${files}`), `falloc 0 ${blocks * bsize}`, ['-f']);
      if (errno === 0) files++;
      else blocks = Math.floor(blocks / 4);
    }
    const page = new Uint8Array(bsize);
    for (let offset = 0; errnoOf(() => { writeSync(descriptor, page, 0, bsize, offset); }) === 0; ) offset += bsize;
  } finally {
    closeSync(descriptor);
  }
}
