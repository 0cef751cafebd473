/**
 * Tells whether a filesystem in user space has inode numbers of its own. libfuse numbers files in the order in which
 * they are looked up if its daemon does not ask for anything else (sshfs, mergerfs, unionfs): after the next mount one
 * file has the number of another. The root is the first then, and has the number 1. Daemons that pass on the numbers of
 * another filesystem have another one there.
 */
import fs from 'node:fs';
import { deviceId } from './device-id.js';
import { readMounts, unescaped } from './mount-table.js';

interface Root {
  readonly device: string;
  readonly inode: bigint;
}

/** Undefined for a filesystem of the kernel, and if the root cannot be looked at. */
export function keepsInodes(
  filesystem: string, device: string, mounts: () => string = readMounts, lookAt: (place: string) => Root = look,
): boolean | undefined {
  if (filesystem !== 'fuse') return undefined;
  for (const place of rootsOf(mounts(), device)) {
    try {
      const root = lookAt(place);
      // Something else may be mounted over it.
      if (root.device === device) return root.inode !== 1n;
    } catch {
      // Another user's mount, or a process without permission to look there.
    }
  }
  return undefined;
}

/** Places at which the root of the filesystem is mounted. proc_pid_mountinfo(5). */
function rootsOf(mounts: string, device: string): string[] {
  return mounts.split('\n').flatMap((line) => {
    const [, , where, root, place] = line.split(' ', 5);
    return where === device && root === '/' && place !== undefined ? [unescaped(place)] : [];
  });
}

function look(place: string): Root {
  const { dev, ino } = fs.statSync(place, { bigint: true });
  return { device: deviceId(dev), inode: ino };
}
