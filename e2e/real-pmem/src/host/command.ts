/** Runs the programs that the runner is built from; a failure carries the command and what it said. */
import { spawn } from 'node:child_process';

export class CommandError extends Error {
  readonly exitCode: number | null;
  readonly output: string;

  constructor(command: string, exitCode: number | null, output: string, cause?: unknown) {
    super(`${command} failed (${exitCode === null ? 'did not exit' : `exit status ${exitCode}`})\n${output.slice(-2000)}`, { cause });
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.output = output;
  }
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Standard output of the command. Rejects with CommandError where it cannot start or does not exit with 0. */
export function capture(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const shown = [program, ...args].join(' ');
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (cause) => {
      reject(new CommandError(shown, null, cause.message, cause));
    });
    child.on('close', (exitCode) => {
      const text = Buffer.concat(stdout).toString();
      if (exitCode === 0) resolve(text);
      else reject(new CommandError(shown, exitCode, Buffer.concat(stderr).toString() + text));
    });
    // A program that does not read its input is reported by its exit status.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
  });
}

/** Standard output of a shell pipeline, every part of which must succeed. `$1` … are the arguments. */
export function capturePipeline(script: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return capture('/bin/bash', ['-o', 'pipefail', '-ec', script, 'pipeline', ...args], options);
}
