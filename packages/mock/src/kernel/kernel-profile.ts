/**
 * Everything in which kernels, filesystems and devices differ, in one place. A profile is a kernel; `kernelRules` joins
 * it with a mount into the flat list of rules that the rest of the mock asks. Nothing else looks at a version.
 *
 * Values were measured on stock kernels with real fsdax (ext4 and XFS) under QEMU, and the recordings in traces/ replay on
 * the mock step by step. What no measurement backs is named in `unmeasured`: it follows from reading
 * the kernel's code paths, or is the least convenient legal choice.
 */
import { Errno } from '@safe-pmem/core';

/**
 * The kernels that can be simulated. `dax-zeroinit` is Linux 6.12 with the patches of e2e/real-pmem/zeroinit-kernel, which
 * do what a patch set of 2021 that was never merged set out to do.
 */
export type KernelName = '5.10' | '6.1' | '6.12' | '7.3' | 'dax-zeroinit';
export type FilesystemName = 'ext4' | 'xfs' | 'tmpfs';

/** The facts of a SIGBUS: si_code and si_addr_lsb. */
export interface SignalFacts {
  readonly signalCode: number;
  readonly granuleLog2: number;
}

/** ext4's s_extent_max_zeroout_kb is 32. */
const SMALL_EXTENT_BYTES = 32 * 1024;

/** BUS_ADRERR: past end of file, no space, or (before 6.12) a bad block: the signal alone cannot tell. */
const ADDRESS_ERROR: SignalFacts = { signalCode: 2, granuleLog2: 0 };
/** BUS_MCEERR_AR with the granule of a page. */
const MEMORY_ERROR: SignalFacts = { signalCode: 4, granuleLog2: 12 };

interface KernelProfile {
  /** `uname -r`. */
  readonly release: string;
  /** The signal of a load or store on a DAX page that the kernel knows to be bad. */
  readonly poisonSignal: SignalFacts;
  /** Linux 5.19+: a pwrite of whole pages clears them first. */
  readonly recoveryWrite: boolean;
  /** ZERO_RANGE clears the media at once, in place, on both filesystems. */
  readonly zeroRangeClears: boolean;
  /**
   * The way of ext4 with the rest of the end-of-file block when the file grows: leave it, or zero it, and then ignore
   * or report a failure. (When a file shrinks, all zero it, and those that report do so then, too.)
   */
  readonly ext4TailZeroing: 'never' | 'ignored' | 'reported';
  /** ext4 unmaps a file before every zero-range and punch, also before those that free no block. */
  readonly ext4UnmapsEarly: boolean;
  /** ext4 zeroes the parts of blocks at the edges of a zero-range before it converts the blocks between, not after. */
  readonly ext4ZeroesEdgesFirst: boolean;
  /** ext4's cache calls blocks that a write could not zero written, unless written neighbours absorb them. */
  readonly ext4CachesFailedConversion: boolean;
  /** XFS mounts with reflink and dax together. */
  readonly reflinkWithDax: boolean;
  /** A page whose error was met through 2 MiB stays out of the kernel's memory map after it was cleared. */
  readonly keepsHugePoison: boolean;
  /**
   * Rules of this profile that no measurement backs. Of no profile were measured: latent poison inside the kernel's own
   * copies, and poison on mounts without dax.
   */
  readonly unmeasured: readonly string[];
}

export const KERNEL_PROFILES: Readonly<Record<KernelName, KernelProfile>> = {
  '5.10': {
    release: '5.10.0-mock',
    poisonSignal: ADDRESS_ERROR,
    recoveryWrite: false,
    zeroRangeClears: false,
    ext4TailZeroing: 'never',
    ext4UnmapsEarly: false,
    ext4ZeroesEdgesFirst: false,
    ext4CachesFailedConversion: false,
    reflinkWithDax: false,
    keepsHugePoison: false,
    unmeasured: ['devices that cannot clear'],
  },
  '6.1': {
    release: '6.1.0-mock',
    poisonSignal: ADDRESS_ERROR,
    recoveryWrite: true,
    zeroRangeClears: false,
    ext4TailZeroing: 'never',
    ext4UnmapsEarly: false,
    ext4ZeroesEdgesFirst: false,
    ext4CachesFailedConversion: false,
    reflinkWithDax: true,
    keepsHugePoison: false,
    unmeasured: ['devices that cannot clear'],
  },
  '6.12': {
    release: '6.12.0-mock',
    poisonSignal: MEMORY_ERROR,
    recoveryWrite: true,
    zeroRangeClears: false,
    ext4TailZeroing: 'ignored',
    ext4UnmapsEarly: true,
    ext4ZeroesEdgesFirst: false,
    ext4CachesFailedConversion: false,
    reflinkWithDax: true,
    keepsHugePoison: false,
    unmeasured: [],
  },
  '7.3': {
    release: '7.3.0-mock',
    poisonSignal: MEMORY_ERROR,
    recoveryWrite: true,
    zeroRangeClears: false,
    ext4TailZeroing: 'reported',
    ext4UnmapsEarly: true,
    ext4ZeroesEdgesFirst: true,
    ext4CachesFailedConversion: true,
    reflinkWithDax: true,
    keepsHugePoison: true,
    unmeasured: ['growing a file whose truncation has failed half way'],
  },
  // Linux 6.12 with the patches of e2e/real-pmem/zeroinit-kernel.
  'dax-zeroinit': {
    release: '6.12.0-zeroinit-mock',
    poisonSignal: MEMORY_ERROR,
    recoveryWrite: true,
    zeroRangeClears: true,
    ext4TailZeroing: 'ignored',
    ext4UnmapsEarly: true,
    ext4ZeroesEdgesFirst: false,
    ext4CachesFailedConversion: false,
    reflinkWithDax: true,
    keepsHugePoison: false,
    unmeasured: [],
  },
};

/** A filesystem as it is mounted, and whether its device can clear poison. */
export interface Mount {
  readonly filesystem: FilesystemName;
  readonly dax: boolean;
  readonly clearable: boolean;
}

export interface KernelRules {
  readonly release: string;
  /** A load or store of a page that the kernel knows to be bad, in a mapping that does not hold the page yet. */
  readonly poisonSignal: SignalFacts;
  /** A load or store that meets poison the kernel did not know of: a machine check. */
  readonly machineCheckSignal: SignalFacts;
  /** Past end of file, no space, zeroing failed, filesystem shut down. */
  readonly otherSignal: SignalFacts;

  /** A bad page spoils a pread of its whole extent, or only what follows the page's start. */
  readonly readGrain: 'extent' | 'page';
  /** errno of a pread that starts at poison the kernel did not know of. */
  readonly latentReadErrno: number;
  /**
   * Effect of a pwrite to a bad page: `recovery` clears whole pages and refuses the rest with EFAULT; `refused` is EIO
   * for the whole extent; `whole-page` replaces whole pages and is EIO for the rest.
   */
  readonly poisonedWrite: 'recovery' | 'refused' | 'whole-page';

  /** FALLOC_FL_ZERO_RANGE of whole blocks. */
  readonly zeroRange: 'unwritten-in-place' | 'relocates' | 'clears-in-place' | 'unsupported';
  /** PUNCH_HOLE: XFS frees the whole blocks of a range before it zeroes the parts of blocks at its edges, ext4 after. */
  readonly punch: 'blocks-first' | 'edges-first';
  /** Zero-range zeroes the parts of blocks at its edges before it does anything to whole ones: if that fails, nothing has changed. */
  readonly zeroesEdgesFirst: boolean;
  /** As KernelProfile says. */
  readonly cachesFailedConversion: boolean;
  /** A block taken from the free pool turns out to be poison that cannot be cleared. */
  readonly failedAllocation: 'io-error' | 'shutdown';
  /** ftruncate to a size inside a bad block. `fails-but-shrinks` sets the size, and frees no block. */
  readonly shrinkIntoPoison: 'refused' | 'ignored' | 'fails-but-shrinks';
  /** ftruncate or pwrite beyond an end of file that lies inside a bad block, whose rest has to be zeroed for that. */
  readonly growFromPoison: 'refused' | 'allowed';
  /** ftruncate to a larger size zeroes the rest of the block that the file ended in. */
  readonly growZeroesTail: boolean;
  /**
   * Calls that first drop every page of the file from every mapping, on DAX: ftruncate always does, and of fallocate
   * every kind (`before-any`), zero-range and punch (`before-zeroing`), or these if they free or convert whole blocks.
   */
  readonly unmapsFile: 'before-any' | 'before-zeroing' | 'before-freeing' | 'never';
  /** A pwrite beyond the end of the file that fails leaves the size at its position minus its errno, if that is larger. */
  readonly failedAppendGrows: boolean;
  readonly reflink: boolean;
  /** UNSHARE_RANGE is there, also if nothing can be shared. */
  readonly unshare: boolean;
  /**
   * ext4 zeroes and converts an unwritten extent of at most so many blocks whole, whichever of them is written.
   * Undefined on other filesystems, and without DAX.
   */
  readonly smallExtentBlocks: number | undefined;
  /** A write into unwritten blocks goes on, as one, through the written ones after them that adjoin on the device. */
  readonly joinsNewExtents: boolean;
  /** Free blocks that no file can get: XFS refuses an allocation unless its extent tree could grow with it. */
  readonly spareBlocks: number;

  /** FIEMAP is there. */
  readonly fiemap: boolean;
  /** A load from a hole allocates a block, so that it can run out of space. */
  readonly loadAllocates: boolean;
  readonly badBlockList: boolean;
  /** As KernelProfile says. */
  readonly keepsHugePoison: boolean;
  /** The signal for an error met through 2 MiB names their first byte, not the bad one. */
  readonly hugeFaultNamesStart: boolean;
  /**
   * Poison is a property of the medium. If it is not (tmpfs), it is put into mappings, as UFFDIO_POISON does: loads and
   * stores meet it, system calls do not, and mapping the page again ends it.
   */
  readonly persistentMedium: boolean;
}

/** The rules of one kernel on one mount. */
export function kernelRules(kernel: KernelName, mount: Mount, blockBytes = 4096): KernelRules {
  const profile = KERNEL_PROFILES[kernel];
  const { filesystem, dax } = mount;
  const tmpfs = filesystem === 'tmpfs';
  return {
    release: profile.release,
    poisonSignal: dax ? profile.poisonSignal : ADDRESS_ERROR,
    machineCheckSignal: MEMORY_ERROR,
    otherSignal: ADDRESS_ERROR,
    readGrain: dax ? 'extent' : 'page',
    latentReadErrno: Errno.EIO,
    poisonedWrite: !dax ? 'whole-page' : profile.recoveryWrite ? 'recovery' : 'refused',
    zeroRange: tmpfs
      ? 'unsupported'
      : profile.zeroRangeClears
        ? 'clears-in-place'
        : filesystem === 'xfs'
          ? 'relocates'
          : 'unwritten-in-place',
    punch: filesystem === 'xfs' ? 'blocks-first' : 'edges-first',
    zeroesEdgesFirst: filesystem === 'ext4' && profile.ext4ZeroesEdgesFirst,
    cachesFailedConversion: filesystem === 'ext4' && profile.ext4CachesFailedConversion,
    failedAllocation: filesystem === 'xfs' ? 'shutdown' : 'io-error',
    shrinkIntoPoison: filesystem === 'ext4' ? (profile.ext4TailZeroing === 'reported' ? 'fails-but-shrinks' : 'ignored') : 'refused',
    growFromPoison: filesystem === 'ext4' && profile.ext4TailZeroing !== 'reported' ? 'allowed' : 'refused',
    growZeroesTail: filesystem !== 'ext4' || profile.ext4TailZeroing !== 'never',
    unmapsFile: !dax ? 'never' : filesystem === 'xfs' ? 'before-any' : profile.ext4UnmapsEarly ? 'before-zeroing' : 'before-freeing',
    failedAppendGrows: filesystem === 'ext4' && dax,
    reflink: filesystem === 'xfs' && (!dax || profile.reflinkWithDax),
    unshare: filesystem === 'xfs',
    smallExtentBlocks: filesystem === 'ext4' && dax ? Math.floor(SMALL_EXTENT_BYTES / blockBytes) : undefined,
    joinsNewExtents: filesystem === 'xfs' && dax,
    spareBlocks: filesystem === 'xfs' ? 4 : 0,
    fiemap: !tmpfs,
    loadAllocates: tmpfs,
    badBlockList: dax,
    keepsHugePoison: dax && profile.keepsHugePoison,
    hugeFaultNamesStart: filesystem === 'ext4',
    persistentMedium: !tmpfs,
  };
}
