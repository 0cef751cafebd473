/** The exit status of the process. docs/reference/cli.md promises these numbers. */
export const ExitStatus = {
  /** Nothing is wrong, or what was asked for is done. */
  HEALTHY: 0,
  /** Something is damaged. */
  DAMAGED: 1,
  /** It could not be found out, or was not finished. */
  UNKNOWN: 2,
  /** The command line is wrong, and nothing was done: EX_USAGE of sysexits.h. */
  USAGE: 64,
} as const;

export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

/** The word for a status in JSON. */
export function statusWord(status: ExitStatus): 'healthy' | 'damaged' | 'unknown' | 'usage' {
  return ({ 0: 'healthy', 1: 'damaged', 2: 'unknown', 64: 'usage' } as const)[status];
}

/** Damage outweighs doubt, and doubt outweighs health. */
export function worse(a: ExitStatus, b: ExitStatus): ExitStatus {
  const rank = [
    ExitStatus.HEALTHY,
    ExitStatus.UNKNOWN,
    ExitStatus.DAMAGED,
    ExitStatus.USAGE,
  ] as readonly ExitStatus[];
  return rank.indexOf(a) >= rank.indexOf(b) ? a : b;
}

/** A mistake in the command line. */
export class UsageError extends Error {}
