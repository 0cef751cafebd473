import type { FileFacts, PersistMethod } from '../driver/driver.js';
import type { HugePages } from './huge-pages.js';

/** Says whether the device can clear poison: `unknown` if no nvdimm bus says. Read before anything is touched. */
export type ClearAbility = 'yes' | 'no' | 'unknown';

/** Says whether the bus of the device reports consumed errors to the kernel's list: `unknown` if no bus says. */
export type ListingAbility = 'yes' | 'no' | 'unknown';

/**
 * What FALLOC_FL_ZERO_RANGE does to a block with a media error.
 *
 * - `in-place`: the block stays with the file, and so does the error, until the next write (ext4).
 * - `relocates`: the file gets another block, and the poisoned one goes to free space (XFS).
 * - `clears-in-place`: it clears the error at once and keeps the block. A repair on this device has seen that happen,
 *   in this process: no released kernel does it, see docs/concepts/repair.md.
 * - `unknown`: not measured on this filesystem.
 */
export type ZeroRangeBehaviour = 'in-place' | 'relocates' | 'clears-in-place' | 'unknown';

/** Facts about an open file and the machine under it. */
export interface FileInfo {
  readonly path: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly filesystem: string;
  /** Loads and stores reach the media directly. False: an ordinary file in the page cache. */
  readonly dax: boolean;
  /** The way of persist(): a cache-line flush from user space, or msync(2), which blocks. */
  readonly persistMethod: PersistMethod;
  readonly persistInstruction: string;
  /** Smallest aligned range that repair() replaces. */
  readonly repairUnitBytes: number;
  readonly canClear: ClearAbility;
  /**
   * Errors that an access has consumed get on the kernel's list of bad blocks. If this is not `yes`, badBlocks() may
   * say `none` of a file that has bad pages: scrub() asks pread, which tells of them from Linux 5.19 on.
   */
  readonly listsConsumedErrors: ListingAbility;
  /** A whole-page write clears poison in place (Linux 5.19). On files without DAX it rewrites the block. */
  readonly recoveryWrite: boolean;
  /** What FALLOC_FL_ZERO_RANGE does to a block with a media error, as far as that is known. */
  readonly zeroRange: ZeroRangeBehaviour;
  /** The mapping of this open file: `avoid` if each page has an entry of its own, `allow` if the kernel decides. */
  readonly hugePages: HugePages;
  readonly kernelRelease: string;
}

/** Knowledge of an open file beyond its driver's facts. */
export interface FileState {
  readonly sizeBytes: number;
  readonly zeroRange: ZeroRangeBehaviour;
  readonly hugePages: HugePages;
}

/** Smallest range that both the filesystem and the MMU can replace. */
export function repairUnitBytes(facts: FileFacts): number {
  return Math.max(facts.blockBytes, facts.pageBytes);
}

/** `provider` of the buses without a command set: the kernel takes a clear for done (nvdimm_clear_poison()). */
const BUSES_WITHOUT_COMMANDS: readonly string[] = ['e820', 'virtio-pmem'];
/** `provider` of the bus that drivers/cxl registers. Its commands are those of single devices; none of them clears. */
const CXL_BUS = 'CXL';

/**
 * Legacy e820 devices and virtio-pmem always clear, an ACPI NVDIMM only with the Clear Uncorrectable Error command, and
 * CXL never: its bus answers the kernel's question for the range to clear with ENOTTY.
 */
export function clearAbility({ bus }: Pick<FileFacts, 'bus'>): ClearAbility {
  if (bus === undefined) return 'unknown';
  if (bus.provider === CXL_BUS) return 'no';
  if (BUSES_WITHOUT_COMMANDS.includes(bus.provider) || bus.commands.includes('clear_error')) return 'yes';
  return bus.provider.startsWith('ACPI') ? 'no' : 'unknown';
}

/**
 * Only the ACPI driver adds what a machine check has met to the list (drivers/acpi/nfit). Measured on e820, virtio-pmem
 * and NFIT; of CXL known from the kernel's source.
 */
export function listingAbility({ bus }: Pick<FileFacts, 'bus'>): ListingAbility {
  if (bus === undefined) return 'unknown';
  if (bus.provider.startsWith('ACPI')) return 'yes';
  return bus.provider === CXL_BUS || BUSES_WITHOUT_COMMANDS.includes(bus.provider) ? 'no' : 'unknown';
}

/** Measured on Linux 5.10, 6.1 and 6.12: the DAX recovery write came with 5.19. */
export function hasRecoveryWrite(facts: FileFacts): boolean {
  if (!facts.dax) return true;
  // Asked for each unit of a repair: nothing is allocated.
  const major = Number.parseInt(facts.kernelRelease, 10);
  if (major !== 5) return major > 5;
  return Number.parseInt(facts.kernelRelease.slice(2), 10) >= 19;
}

/** The behaviour of stock kernels. */
export function stockZeroRange(facts: FileFacts): ZeroRangeBehaviour {
  if (facts.filesystem === 'ext4') return 'in-place';
  return facts.filesystem === 'xfs' ? 'relocates' : 'unknown';
}

export function fileInfo(facts: FileFacts, { sizeBytes, zeroRange, hugePages }: FileState): FileInfo {
  return {
    path: facts.path,
    sizeBytes,
    readOnly: facts.readOnly,
    filesystem: facts.filesystem,
    dax: facts.dax,
    persistMethod: facts.persistMethod,
    persistInstruction: facts.persistInstruction,
    repairUnitBytes: repairUnitBytes(facts),
    canClear: clearAbility(facts),
    listsConsumedErrors: listingAbility(facts),
    recoveryWrite: hasRecoveryWrite(facts),
    zeroRange,
    hugePages,
    kernelRelease: facts.kernelRelease,
  };
}
