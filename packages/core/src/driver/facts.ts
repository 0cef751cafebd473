/** Facts that a driver finds out about a file when it opens it. */
import type { NvdimmBus } from './devices.js';

/** The way in which stores become durable: by CPU cache-line flush, or by msync of the pages. */
export type PersistMethod = 'cpu-flush' | 'msync';

/** Facts about an open file, as the driver found them out. Strategy is chosen in core. */
export interface FileFacts {
  /** Path with every symbolic link resolved; the journal lives beside it. */
  readonly path: string;
  readonly readOnly: boolean;
  /** True if this open() created the file (or found it with 0 bytes and gave it its size). */
  readonly created: boolean;
  /** Inode number, and birth time by statx (0n if the filesystem keeps none): they tie a journal to its file. */
  readonly inode: bigint;
  readonly birthTimeNs: bigint;
  /** Files keep their inode numbers from mount to mount. Used without births; default: NFS and tmpfs do. */
  readonly keepsInodes?: boolean | undefined;
  /**
   * Owner, group and permission bits of the file when it was opened. An owner or a group that the user namespace of
   * this process does not map is not known, and is -1.
   */
  readonly ownerId: number;
  readonly groupId: number;
  readonly mode: number;
  /** When the file's bytes were last changed before open(), in milliseconds since 1970, by the filesystem's clock. */
  readonly modifiedMs: number;
  /** When anything of the inode was last changed before open() (st_ctime). FAT and some of FUSE say modifiedMs. */
  readonly changedMs: number;
  /** When this boot of the machine began, by the same clock. 0: not known. */
  readonly bootedMs: number;
  /** Effective user of this process: who owns the files that it creates. */
  readonly userId: number;
  /** Changes with every boot of the machine; tells whether a process died or the machine did. Empty: not known. */
  readonly bootId: string;
  /** `MAJOR:MINOR` of the device the filesystem is on. */
  readonly device: string;
  /** `ext4`, `xfs`, `tmpfs` …, or the filesystem's magic number as `0x…`. */
  readonly filesystem: string;
  /**
   * A server answers for the medium (NFS, SMB, 9p, sshfs), and its client says EIO of a server that is away: so that is
   * no evidence of a media error. Default false.
   */
  readonly remote?: boolean | undefined;
  /** statx STATX_ATTR_DAX: loads and stores reach the media without the page cache. */
  readonly dax: boolean;
  /** The mapping was made with MAP_SYNC. */
  readonly mapSync: boolean;
  readonly persistMethod: PersistMethod;
  /** `clwb`, `clflushopt`, `clflush`, `dc cvap`, `msync`: the instruction or call that persist() uses. */
  readonly persistInstruction: string;
  readonly pageBytes: number;
  /** Filesystem block: the smallest range that can be repaired. */
  readonly blockBytes: number;
  /** `uname -r`. */
  readonly kernelRelease: string;
  /** The nvdimm bus under the file, if there is one: its `provider` and its `commands`. */
  readonly bus?: NvdimmBus | undefined;
}
