/**
 * Reads from sysfs the bad blocks of the block device under a file, and the nvdimm bus above it. All of it is readable
 * without privilege.
 */
import path from 'node:path';
import type { ByteRange, DeviceBadBlocks, FileFacts } from '@safe-pmem/core';
import { coalesce, Errno, intersect } from '@safe-pmem/core';
import type { DeviceTable } from './binding.js';
import { translateLists, type TableOf } from './device-mapper.js';
import { readdir, readFile, realpath } from './file-calls.js';
import { SECTOR_BYTES } from './sector.js';

/**
 * A disk's list as text. `startBytes` and `lengthBytes` are those of the partition; `lengthBytes` is undefined for a
 * whole disk.
 */
export type ListFile =
  | {
      readonly supported: true;
      readonly file: string;
      readonly text: string;
      readonly startBytes: number;
      readonly lengthBytes: number | undefined;
    }
  | { readonly supported: false; readonly reason: string };

export type Bus = NonNullable<FileFacts['bus']>;

export interface BlockDeviceOptions {
  /** Default `/sys`. */
  readonly sysfsRoot?: string | undefined;
  readonly pageBytes?: number | undefined;
  /** Default: no table can be read. */
  readonly tableOf?: TableOf | undefined;
}

/** Page sizes of Linux. Without an open file the kernel's own is not known. */
const PAGES_BYTES: readonly number[] = [4096, 16_384, 65_536];

/** An attribute of sysfs is at most one page with its final NUL; a longer list is cut, also amid a number. */
function isCut(text: string, pageBytes: number | undefined): boolean {
  return pageBytes === undefined ? PAGES_BYTES.includes(text.length + 1) : text.length >= pageBytes - 1;
}

/** One device, named `MAJOR:MINOR` as stat(2) gives it. */
export class BlockDevice {
  readonly #device: string;
  readonly #sysfsRoot: string;
  readonly #pageBytes: number | undefined;
  readonly #tableOf: TableOf | undefined;

  constructor(device: string, { sysfsRoot = '/sys', pageBytes, tableOf }: BlockDeviceOptions = {}) {
    this.#device = device;
    this.#sysfsRoot = sysfsRoot;
    this.#pageBytes = pageBytes;
    this.#tableOf = tableOf;
  }

  /**
   * The kernel's bad-block list, in bytes from the start of this device: of the partition, if it is one, since FIEMAP's
   * physical offsets count from there. `supported: false` says why nothing can be known; it is never a statement about
   * the health of the device.
   *
   * Not covered: the realtime device of an XFS filesystem. Its files have extents on a device that stat does not name.
   */
  async badBlocks(): Promise<DeviceBadBlocks> {
    const list = await this.list();
    if (!list.supported) return (await this.#listBelow()) ?? list;
    const { file, text, startBytes, lengthBytes } = list;
    const disk = path.basename(path.dirname(file));
    if (isCut(text, this.#pageBytes)) {
      return unsupported(`the list of ${disk} is longer than sysfs can show`);
    }
    const listed = parseBadBlocks(text);
    if (listed === undefined) return unsupported(`the list of ${disk} is malformed`);
    if (lengthBytes === undefined) return { supported: true, ranges: coalesce(listed) };
    return { supported: true, ranges: withinPartition(listed, { offset: startBytes, length: lengthBytes }) };
  }

  /** The file that holds the list, and the place on its disk where this device begins. */
  async list(): Promise<ListFile> {
    if (this.#device.startsWith('0:')) return unsupported(anonymous(this.#device));
    try {
      const folder = await this.#folder();
      if (folder === undefined) return unsupported(`device ${this.#device} is not in ${this.#sysfsRoot}/dev/block`);
      const partition = await readIfPresent(path.join(folder, 'partition'));
      // The kernel keeps one list a disk, and gives the attribute to whole disks only (drivers/block and block/genhd.c;
      // a partition has `start` and `size`, in sectors of the disk). So the list is the parent folder's, the entries
      // count from the start of the disk, and those of other partitions are among them.
      const disk = partition === undefined ? folder : path.dirname(folder);
      const file = path.join(disk, 'badblocks');
      const text = await readIfPresent(file);
      if (text === undefined || text === '\n') return unsupported(await this.#whyNoList(disk));
      if (partition === undefined) return { supported: true, file, text, startBytes: 0, lengthBytes: undefined };
      const startBytes = parseSectors(await readIfPresent(path.join(folder, 'start')));
      const lengthBytes = parseSectors(await readIfPresent(path.join(folder, 'size')));
      if (startBytes === undefined || lengthBytes === undefined) {
        return unsupported(`start or size of partition ${path.basename(folder)} is missing or malformed`);
      }
      return { supported: true, file, text, startBytes, lengthBytes };
    } catch (error) {
      return unsupported(`sysfs could not be read: ${messageOf(error)}`);
    }
  }

  /** Its name in /dev; undefined if sysfs does not know the device. */
  async name(): Promise<string | undefined> {
    try {
      const folder = await this.#folder();
      return folder === undefined ? undefined : path.basename(folder);
    } catch {
      return undefined;
    }
  }

  /**
   * The nvdimm bus above the device, or above all devices that a device-mapper device lies on, if these have one bus in
   * common; undefined if there is none, or if sysfs does not say.
   */
  async bus(): Promise<Bus | undefined> {
    try {
      for (let folder = await this.#folder(); folder !== undefined; folder = parentOf(folder)) {
        if (/^ndbus\d+$/.test(path.basename(folder))) return await readBus(folder);
      }
      return commonBus(await Promise.all((await this.#below()).map((device) => device.bus())));
    } catch {
      return undefined;
    }
  }

  /**
   * Returns the bad blocks that the devices below a device-mapper device list, in bytes of this one. The kernel tells
   * only root which bytes these are; if none of them lists anything, there is nothing to translate. Undefined if sysfs
   * names none.
   */
  async #listBelow(): Promise<DeviceBadBlocks | undefined> {
    try {
      const below = await this.#below();
      const lists = new Map<string, readonly ByteRange[]>();
      for (const device of below) {
        const list = await device.badBlocks();
        if (!list.supported) return unsupported(`below the device-mapper device ${this.#device}, ${list.reason}`);
        lists.set(device.#device, list.ranges);
      }
      const [bad] = [...lists].find(([, ranges]) => ranges.length > 0) ?? [];
      if (bad === undefined) return below.length === 0 ? undefined : { supported: true, ranges: [] };
      const translated = translateLists(this.#table(), lists);
      if (!('reason' in translated)) return { supported: true, ranges: translated.ranges };
      const where = `below the device-mapper device ${this.#device}, ${bad} lists bad blocks, in other coordinates`;
      return unsupported(`${where}: ${translated.reason}`);
    } catch {
      return undefined;
    }
  }

  #table(): DeviceTable {
    const [major = 0, minor = 0] = this.#device.split(':').map(Number);
    return this.#tableOf?.(major, minor) ?? { failure: { errno: Errno.EACCES, syscall: 'open' } };
  }

  /** The devices that a device-mapper device lies on, as far as sysfs names them. None for others. */
  async #below(): Promise<BlockDevice[]> {
    const folder = await this.#folder();
    if (folder === undefined || (await readIfPresent(path.join(folder, 'dm', 'name'))) === undefined) return [];
    const slaves = path.join(folder, 'slaves');
    const names = await readdir(slaves).catch(() => []);
    const numbers = await Promise.all(names.map((name) => readFile(path.join(slaves, name, 'dev'), 'utf8')));
    const options = { sysfsRoot: this.#sysfsRoot, pageBytes: this.#pageBytes, tableOf: this.#tableOf };
    return numbers.map((number) => new BlockDevice(number.trim(), options));
  }

  async #folder(): Promise<string | undefined> {
    try {
      return await realpath(path.join(this.#sysfsRoot, 'dev', 'block', this.#device));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  async #whyNoList(disk: string): Promise<string> {
    const name = path.basename(disk);
    if ((await readIfPresent(path.join(disk, 'dm', 'name'))) !== undefined) {
      return `${name} is a device-mapper device: the lists are those of the devices below it, in other coordinates`;
    }
    return `${name} keeps no bad-block list`;
  }
}

/** btrfs, overlayfs, tmpfs and NFS have major number 0 and stand for no block device. */
function anonymous(device: string): string {
  return `device ${device} is anonymous: the filesystem is not on one block device of its own`;
}

function unsupported(reason: string): { readonly supported: false; readonly reason: string } {
  return { supported: false, reason };
}

/** Lines of `SECTOR COUNT`; undefined if any of them is anything else, or if the last is not ended. */
function parseBadBlocks(text: string): ByteRange[] | undefined {
  if (text === '') return [];
  if (!text.endsWith('\n')) return undefined;
  const ranges: ByteRange[] = [];
  for (const line of text.slice(0, -1).split('\n')) {
    const match = /^(\d+) (\d+)$/.exec(line);
    const offset = parseSectors(match?.[1]);
    const length = parseSectors(match?.[2]);
    if (offset === undefined || length === undefined || length === 0) return undefined;
    ranges.push({ offset, length });
  }
  return ranges;
}

/** A number of sectors, in bytes. */
function parseSectors(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+\n?$/.test(text)) return undefined;
  const bytes = Number(text) * SECTOR_BYTES;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function withinPartition(listed: readonly ByteRange[], partition: ByteRange): ByteRange[] {
  const inside = listed.map((range) => intersect(range, partition)).filter((range) => range !== undefined);
  return coalesce(inside.map((range) => ({ offset: range.offset - partition.offset, length: range.length })));
}

async function readBus(folder: string): Promise<Bus> {
  const [provider, commands] = await Promise.all([
    readFile(path.join(folder, 'provider'), 'utf8'),
    readFile(path.join(folder, 'commands'), 'utf8'),
  ]);
  return { provider: provider.trim(), commands: commands.split(/\s+/).filter((command) => command !== '') };
}

/** The bus that all of them hang on. */
function commonBus([first, ...others]: readonly (Bus | undefined)[]): Bus | undefined {
  return others.every((other) => JSON.stringify(other) === JSON.stringify(first)) ? first : undefined;
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function parentOf(folder: string): string | undefined {
  const parent = path.dirname(folder);
  return parent === folder ? undefined : parent;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
