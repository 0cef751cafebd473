/** Names of filesystems, by the f_type of statfs(2): include/uapi/linux/magic.h, and the filesystems' own sources. */
import { readFileSync } from 'node:fs';

const names = new Map<number, string>([
  // ext2, ext3 and ext4 share one number; a kernel that has DAX mounts all three with the ext4 code.
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x958458f6, 'hugetlbfs'],
  [0x9123683e, 'btrfs'],
  [0xf2f52010, 'f2fs'],
  [0x4d44, 'vfat'],
  [0x2011bab0, 'exfat'],
  [0x7366746e, 'ntfs3'],
  [0x794c7630, 'overlayfs'],
  [0x65735546, 'fuse'],
  [0x01021997, '9p'],
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'cifs'],
  [0x00c36400, 'ceph'],
  [0x5346414f, 'afs'],
  [0x786f4256, 'vboxsf'],
  [0x0bd00bd0, 'lustre'],
]);

/** Types of the table of mounts whose answers come from a server or from another process, and their names here. */
const remoteTypes = new Map<string, string>([
  ['nfs', 'nfs'],
  ['nfs4', 'nfs'],
  ['cifs', 'cifs'],
  ['smb3', 'cifs'],
  ['9p', '9p'],
  ['fuse', 'fuse'],
  ['fuseblk', 'fuse'],
  ['virtiofs', 'virtiofs'],
  ['ceph', 'ceph'],
  ['afs', 'afs'],
  ['vboxsf', 'vboxsf'],
  ['lustre', 'lustre'],
]);
const remoteNames = new Set(remoteTypes.values());

/** `ext4`, `xfs`, `tmpfs` …, or the number as `0x…` if it has no name here. */
export function filesystemName(magic: number): string {
  return names.get(magic) ?? `0x${magic.toString(16)}`;
}

export interface NamedFilesystem {
  /** As filesystemName() has it. */
  readonly name: string;
  /** A server or another process answers for the medium. */
  readonly remote: boolean;
}

/**
 * Names the filesystem of a file by the f_type of statfs(2) and the `MAJOR:MINOR` of the device. 9p answers statfs with
 * the f_type of the server's filesystem, and virtiofs with that of FUSE: so if the device is anonymous, the table of
 * mounts is asked first.
 */
export function nameFilesystem(magic: number, device: string, mounts: () => string = readMounts): NamedFilesystem {
  const mounted = device.startsWith('0:') ? remoteTypeIn(mounts(), device) : undefined;
  const name = mounted ?? filesystemName(magic);
  return { name, remote: remoteNames.has(name) };
}

/** The name of the remote filesystem that is mounted as `device`; undefined if none is. proc_pid_mountinfo(5). */
function remoteTypeIn(mounts: string, device: string): string | undefined {
  for (const line of mounts.split('\n')) {
    const [place, type] = line.split(' - ');
    if (place?.split(' ', 3)[2] !== device) continue;
    // `fuse.sshfs`: the part after the dot is the daemon's own name.
    return remoteTypes.get(type?.split(' ', 1)[0]?.split('.', 1)[0] ?? '');
  }
  return undefined;
}

function readMounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}
