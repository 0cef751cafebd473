/** Reasons of damage, in the words of the engines, by the errors of PmemFile. */
import type { PmemErrorCode } from '@safe-pmem/core';
import { PmemError } from '@safe-pmem/core';

/** Why a page cannot be read or stored. `damaged`: it can be read, but is not what was written. */
export type DamageReason = 'media' | 'lost' | 'truncated' | 'no-space' | 'damaged';

const reasons = new Map<PmemErrorCode, DamageReason>([
  ['ERR_PMEM_MEDIA', 'media'],
  ['ERR_PMEM_LOST', 'lost'],
  ['ERR_PMEM_TRUNCATED', 'truncated'],
  ['ERR_PMEM_NO_SPACE', 'no-space'],
]);

/** Returns the reason if `error` says that bytes could not be read or stored; undefined for anything else. */
export function reasonIn(error: unknown): DamageReason | undefined {
  return error instanceof PmemError ? reasons.get(error.code) : undefined;
}
