/** The options of a simulated machine. */
import { PAGE_SIZES } from '../hardware/geometry.js';
import { checkedChoice, checkedCount, checkedFlag } from './check.js';
import { type FilesystemName, KERNEL_PROFILES, type KernelName, type Mount } from '../kernel/kernel-profile.js';
import type { OperationHook } from './operation.js';

/** A block of a file that is about to be given storage. */
export interface PlacementRequest {
  /** Undefined if the file has no name any more. */
  readonly path: string | undefined;
  /** First byte of the block in the file. */
  readonly offset: number;
}

/**
 * Place of the block on the device, in bytes; undefined, or a place that is taken, leaves the choice to the machine.
 */
export type Placement = (request: PlacementRequest) => number | undefined;

export interface MockOptions {
  /** Decides everything random: what cleared poison reads as, what survives a crash. 1 by default. */
  readonly seed?: number | undefined;
  /** The kernel whose rules hold. `6.12` by default. */
  readonly kernel?: KernelName | undefined;
  /** `ext4` by default. `tmpfs` is never on persistent memory. */
  readonly filesystem?: FilesystemName | undefined;
  /** The device can clear poison. True by default, as a legacy e820 device; false is an NVDIMM that cannot. */
  readonly clearable?: boolean | undefined;
  /**
   * An error that an access consumes gets on the kernel's list, as on ACPI NFIT. True by default. False: as on e820,
   * virtio-pmem and CXL, and from Linux 5.19 on the kernel then holds the page back: system calls give EFAULT, and
   * one that would have the kernel zero the page ends the machine (KernelOops).
   */
  readonly listsConsumedErrors?: boolean | undefined;
  /** Mounted with dax, so that loads and stores reach the medium. True by default, except on tmpfs. */
  readonly dax?: boolean | undefined;
  /**
   * Bytes of a page, and of a block of the filesystem, which are the same on DAX: 4096, 16384 or 65536. 4096 by
   * default, as on x86-64; arm64 has all three.
   */
  readonly pageBytes?: number | undefined;
  /**
   * Bytes that files can have together, rounded down to whole pages. 1 GiB by default; what is not used costs nothing.
   */
  readonly capacityBytes?: number | undefined;
  /**
   * The byte that fills blocks which were never written, as if deleted files had left it there; 0 by default. Only
   * bytes that a kernel shows by mistake depend on it.
   */
  readonly staleByte?: number | undefined;
  /** Files keep extended attributes, and so their journals are found after a rename. True by default. */
  readonly extendedAttributes?: boolean | undefined;
  /**
   * Chooses the place of each block. By default the lowest free block is taken, so that a poisoned block that a file
   * has freed goes to the next writer; real allocators depend on far more.
   */
  readonly placement?: Placement | undefined;
  /** Observers that may make operations fail: see `failNth`, `poisonNth`, `poisonAtRate`, `crashAt`. */
  readonly faults?: readonly OperationHook[] | undefined;
  /** One more observer, called after those in `faults`. */
  readonly onOperation?: OperationHook | undefined;
  /** False: files cannot be locked (fcntl fails with ENOLCK), as on some network filesystems. True by default. */
  readonly locks?: boolean | undefined;
  /**
   * True: asynchronous calls take real turns of the event loop, in the order in which they were made, as those of a native
   * driver do, so that other code may run between call and outcome. False by default: a call has happened when it returns.
   */
  readonly turns?: boolean | undefined;
  /** The nvdimm bus that `facts.bus` reports, if it should differ from the one that goes with `clearable`. */
  readonly bus?: { readonly provider: string; readonly commands: readonly string[] } | undefined;
}

export interface CheckedOptions {
  readonly seed: number;
  readonly kernel: KernelName;
  readonly mount: Mount;
  readonly listsConsumedErrors: boolean;
  readonly pageBytes: number;
  readonly capacityBytes: number;
  readonly staleByte: number;
  readonly hooks: readonly OperationHook[];
  readonly placement: Placement | undefined;
  readonly bus: MockOptions['bus'];
  readonly extendedAttributes: boolean;
  readonly locks: boolean;
  readonly turns: boolean;
}

const KERNELS = Object.keys(KERNEL_PROFILES) as KernelName[];
const GIB = 1024 ** 3;
/** A page-table entry has room for so many blocks. */
const BLOCKS_MAX = 2 ** 30;

export function checkOptions(options: MockOptions): CheckedOptions {
  const seed = options.seed ?? 1;
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be an integer, got ${seed}`);
  const filesystem = checkedChoice(options.filesystem, ['ext4', 'xfs', 'tmpfs'] as const, 'ext4', 'filesystem');
  const dax = options.dax ?? filesystem !== 'tmpfs';
  if (dax && filesystem === 'tmpfs') throw new TypeError('tmpfs cannot be mounted with dax');
  const clearable = options.clearable ?? true;
  const pageBytes = options.pageBytes ?? 4096;
  if (!PAGE_SIZES.includes(pageBytes)) {
    throw new RangeError(`pageBytes must be one of ${PAGE_SIZES.join(', ')}, got ${pageBytes}`);
  }
  const mostBytes = BLOCKS_MAX * pageBytes;
  const capacityBytes = checkedCount(options.capacityBytes ?? GIB, 'capacityBytes');
  if (capacityBytes < pageBytes || capacityBytes > mostBytes) {
    throw new RangeError(`capacityBytes must lie in [${pageBytes}, ${mostBytes}], got ${capacityBytes}`);
  }
  const staleByte = options.staleByte ?? 0;
  if (!Number.isInteger(staleByte) || staleByte < 0 || staleByte > 255) throw new RangeError(`staleByte must be a byte, got ${staleByte}`);
  const hooks = [...(options.faults ?? []), ...(options.onOperation === undefined ? [] : [options.onOperation])];
  if (hooks.some((hook) => typeof hook !== 'function')) throw new TypeError('faults and onOperation must be functions');
  if (options.placement !== undefined && typeof options.placement !== 'function') throw new TypeError('placement must be a function');
  return {
    seed,
    kernel: checkedChoice(options.kernel, KERNELS, '6.12', 'kernel'),
    mount: { filesystem, dax, clearable },
    pageBytes,
    capacityBytes,
    staleByte,
    hooks,
    placement: options.placement,
    extendedAttributes: options.extendedAttributes ?? true,
    locks: checkedFlag(options.locks, true, 'locks'),
    listsConsumedErrors: checkedFlag(options.listsConsumedErrors, true, 'listsConsumedErrors'),
    turns: checkedFlag(options.turns, false, 'turns'),
    bus: options.bus ?? (dax ? busOf(clearable) : undefined),
  };
}

function busOf(clearable: boolean): MockOptions['bus'] {
  return clearable ? { provider: 'e820', commands: [] } : { provider: 'ACPI.NFIT', commands: ['cmd_call'] };
}
