/** The simulated machine of @safe-pmem/mock as a machine that scenarios run on. */
import type { ByteRange, CompleteFile } from '@safe-pmem/core';
import { mockDriver, MockSystemError, type MockDriver, type MockOptions } from '@safe-pmem/mock';
import type { LayoutFollower } from './layout-follower.js';
import type { Errno, ReplayMachine } from '../scenarios/replay-machine.js';
import { ownCall } from './own-calls.js';

const directory = '/mnt/pmem';

/** Runs a set-up call of the mock; its errno, 0 for success. */
function errnoOf(body: () => void): Promise<Errno> {
  try {
    body();
    return Promise.resolve(0);
  } catch (cause) {
    if (!(cause instanceof MockSystemError)) throw cause;
    return Promise.resolve(cause.errno);
  }
}

/** A program without a mapping: it opens the file, does one thing and closes it again. */
async function briefly<T>(driver: MockDriver, path: string, body: (file: CompleteFile) => Promise<T>): Promise<T | Errno> {
  const opened = await driver.open(path, { readOnly: false, create: false, sizeBytes: undefined, preallocate: false });
  if ('failure' in opened) return opened.failure.errno;
  try {
    return await body(opened.file);
  } finally {
    await opened.file.close();
  }
}

export interface MockMachineSetup {
  /** Bytes of the device that are bad from the start. */
  readonly poison?: readonly ByteRange[];
  readonly originBlock?: number | undefined;
  /** Whose allocations to repeat. */
  readonly follower?: LayoutFollower;
}

/** A new machine with an empty filesystem. */
export function mockMachine(options: MockOptions, setup: MockMachineSetup = {}): ReplayMachine {
  const { follower } = setup;
  const driver: MockDriver = mockDriver(follower === undefined ? options : { ...options, placement: (request) => follower.place(request, driver) });
  for (const range of setup.poison ?? []) driver.poisonPhysical(range);
  return {
    driver,
    directory,
    originBlock: setup.originBlock,
    earlierPoison: setup.poison,
    beforeStep: (index) => { follower?.beforeStep(index); },
    inject(deviceRange) {
      driver.poisonPhysical(deviceRange);
      return Promise.resolve();
    },
    punch: (path, { offset, length }) => errnoOf(() => { driver.punch(path, { offset, length }); }),
    allocate: (path, { offset, length }) => errnoOf(() => { driver.preallocate(path, { offset, length }); }),
    unshare: (path, { offset, length }) => errnoOf(() => { driver.unshare(path, { offset, length }); }),
    reflink: (path, target) => errnoOf(() => { driver.reflink(path, target); }),
    copyRange: (path, target) => errnoOf(() => { driver.copyRange(path, target); }),
    async call(call, path, range) {
      const done = await briefly(driver, path, (file) => ownCall(file, options.kernel ?? '6.12', call, range));
      return typeof done === 'number' ? { errno: done, value: 0 } : done;
    },
    unlink: (path) => errnoOf(() => { driver.unlink(path); }),
    async foreignWrite(path, bytes, offset) {
      const done = await briefly(driver, path, (file) => file.pwrite(bytes, offset));
      return typeof done === 'number' ? { transferredBytes: 0, errno: done } : done;
    },
    exhaust() {
      driver.exhaust();
      return Promise.resolve();
    },
  };
}
