/** The one device of a simulated machine, as core's tools and watches see it. */
import {
  type ByteRange,
  type DeviceBadBlocks,
  type DeviceDriver,
  type DeviceOutcome,
  type DeviceSpaceOutcome,
  Errno,
  errnoName,
  type FileFacts,
  intersectAll,
  subtract,
  type SystemFailure,
  type WatchOutcome,
} from '@safe-pmem/core';
import { forEachBlock } from '../hardware/geometry.js';
import { type Machine, RESERVED_BLOCKS } from '../machine.js';
import type { OperationName } from './operation.js';
import type { Process } from '../kernel/process.js';

export const DEVICE_ID = '259:0';
const DEVICE_NAME = 'pmem0';

export class MockDevices implements DeviceDriver {
  readonly #machine: Machine;
  readonly #bus: FileFacts['bus'];
  readonly #process: Process;

  constructor(machine: Machine, bus: FileFacts['bus'], process: Process) {
    this.#machine = machine;
    this.#bus = bus;
    this.#process = process;
  }

  ofPath(path: string): Promise<DeviceOutcome> {
    return this.#later('fileSize', () => {
      const { filesystem } = this.#machine;
      const isThere = filesystem.find(path) !== undefined || filesystem.isDirectory(path) || path === '/';
      return isThere ? this.#describe() : { failure: { errno: Errno.ENOENT, syscall: 'stat' } };
    });
  }

  named(name: string): Promise<DeviceOutcome> {
    const isIt = name === DEVICE_ID || name === DEVICE_NAME || name === `/dev/${DEVICE_NAME}`;
    return this.#later('badBlocks', () =>
      isIt ? this.#describe() : { failure: { errno: Errno.ENOENT, syscall: 'open' } },
    );
  }

  badBlocks(id: string): Promise<DeviceBadBlocks> {
    return this.#later('badBlocks', (errno) => {
      const reason = errno === 0 ? this.#whyNoList(id) : `the list cannot be read: ${errnoName(errno)}`;
      if (reason !== undefined) return { supported: false, reason };
      return { supported: true, ranges: this.#machine.device.known.ranges() };
    });
  }

  watch(id: string, changed: () => void): Promise<WatchOutcome> {
    return this.#later('badBlocks', (errno) => {
      const reason = errno === 0 ? this.#whyNoList(id) : `the list cannot be watched: ${errnoName(errno)}`;
      if (reason !== undefined) return { supported: false, reason };
      return { supported: true, watch: { close: this.#machine.listWatches.add(this.#process, changed) } };
    });
  }

  report(id: string, { offset, length }: ByteRange): Promise<SystemFailure | undefined> {
    return this.#later('badBlocks', (errno) => {
      if (errno !== 0) return { errno, syscall: 'write' };
      if (this.#whyNoList(id) !== undefined) return { errno: Errno.EOPNOTSUPP, syscall: 'open' };
      const { device } = this.#machine;
      const { blockBytes, blockCount } = device.medium;
      if (offset + length > blockCount * blockBytes) return { errno: Errno.EINVAL, syscall: 'write' };
      forEachBlock(blockBytes, offset, length, (block, within, step) => {
        device.known.add(block, within, step);
      });
      return undefined;
    });
  }

  /** Every user of a simulated machine may ask. */
  spaceOf(_mountPoint: string, ranges: readonly ByteRange[]): Promise<DeviceSpaceOutcome> {
    return this.#later('badBlocks', (errno) => {
      if (errno !== 0) return { failure: { errno, syscall: 'ioctl' } };
      if (!this.#machine.rules.persistentMedium) return { failure: { errno: Errno.EOPNOTSUPP, syscall: 'ioctl' } };
      const free = intersectAll(this.#machine.filesystem.pool.ranges(), ranges);
      const own = intersectAll([{ offset: 0, length: RESERVED_BLOCKS * this.#machine.blockBytes }], ranges);
      const allocated = subtract(ranges, [...free, ...own]);
      const spaces = [
        ...free.map((range) => ({ ...range, use: 'free' as const })),
        ...own.map((range) => ({ ...range, use: 'filesystem' as const })),
        ...allocated.map((range) => ({ ...range, use: 'allocated' as const })),
      ];
      return { spaces: spaces.sort((a, b) => a.offset - b.offset) };
    });
  }

  #describe(): DeviceOutcome {
    return { device: { id: DEVICE_ID, name: DEVICE_NAME, startBytes: 0, mountPoints: ['/'], bus: this.#bus } };
  }

  #whyNoList(id: string): string | undefined {
    if (id !== DEVICE_ID) return `there is no device ${id}`;
    const { mount, rules } = this.#machine;
    return rules.badBlockList ? undefined : `${mount.filesystem} here is not on persistent memory`;
  }

  /** Announces the call as one of the operations that observers know. */
  #later<T>(name: OperationName, body: (errno: number) => T): Promise<T> {
    const machine = this.#machine;
    return machine.turns.wait({ process: this.#process, name, path: '', position: 0, length: 0 }, () => {
      const effect = machine.begin(name, '', 0, 0, this.#process);
      return body(effect !== undefined && 'errno' in effect ? effect.errno : 0);
    });
  }
}
