/** Runs one command line, and says what the process is to end with. */
import { CommanderError } from 'commander';
import { isPmemError } from '@safe-pmem/core';
import { completionFor, SHELLS } from './completion.js';
import type { Shell } from './completion.js';
import type { Context } from './context.js';
import { reasonOf } from './context.js';
import { ExitStatus, statusWord, UsageError } from './exit-status.js';
import { nameText, Output } from './output/output.js';
import type { Asked } from './program.js';
import { programFor } from './program.js';
import type { Surroundings } from './surroundings.js';

/** Runs a command line; `argv` follows the name of the program. Never throws for what the machine or the user does. */
export async function runCli(
  argv: readonly string[],
  surroundings: Surroundings,
  version = 'unknown',
): Promise<ExitStatus> {
  const { screen } = surroundings;
  let asked: Asked | undefined;
  try {
    programFor(
      version,
      screen,
      (one) => {
        asked = one;
      },
      (shell) => {
        screen.out(completionFor(shellNamed(shell)));
      },
    ).parse(argv, { from: 'user' });
  } catch (error) {
    return usageStatus(error, surroundings);
  }
  if (asked === undefined) return ExitStatus.HEALTHY;
  const { spec, args, options } = asked;
  const output = new Output(screen, options.json === true);
  try {
    const context: Context = { ...surroundings, output };
    return await spec.run(context, args, options);
  } catch (error) {
    return failed(error, output, spec.name);
  }
}

function shellNamed(name: string): Shell {
  const shell = SHELLS.find((one) => one === name);
  if (shell === undefined) throw new UsageError(`completion is for ${SHELLS.join(', ')}, not for '${name}'`);
  return shell;
}

function usageStatus(error: unknown, { screen }: Surroundings): ExitStatus {
  // Help and the version were asked for, and are printed.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.HEALTHY : ExitStatus.USAGE;
  if (!(error instanceof UsageError)) throw error;
  screen.err(`safe-pmem: ${nameText(error.message)}\n`);
  return ExitStatus.USAGE;
}

/** A question without an answer is not health: the status says so. */
function failed(error: unknown, output: Output, command: string): ExitStatus {
  const status = error instanceof UsageError ? ExitStatus.USAGE : ExitStatus.UNKNOWN;
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const isExpected = error instanceof UsageError || isPmemError(error) || code !== undefined || isAbort(error);
  if (!isExpected) throw error;
  output.note(`safe-pmem ${command}: ${nameText(reasonOf(error))}${isPmemError(error) ? ` (${error.code})` : ''}`);
  output.record('error', { command, status: statusWord(status), code, message: reasonOf(error) });
  return status;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
