/** The guest as a machine that scenarios run on: the native driver on a real DAX filesystem. */
import { closeSync, existsSync, openSync, rmSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { ByteRange, Driver } from '@safe-pmem/core';
import type { Errno, ReplayMachine } from '../scenarios/replay-machine.js';
import { sectorBytes } from '../scenarios/file-steps.js';
import type { InjectorClient } from './injector-client.js';
import { xfsIo } from './xfs-io.js';

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

export function guestMachine(driver: Driver, directory: string, injector: InjectorClient): ReplayMachine {
  const fallocate = (command: string) => (file: string, range: ByteRange): Promise<Errno> =>
    Promise.resolve(xfsIo(file, `${command} ${range.offset} ${range.length}`));
  const copy = (command: string) => (file: string, target: string): Promise<Errno> => {
    const errno = xfsIo(target, `${command} ${file}`, ['-f']);
    // The program makes the target before it fails.
    if (errno !== 0 && existsSync(target)) unlinkSync(target);
    return Promise.resolve(errno);
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
    exhaust() {
      exhaust(directory);
      return Promise.resolve();
    },
  };
}

/** Files of ever smaller sizes, until not one block can be allocated. */
function exhaust(directory: string): void {
  const { bsize, bavail } = statfsSync(directory);
  let files = 0;
  for (let blocks = Math.max(bavail, 1); blocks >= 1; ) {
    const file = path.join(directory, `exhausted-${files++}`);
    const errno = xfsIo(file, `falloc 0 ${blocks * bsize}`, ['-f']);
    if (errno !== 0) {
      // The file itself may not have been possible any more.
      rmSync(file, { force: true });
      blocks = Math.floor(blocks / 4);
    }
  }
}
