/**
 * safe-pmem report: enters an error that was consumed into the kernel's list, on a bus that does not do it. Root
 * only.
 */
import { alignOut, formatRange, intersectAll, rangeEnd } from '@safe-pmem/core';
import { isMediaErrno, repairUnitBytes, systemError } from '@safe-pmem/core/tools';
import type { Context } from '../context.js';
import { deviceUnder, devicesOf, lookingAt } from '../context.js';
import { ExitStatus, UsageError } from '../exit-status.js';
import { nameText } from '../output/output.js';

const SECTOR_BYTES = 512;

export async function report(context: Context, path: string, position: number, yes: boolean): Promise<ExitStatus> {
  const { output, driver } = context;
  const device = await deviceUnder(context, path);
  const { range, where, errno, isBad, listed } = await lookingAt(path, driver, async (file) => {
    if (position >= file.mappedBytes)
      throw new UsageError(`the file has ${file.mappedBytes} bytes: there is nothing at ${position}`);
    const unit = alignOut({ offset: position, length: 1 }, repairUnitBytes(file.facts));
    const outcome = await file.extents(unit.offset, unit.length);
    if ('failure' in outcome) throw systemError('cannot find its place on the device', outcome.failure, { path });
    const extent = outcome.extents.find((one) => one.offset <= position && position < rangeEnd(one));
    if (extent === undefined || extent.unmapped)
      throw new UsageError(`byte ${position} has no place on the device: it is in a hole, or not written back`);
    const physical = { offset: extent.physicalOffset + (unit.offset - extent.offset), length: unit.length };
    // Off the mapping: the kernel is asked, and no poison is consumed.
    const transfer = await file.pread(
      new Uint8Array(Math.min(unit.length, file.mappedBytes - unit.offset)),
      unit.offset,
    );
    const list = await file.badBlocks();
    const isListed = list.supported && intersectAll(list.ranges, [physical]).length > 0;
    const { errno } = transfer;
    return { range: unit, where: physical, errno, isBad: isMediaErrno(errno, file.facts), listed: isListed };
  });
  const sector = (device.startBytes + where.offset) / SECTOR_BYTES;
  const last = sector + where.length / SECTOR_BYTES - 1;
  const text = `${nameText(path)} ${formatRange(range)} = ${device.name} sectors ${sector} to ${last}`;
  if (listed) {
    output.line(`${text}: listed already`);
    output.record('summary', {
      path,
      ...range,
      device: device.id,
      sector,
      status: 'damaged',
      changed: false,
      reason: 'listed already',
    });
    return ExitStatus.DAMAGED;
  }
  // Evidence before a verdict: a listed sector is kept from every program.
  if (!isBad) {
    output.line(
      `${text}: can be read (pread says ${errno === 0 ? 'so' : `errno ${errno}`}), so there is nothing to report`,
    );
    output.record('summary', {
      path,
      ...range,
      device: device.id,
      sector,
      status: 'healthy',
      changed: false,
      reason: 'can be read',
    });
    return ExitStatus.HEALTHY;
  }
  output.line(`${text}: cannot be read (errno ${errno}), and the kernel does not list it`);
  if (!yes) {
    output.line(
      'nothing was changed; with --yes the sectors are entered into the list, after which a repair can clear them',
    );
    output.record('plan', { path, ...range, device: device.id, sector, sectors: where.length / SECTOR_BYTES });
    return ExitStatus.DAMAGED;
  }
  const failure = await devicesOf(context).report(device.id, where);
  if (failure !== undefined)
    throw systemError(`cannot write the list of ${device.name}, which root may`, failure, { path });
  const after = await devicesOf(context).badBlocks(device.id);
  const isIn = after.supported && intersectAll(after.ranges, [where]).length > 0;
  output.line(isIn ? 'entered: safe-pmem repair can clear it now' : 'the kernel took it, and does not list it');
  output.record('summary', {
    path,
    ...range,
    device: device.id,
    sector,
    status: isIn ? 'healthy' : 'unknown',
    changed: isIn,
  });
  return isIn ? ExitStatus.HEALTHY : ExitStatus.UNKNOWN;
}
