/** What this kernel can be expected to do, from its release alone: the tests check that it is so. */
import type { JobContext } from '../protocol.js';

export interface KernelAbilities {
  /** A whole-page write clears poison in place: since Linux 5.19, on a device that can clear. */
  readonly recoveryWrite: boolean;
  /** Zero-range stays in place and the write after it clears: ext4, on every kernel, on a device that can clear. */
  readonly repairInPlace: boolean;
  /** Zero-range clears the media at once and keeps the block: the kernel of zeroinit-kernel/, on either filesystem. */
  readonly zeroRangeClears: boolean;
  /** Debian's kernels have it, the one of zeroinit-kernel/ does not. */
  readonly deviceMapper: boolean;
}

export function kernelAbilities({ kernelRelease, device, filesystem }: Pick<JobContext, 'kernelRelease' | 'device' | 'filesystem'>): KernelAbilities {
  const [major = 0, minor = 0] = kernelRelease.split('.').map(Number);
  const recoveryWrite = device === 'clearable' && (major > 5 || (major === 5 && minor >= 19));
  return {
    recoveryWrite,
    repairInPlace: recoveryWrite || (device === 'clearable' && filesystem === 'ext4'),
    zeroRangeClears: kernelRelease.endsWith('-zeroinit'),
    deviceMapper: !kernelRelease.endsWith('-zeroinit'),
  };
}
