/** The context of every command, and the questions that several of them ask. */
import type { ByteRange, DeviceBadBlocks, DeviceDriver, DeviceFacts, Driver, CompleteFile } from '@safe-pmem/core';
import { alignOut, coalesce, PmemError } from '@safe-pmem/core';
import { clearAbility, openForLooking, systemError } from '@safe-pmem/core/tools';
import type { Output } from './output/output.js';
import type { Surroundings } from './surroundings.js';

export interface Context extends Surroundings {
  readonly output: Output;
}

const SECTOR_BYTES = 512;

/** Throws ERR_PMEM_NOT_SUPPORTED for a driver that knows no devices. */
export function devicesOf({ driver }: Context): DeviceDriver {
  if (driver.devices !== undefined) return driver.devices;
  throw new PmemError('ERR_PMEM_NOT_SUPPORTED', `the ${driver.name} driver cannot speak of devices`);
}

/** The device under `path`. Throws ERR_PMEM_NOT_FOUND and the like. */
export async function deviceUnder(context: Context, path: string): Promise<DeviceFacts> {
  const outcome = await devicesOf(context).ofPath(path);
  if ('failure' in outcome) throw systemError('cannot look at', outcome.failure, { path });
  return outcome.device;
}

/** Opens a file to look at it, and closes it when `use` has ended. */
export async function lookingAt<T>(path: string, driver: Driver, use: (file: CompleteFile) => Promise<T>): Promise<T> {
  const file = await openForLooking(path, driver);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/**
 * `sector 233`: the first that is listed within a range of the device, counted from the start of the disk as the
 * kernel does.
 */
export function firstSector(device: DeviceFacts, list: DeviceBadBlocks, within: ByteRange): number {
  const listed = list.supported
    ? list.ranges.find((range) => range.offset + range.length > within.offset)
    : undefined;
  const offset = Math.max(within.offset, listed?.offset ?? within.offset);
  return (device.startBytes + offset) / SECTOR_BYTES;
}

/** Whole blocks of a device that hold a listed sector. */
export function badBlocksOf(listed: readonly ByteRange[], blockBytes: number): ByteRange[] {
  return coalesce(listed.map((range) => alignOut(range, blockBytes)));
}

/** Describes the promise of a device, in the words of `check`. */
export function clearText(device: DeviceFacts): string {
  return `device can clear: ${clearAbility(device)}`;
}

/** Only ACPI's bus enters errors that programs meet into the list: elsewhere an empty list says less. */
export function listsConsumedErrors(device: DeviceFacts): boolean {
  return device.bus?.provider.startsWith('ACPI') === true;
}

/** One file's or command's failure, for people. */
export function reasonOf(error: unknown): string {
  if (error instanceof PmemError) {
    const hint = error.code === 'ERR_PMEM_ACCESS' ? ' (root may)' : '';
    return `${error.message}${hint}`;
  }
  return error instanceof Error ? error.message : String(error);
}
