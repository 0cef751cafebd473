import type { FileFacts, PersistMethod } from './driver.js';

/** Whether the device can clear poison: `unknown` where no nvdimm bus says. Read before anything is touched. */
export type ClearAbility = 'yes' | 'no' | 'unknown';

/** What PmemFile knows about an open file and the machine under it. */
export interface FileInfo {
  readonly path: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly filesystem: string;
  /** Loads and stores reach the media directly. False: an ordinary file behind the page cache. */
  readonly dax: boolean;
  /** What persist() does: a cache-line flush from user space, or msync(2), which blocks. */
  readonly persistMethod: PersistMethod;
  readonly persistInstruction: string;
  /** Smallest aligned range that repair() replaces. */
  readonly repairUnitBytes: number;
  readonly canClear: ClearAbility;
  /** A whole-page write clears poison in place (Linux 5.19). On files without DAX it rewrites the block. */
  readonly recoveryWrite: boolean;
  /** FALLOC_FL_ZERO_RANGE keeps the block where it is (ext4), moves it (xfs), or nobody measured. */
  readonly zeroRange: 'in-place' | 'relocates' | 'unknown';
  readonly kernelRelease: string;
}

/** Smallest range that both the filesystem and the MMU can replace. */
export function repairUnitBytes(facts: FileFacts): number {
  return Math.max(facts.blockBytes, facts.pageBytes);
}

/** Legacy e820 devices always clear; an ACPI NVDIMM only with the Clear Uncorrectable Error command. */
export function clearAbility(facts: Pick<FileFacts, 'bus'>): ClearAbility {
  if (facts.bus === undefined) return 'unknown';
  if (facts.bus.provider === 'e820' || facts.bus.commands.includes('clear_error')) return 'yes';
  return facts.bus.provider.startsWith('ACPI') ? 'no' : 'unknown';
}

/** Measured on Linux 5.10, 6.1 and 6.12: the DAX recovery write came with 5.19. */
export function hasRecoveryWrite(facts: FileFacts): boolean {
  if (!facts.dax) return true;
  const [major = 0, minor = 0] = facts.kernelRelease.split('.').map((part) => Number.parseInt(part, 10));
  return major > 5 || (major === 5 && minor >= 19);
}

export function zeroRangeBehaviour(facts: FileFacts): FileInfo['zeroRange'] {
  if (facts.filesystem === 'ext4') return 'in-place';
  return facts.filesystem === 'xfs' ? 'relocates' : 'unknown';
}

export function fileInfo(facts: FileFacts, sizeBytes: number): FileInfo {
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
    recoveryWrite: hasRecoveryWrite(facts),
    zeroRange: zeroRangeBehaviour(facts),
    kernelRelease: facts.kernelRelease,
  };
}
