/** Bad blocks of the devices below a device-mapper device, in bytes of that device. */
import type { ByteRange } from '@safe-pmem/core';
import { coalesce, errnoName, Errno, intersect } from '@safe-pmem/core';
import type { DeviceTable, TableTarget } from './binding.js';
import { SECTOR_BYTES } from './sector.js';

/** Asks the kernel for the table of a device-mapper device. Only root gets it. */
export type TableOf = (major: number, minor: number) => DeviceTable;

/** The bad blocks of each device below, named `MAJOR:MINOR`, in bytes of its own. */
export type ListsBelow = ReadonlyMap<string, readonly ByteRange[]>;

export type Translated = { readonly ranges: readonly ByteRange[] } | { readonly reason: string };

/**
 * Translates bad blocks of the devices below into bytes of a device of this table. Only `linear` targets allow that:
 * any other target that lies on a device with bad blocks makes the whole answer unknown. A device below may show up
 * more than once.
 */
export function translateLists(table: DeviceTable, lists: ListsBelow): Translated {
  if ('failure' in table) return { reason: whyNoTable(table.failure.errno) };
  const ranges: ByteRange[] = [];
  for (const target of table.targets) {
    const translated = translateTarget(target, lists);
    if ('reason' in translated) return translated;
    ranges.push(...translated.ranges);
  }
  return { ranges: coalesce(ranges) };
}

function translateTarget({ type, parameters, firstSector, sectors }: TableTarget, lists: ListsBelow): Translated {
  if (type !== 'linear') {
    const named = parameters.split(' ');
    const isHealthy = [...lists].every(([device, list]) => list.length === 0 || !named.includes(device));
    if (isHealthy) return { ranges: [] };
    return { reason: `its target ${type} is not one that safe-pmem can translate, only linear is` };
  }
  const [, device = '', start = ''] = /^(\d+:\d+) (\d+)$/.exec(parameters) ?? [];
  const list = lists.get(device);
  const offset = Number(start) * SECTOR_BYTES;
  if (list === undefined || !Number.isSafeInteger(offset)) {
    return { reason: `its target linear has the parameters '${parameters}'` };
  }
  const below = { offset, length: sectors * SECTOR_BYTES };
  const shift = firstSector * SECTOR_BYTES - offset;
  const within = list.map((bad) => intersect(bad, below)).filter((bad) => bad !== undefined);
  return { ranges: within.map((bad) => ({ offset: bad.offset + shift, length: bad.length })) };
}

function whyNoTable(errno: number): string {
  if (errno !== Errno.EACCES && errno !== Errno.EPERM) return `its table cannot be read: ${errnoName(errno)}`;
  return 'only root can ask which bytes these are here (dmsetup table)';
}
