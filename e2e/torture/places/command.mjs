import { spawnSync } from 'node:child_process';

/** Runs a command that has to succeed, and returns what it wrote. */
export function run(command, ...args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? (stderr || stdout)}`);
}

/** The same for one that may fail. */
export function tryRun(command, ...args) {
  return spawnSync(command, args, { encoding: 'utf8' }).status === 0;
}
