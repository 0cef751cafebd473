/** safe-pmem who: the file that a sector of a device belongs to. */
import type { ByteRange, DeviceFacts, DeviceSpace } from '@safe-pmem/core';
import { PmemError } from '@safe-pmem/core';
import { systemError } from '@safe-pmem/core/tools';
import type { Context } from '../context.js';
import { devicesOf } from '../context.js';
import { ExitStatus, UsageError } from '../exit-status.js';
import { nameText } from '../output/output.js';
import { Progress } from '../output/progress.js';
import { counted } from '../units.js';
import { survey } from './survey.js';

const SECTOR_BYTES = 512;

export async function who(context: Context, name: string, sector: number): Promise<ExitStatus> {
  const { output, screen, now } = context;
  const device = await deviceNamed(context, name);
  const offset = sector * SECTOR_BYTES - device.startBytes;
  if (offset < 0) throw new UsageError(`sector ${sector} lies before the partition ${device.name}`);
  const [mountPoint] = device.mountPoints;
  if (mountPoint === undefined) {
    throw new PmemError(
      'ERR_PMEM_NOT_FOUND',
      `no filesystem of ${device.name} is mounted here, so no file of it has a name`,
    );
  }
  const total = context.tree.estimate(mountPoint, device.mountPoints);
  const progress = new Progress({ screen, now, total, verb: 'looked at', unit: (count) => counted(count, 'file') });
  let [files, owners, unreadable] = [0, 0, 0];
  for await (const answer of survey(context, mountPoint, [{ offset, length: SECTOR_BYTES }])) {
    progress.show(++files);
    if (answer.kind !== 'file') {
      if (answer.kind === 'unreadable') unreadable++;
      continue;
    }
    for (const block of answer.blocks) {
      progress.clear();
      owners++;
      // The block's own bytes: a sector costs all of it.
      const at = block.offset + (offset - block.physicalOffset);
      const shared = block.shared ? '   shared with another file' : '';
      output.line(`${nameText(answer.file.name)} +${at}${shared}`);
      output.record('owner', { path: answer.file.name, offset: at, device: device.id, sector, shared: block.shared });
    }
  }
  progress.clear();
  const use = owners === 0 ? await useOf(context, mountPoint, { offset, length: SECTOR_BYTES }) : undefined;
  if (owners === 0)
    output.line(
      `no file below ${nameText(mountPoint)} that could be looked at has sector ${sector} of ${device.name}: ` +
        USES[use ?? 'unknown'],
    );
  if (unreadable > 0)
    output.note(
      `${counted(unreadable, 'file or directory', 'files or directories')} could not be looked at: root may`,
    );
  output.record('summary', {
    device: device.id,
    sector,
    owners,
    files,
    notLookedAt: unreadable,
    ...(use === undefined ? {} : { use }),
    status: owners > 0 ? 'healthy' : 'unknown',
  });
  return owners > 0 ? ExitStatus.HEALTHY : ExitStatus.UNKNOWN;
}

const USES = {
  free: 'it is free space; the next file that gets it inherits its errors',
  filesystem: "it is the filesystem's own data",
  allocated: 'it belongs to a file that has no name any more, or to what the filesystem keeps beside its files',
  unknown: 'free space, or the filesystem\'s own; root is told which',
};

/** Asks the filesystem about the sector; undefined if it does not tell this user. */
async function useOf(
  context: Context, mountPoint: string, sector: ByteRange,
): Promise<DeviceSpace['use'] | undefined> {
  const outcome = await devicesOf(context).spaceOf?.(mountPoint, [sector]);
  return outcome === undefined || 'failure' in outcome ? undefined : outcome.spaces[0]?.use;
}

async function deviceNamed(context: Context, name: string): Promise<DeviceFacts> {
  const outcome = await devicesOf(context).named(name);
  if ('failure' in outcome) throw systemError('cannot find the device', outcome.failure, { path: name });
  return outcome.device;
}
