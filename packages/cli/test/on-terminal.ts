/** A pseudo-terminal, which `script` of util-linux makes. */
import { spawnSync } from 'node:child_process';
import { quoted } from './scratch.js';

/** Throws if this machine cannot make one. */
export function requireTerminal(): void {
  if (spawnSync('script', ['--version']).status !== 0) throw new Error("these tests need 'script' of util-linux");
}

/** Runs a program of Node on a terminal of so many columns, and returns all that the terminal got. */
export function onTerminal(
  program: string, argv: readonly string[], columns: number, env: NodeJS.ProcessEnv = {},
): string {
  const command = `stty cols ${columns}; ${[process.execPath, program, ...argv].map(quoted).join(' ')}`;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'NO_COLOR'));
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    // `script` starts $SHELL, and a shell complains, on the terminal, of a locale that is not installed.
    env: { ...inherited, SHELL: '/bin/sh', LC_ALL: 'C.UTF-8', TERM: 'xterm', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return stdout.replaceAll('\r\n', '\n');
}
