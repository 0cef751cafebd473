/** Poisoned pages of mapped tmpfs files: every load and store of them raises a real SIGBUS (UFFDIO_POISON). */
import type { ByteRange } from '@safe-pmem/core';
import { errnoName, Errno, PmemError } from '@safe-pmem/core';
import { loadTesting } from '../load-testing.js';
import type { PoisonOutcome } from '../load-testing.js';

const NEEDS =
  'It takes Linux 6.6 (UFFDIO_POISON), CONFIG_USERFAULTFD, a container that allows userfaultfd(2), and a file on tmpfs';

/** Whether pages can be poisoned here, and if not, why. */
export type PoisonSupport = { readonly supported: true } | { readonly supported: false; readonly reason: string };

/**
 * Tells whether this kernel lets this process poison pages. A test that needs it should fail, or skip with the reason,
 * if it does not: without a fault it shows nothing. Throws what `nativeDriver()` throws if there is no addon for this
 * machine.
 *
 * @example
 * const support = poisonSupport();
 * test('a lost page comes back from the replica', { skip: support.supported ? false : support.reason }, async () => {
 *   // …
 * });
 */
export function poisonSupport(): PoisonSupport {
  const outcome = loadTesting().canPoison();
  return outcome.errno === 0 ? { supported: true } : { supported: false, reason: reasonOf(outcome) };
}

/**
 * Poisons whole pages in every mapping that this process has of them now. `path` is resolved. Throws
 * ERR_PMEM_NOT_SUPPORTED.
 */
export function poisonMappings(path: string, { offset, length }: ByteRange): void {
  const outcome = loadTesting().poison(path, offset, length);
  // Poisoned already.
  if (outcome.errno === 0 || outcome.errno === Errno.EEXIST) return;
  const range = `[${offset}, ${offset + length})`;
  throw new PmemError('ERR_PMEM_NOT_SUPPORTED', `cannot poison ${range}: ${reasonOf(outcome)}`, { path });
}

function reasonOf({ call, errno }: PoisonOutcome): string {
  return `${call} failed with ${errnoName(errno)}. ${NEEDS}`;
}
