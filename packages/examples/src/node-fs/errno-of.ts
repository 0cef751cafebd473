/** Errors of node:fs as the numbers that a driver reports. */
import type { SystemFailure } from '@safe-pmem/core';
import { Errno, errnoName } from '@safe-pmem/core';

/** By name, because libuv's numbers differ from platform to platform. Node calls EOPNOTSUPP by its other name. */
const numbers = new Map<string, number>([['ENOTSUP', Errno.EOPNOTSUPP]]);
for (let errno = 1; errno <= Errno.EHWPOISON; errno++) numbers.set(errnoName(errno), errno);

/** A name that Linux does not have is EINVAL: anything but a media error. An error without a system call is a bug. */
export function errnoOf(error: unknown): number {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) throw error;
  return numbers.get(code) ?? Errno.EINVAL;
}

export type Attempt<Value> = { readonly value: Value } | { readonly failure: SystemFailure };

/** Calls `action`, and reports a system call that fails as `syscall` with its errno. */
export function attempt<Value>(syscall: string, action: () => Value): Attempt<Value> {
  try {
    return { value: action() };
  } catch (error) {
    return { failure: { errno: errnoOf(error), syscall } };
  }
}

/** Runs a call whose result is not needed. Returns its failure, if it fails. */
export function failureOf(syscall: string, action: () => unknown): SystemFailure | undefined {
  const outcome = attempt(syscall, action);
  return 'failure' in outcome ? outcome.failure : undefined;
}
