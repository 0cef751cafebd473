/** Block devices as sysfs and /proc show them to every user, for core's DeviceDriver. */
import path from 'node:path';
import type {
  ByteRange,
  DeviceBadBlocks,
  DeviceDriver,
  DeviceOutcome,
  DeviceSpaceOutcome,
  SystemFailure,
  WatchOutcome,
} from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';
import type { Binding } from './binding.js';
import { BlockDevice } from './block-device.js';
import { deviceId } from './device-id.js';
import type { TableOf } from './device-mapper.js';
import { watchFile } from './device-watch.js';
import { close, open, readFile, stat, write } from './file-calls.js';
import { unescaped } from './mount-table.js';
import { SECTOR_BYTES } from './sector.js';

/**
 * The places to look at, and the calls for that. The binding has `tableOf`; without it device-mapper devices with bad
 * blocks stay untranslated.
 */
export interface DeviceFolders {
  /** Default `/sys`. */
  readonly sysfsRoot?: string;
  /** Default `/proc/self/mountinfo`. */
  readonly mountInfo?: string;
  readonly pageBytes?: number;
  readonly tableOf?: TableOf;
  /** The addon's. Without it no filesystem is asked. */
  readonly spaceOf?: Binding['spaceOf'];
}

/** In the order of the addon's numbers. */
const USES = ['free', 'filesystem', 'allocated'] as const;

export class NativeDevices implements DeviceDriver {
  readonly #folders: DeviceFolders;

  constructor(folders: DeviceFolders = {}) {
    this.#folders = folders;
  }

  async ofPath(file: string): Promise<DeviceOutcome> {
    try {
      const { dev } = await stat(file, { bigint: true });
      return await this.#describe(deviceId(dev));
    } catch (error) {
      return { failure: failureOf(error, 'stat') };
    }
  }

  async named(name: string): Promise<DeviceOutcome> {
    if (/^\d+:\d+$/.test(name)) return this.#describe(name);
    const short = path.basename(name);
    if (short === '' || short === '.' || short === '..') return { failure: { errno: Errno.ENOENT, syscall: 'open' } };
    try {
      const id = await readFile(path.join(this.#sysfsRoot, 'class', 'block', short, 'dev'), 'latin1');
      return await this.#describe(id.trim());
    } catch (error) {
      return { failure: failureOf(error, 'open') };
    }
  }

  async badBlocks(id: string): Promise<DeviceBadBlocks> {
    return this.#device(id).badBlocks();
  }

  async watch(id: string, changed: () => void): Promise<WatchOutcome> {
    const list = await this.#device(id).list();
    if (!list.supported) return list;
    return watchFile(list.file, changed);
  }

  async report(id: string, { offset, length }: ByteRange): Promise<SystemFailure | undefined> {
    const list = await this.#device(id).list();
    if (!list.supported) return { errno: Errno.EOPNOTSUPP, syscall: 'open' };
    const first = Math.floor((list.startBytes + offset) / SECTOR_BYTES);
    const end = Math.ceil((list.startBytes + offset + length) / SECTOR_BYTES);
    try {
      const fd = await open(list.file, 'r+');
      try {
        await write(fd, `${first} ${end - first}\n`);
      } finally {
        await close(fd);
      }
      return undefined;
    } catch (error) {
      return failureOf(error, 'write');
    }
  }

  async spaceOf(mountPoint: string, ranges: readonly ByteRange[]): Promise<DeviceSpaceOutcome> {
    const { spaceOf } = this.#folders;
    if (spaceOf === undefined) return { failure: { errno: Errno.EOPNOTSUPP, syscall: 'ioctl' } };
    const pairs = Float64Array.from(ranges.flatMap(({ offset, length }) => [offset, length]));
    const outcome = await spaceOf(mountPoint, pairs);
    if ('failure' in outcome) return outcome;
    const { spaces } = outcome;
    return {
      spaces: Array.from({ length: spaces.length / 3 }, (_, i) => ({
        offset: spaces[3 * i] ?? 0,
        length: spaces[3 * i + 1] ?? 0,
        use: USES[spaces[3 * i + 2] ?? 0] ?? 'allocated',
      })),
    };
  }

  get #sysfsRoot(): string {
    return this.#folders.sysfsRoot ?? '/sys';
  }

  #device(id: string): BlockDevice {
    return new BlockDevice(id, this.#folders);
  }

  async #describe(id: string): Promise<DeviceOutcome> {
    const device = this.#device(id);
    const [name, list, bus, mountPoints] = await Promise.all([
      device.name(),
      device.list(),
      device.bus(),
      mountPointsOf(id, this.#folders.mountInfo ?? '/proc/self/mountinfo'),
    ]);
    const startBytes = list.supported ? list.startBytes : 0;
    return { device: { id, name: name ?? id, startBytes, mountPoints, bus } };
  }
}

/** Whole filesystems first, then directories of them that are mounted elsewhere. */
async function mountPointsOf(id: string, mountInfo: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(mountInfo, 'utf8');
  } catch {
    return [];
  }
  const whole: string[] = [];
  const parts: string[] = [];
  for (const line of text.split('\n')) {
    const [, , device, root, mountPoint] = line.split(' ');
    if (device !== id || root === undefined || mountPoint === undefined) continue;
    (root === '/' ? whole : parts).push(unescaped(mountPoint));
  }
  return [...new Set([...whole, ...parts])];
}

function failureOf(error: unknown, syscall: string): SystemFailure {
  const errno =
    error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? -error.errno : Errno.EIO;
  return { errno, syscall };
}
