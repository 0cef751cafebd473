/** Names of filesystems, by the f_type of statfs(2): include/uapi/linux/magic.h, and the filesystems' own sources. */
import { readMounts } from './mount-table.js';

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
  [0x6b414653, 'afs'],
  [0x786f4256, 'vboxsf'],
  [0x0bd00bd0, 'lustre'],
]);

/** Types of the table of mounts whose number from statfs(2) is that of another filesystem. */
const mountTypes = new Set(['9p', 'virtiofs']);
/** Names of those whose client says EIO of a server that is away. */
const remoteNames = new Set(['nfs', 'cifs', '9p', 'ceph', 'afs', 'vboxsf', 'lustre']);
/**
 * Daemons of FUSE that are such clients, as `fuse.sshfs` in the table of mounts. Any other daemon is believed: an EIO
 * is what it says of the bytes that were asked for, and if it is away, the kernel says ENOTCONN.
 */
const remoteDaemons = new Set([
  'sshfs', 's3fs', 's3ql', 'goofys', 'gcsfuse', 'rclone', 'blobfuse', 'blobfuse2', 'mount-s3', 'glusterfs', 'ceph-fuse',
  'juicefs', 'seaweedfs', 'davfs', 'curlftpfs', 'smbnetfs', 'gvfsd-fuse', 'cvmfs2', 'moosefs', 'beegfs', 'hdfs',
]);

/** `ext4`, `xfs`, `tmpfs` …, or the number as `0x…` if it has no name here. */
export function filesystemName(magic: number): string {
  return names.get(magic) ?? `0x${magic.toString(16)}`;
}

export interface NamedFilesystem {
  /** As filesystemName() has it. */
  readonly name: string;
  /** Its client says EIO of a server that is away. */
  readonly remote: boolean;
}

/**
 * Names the filesystem of a file by the f_type of statfs(2) and the `MAJOR:MINOR` of the device. 9p answers statfs with
 * the f_type of the server's filesystem, and virtiofs with that of FUSE: so if the device is anonymous, the table of
 * mounts is asked first.
 */
export function nameFilesystem(magic: number, device: string, mounts: () => string = readMounts): NamedFilesystem {
  const type = device.startsWith('0:') ? mountTypeIn(mounts(), device) : undefined;
  const [kind = '', daemon = ''] = type?.split('.', 2) ?? [];
  const name = mountTypes.has(kind) ? kind : filesystemName(magic);
  return { name, remote: remoteNames.has(name) || (kind === 'fuse' && remoteDaemons.has(daemon)) };
}

/** The type of the filesystem that is mounted as `device`; undefined if none is. proc_pid_mountinfo(5). */
function mountTypeIn(mounts: string, device: string): string | undefined {
  for (const line of mounts.split('\n')) {
    const [place, type] = line.split(' - ');
    if (place?.split(' ', 3)[2] === device) return type?.split(' ', 1)[0];
  }
  return undefined;
}
