/** Names for the f_type of statfs(2); the numbers are those of the kernel's include/uapi/linux/magic.h. */
const names = new Map<number, string>([
  // ext2, ext3 and ext4 share one number; a kernel that has DAX mounts all three with the ext4 code.
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x958458f6, 'hugetlbfs'],
  [0x9123683e, 'btrfs'],
  [0xf2f52010, 'f2fs'],
  [0x794c7630, 'overlayfs'],
  [0x65735546, 'fuse'],
  [0x01021997, '9p'],
  [0x6969, 'nfs'],
]);

/** `ext4`, `xfs`, `tmpfs` …, or the number as `0x…` if it has no name here. */
export function filesystemName(magic: number): string {
  return names.get(magic) ?? `0x${magic.toString(16)}`;
}
