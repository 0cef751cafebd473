/** Finds out which kind of device a path names, so that the error can say what to open instead. */
import path from 'node:path';
import type { SystemFailure } from '@safe-pmem/core';
import { deviceId } from './device-id.js';
import { realpath, stat } from './file-calls.js';

/** Undefined for what is no device, or cannot be looked at. */
export async function whatDevice(name: string, sysfsRoot = '/sys'): Promise<SystemFailure['device']> {
  try {
    const facts = await stat(name);
    if (facts.isBlockDevice()) return 'block';
    return facts.isCharacterDevice() ? await whatCharacterDevice(facts.rdev, sysfsRoot) : undefined;
  } catch {
    return undefined;
  }
}

/** `subsystem` of a device in sysfs links to its bus or class: both that device-dax has had are called `dax`. */
async function whatCharacterDevice(device: number, sysfsRoot: string): Promise<'device-dax' | 'character'> {
  const folder = path.join(sysfsRoot, 'dev', 'char', deviceId(BigInt(device)), 'subsystem');
  const subsystem = await realpath(folder).catch(() => '');
  return path.basename(subsystem) === 'dax' ? 'device-dax' : 'character';
}
