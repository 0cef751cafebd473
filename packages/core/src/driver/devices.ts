/**
 * Answers of a driver about whole devices, all optional: for tools that look after files which they have not opened,
 * and for watch().
 */
import type { ByteRange } from '../ranges/byte-range.js';

/** A system call that failed. `errno` is Linux's number, `syscall` the name in section 2 of the manual. */
export interface SystemFailure {
  readonly errno: number;
  readonly syscall: string;
  /** Of an open() that fails with ENXIO: what has the name, if it is a device. */
  readonly device?: 'block' | 'device-dax' | 'character' | undefined;
}

/** The kernel's bad-block list of the device under a file, in bytes on the device that extents refer to. */
export type DeviceBadBlocks =
  | { readonly supported: true; readonly ranges: readonly ByteRange[] }
  | { readonly supported: false; readonly reason: string };

/** The bus of an nvdimm, as sysfs names it. */
export interface NvdimmBus {
  readonly provider: string;
  readonly commands: readonly string[];
}

/** A block device, or a partition of one. */
export interface DeviceFacts {
  /** `MAJOR:MINOR`, the same as `FileFacts.device` of the files on it. */
  readonly id: string;
  /** Its name in /dev, `pmem0`; `id` again if it has none. */
  readonly name: string;
  /** Bytes between the start of the disk, from which the kernel counts sectors, and the start of this device. */
  readonly startBytes: number;
  /** Places at which filesystems of this device are mounted, whole ones first. */
  readonly mountPoints: readonly string[];
  /** The nvdimm bus above it, if there is one. */
  readonly bus: NvdimmBus | undefined;
}

/** A device, or why it could not be found. */
export type DeviceOutcome = { readonly device: DeviceFacts } | { readonly failure: SystemFailure };

/** A part of a device, and its use by the filesystem. `allocated`: to files, or to what it does not tell from them. */
export interface DeviceSpace extends ByteRange {
  readonly use: 'free' | 'filesystem' | 'allocated';
}

export type DeviceSpaceOutcome =
  | { readonly spaces: readonly DeviceSpace[] }
  | { readonly failure: SystemFailure };

/** A watch of one device's list. */
export interface DeviceWatch {
  /** Ends it: `changed` is not called any more. A second call does nothing. */
  close(): void;
}

/** `supported: false` says why changes of the list would not be noticed. */
export type WatchOutcome =
  | { readonly supported: true; readonly watch: DeviceWatch }
  | { readonly supported: false; readonly reason: string };

/**
 * Devices by the `id` that `FileFacts.device` names. Optional in a driver; without it `PmemFile.watch()` throws
 * ERR_PMEM_NOT_SUPPORTED. No method opens, maps or touches a file.
 */
export interface DeviceDriver {
  /** The device that holds the filesystem at `path`. Follows symbolic links. */
  ofPath(path: string): Promise<DeviceOutcome>;
  /** The device called `pmem0`, `/dev/pmem0` or `259:0`. ENOENT if there is none. */
  named(name: string): Promise<DeviceOutcome>;
  /** The kernel's list, in bytes from the start of the device. */
  badBlocks(id: string): Promise<DeviceBadBlocks>;
  /**
   * Calls `changed` some time after each change of the list, once for several that come together. One watch of the
   * kernel serves any number of calls for a device, costs nothing while nothing happens, and keeps no process alive.
   */
  watch(id: string, changed: () => void): Promise<WatchOutcome>;
  /**
   * Enters bytes of the device, whole 512-byte sectors, into the kernel's list: for errors that were consumed on a bus
   * which does not list them itself. Needs root: EACCES without.
   */
  report(id: string, range: ByteRange): Promise<SystemFailure | undefined>;
  /**
   * Asks the filesystem that is mounted at `mountPoint` what these bytes of its device are (FS_IOC_GETFSMAP). Needs
   * root: EPERM without. Optional.
   */
  spaceOf?(mountPoint: string, ranges: readonly ByteRange[]): Promise<DeviceSpaceOutcome>;
}
