import { errnoName } from '@safe-pmem/core';

/** A set-up call (truncate, punch, reflink …) that the simulated kernel refused. */
export class MockSystemError extends Error {
  /** `EIO`, `ENOSPC`, … */
  readonly code: string;

  constructor(
    readonly errno: number,
    readonly syscall: string,
    readonly path: string,
  ) {
    super(`${errnoName(errno)}: ${syscall} '${path}'`);
    this.name = 'MockSystemError';
    this.code = errnoName(errno);
  }
}

/** Throws unless `errno` is 0. */
export function throwUnless0(errno: number, syscall: string, path: string): void {
  if (errno !== 0) throw new MockSystemError(errno, syscall, path);
}
