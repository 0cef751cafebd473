/** Runs a program of `programs/` in a process of its own: what a signal does to it is what is being tested. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';

export interface ChildResult {
  /** Exit code, or null where a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  /** Options for node itself. */
  readonly nodeArgs?: readonly string[];
  /** A command to start node with: `unshare -m …`. */
  readonly wrapper?: readonly string[];
  /** Called once the program has printed its `ready` line. */
  readonly onReady?: (child: ChildProcess) => void;
}

/** For a program that hangs; no test waits for it. An emulated processor takes longer. Half of a test's own limit. */
const SAFETY_NET_MS = Number(process.env.SAFE_PMEM_TEST_LIMIT_MS ?? 120_000);

const programs = path.join(import.meta.dirname, 'programs');

/** Runs `programs/<name>.mjs` with node to its end, however it ends. */
export async function runProgram(
  name: string,
  args: readonly string[] = [],
  options: ChildOptions = {},
): Promise<ChildResult> {
  const program = path.isAbsolute(name) ? name : path.join(programs, `${name}.mjs`);
  const words = [...(options.wrapper ?? []), process.execPath, ...(options.nodeArgs ?? []), program, ...args];
  const [command = '', ...rest] = words;
  // cwd: where a core dump would land. NODE_OPTIONS and the like are the test runner's, not the program's.
  const child = spawn(command, rest, { cwd: tmpdir(), env: { PATH: process.env.PATH }, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  let ready = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (ready || !stdout.includes('"ready"')) return;
    ready = true;
    options.onReady?.(child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    const net = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${name} ${args.join(' ')} did not end\nstdout: ${stdout}\nstderr: ${stderr}`));
    }, SAFETY_NET_MS);
    child.on('error', (error) => {
      clearTimeout(net);
      reject(new Error(`${command} could not be started`, { cause: error }));
    });
    child.on('close', (code, signal) => {
      clearTimeout(net);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** The JSON lines of a process that has to have ended well: exit code 0, no signal, nothing on stderr. */
export function linesOf(result: ChildResult): unknown[] {
  expect(result, `stderr: ${result.stderr}\nstdout: ${result.stdout}`).toMatchObject({ code: 0, signal: null, stderr: '' });
  return parseLines(result.stdout);
}

/** The one report of a process that has to have ended well. */
export function reportOf(result: ChildResult): unknown {
  const lines = linesOf(result);
  expect(lines, 'a program reports once').toHaveLength(1);
  return lines[0];
}

/** What a process said before SIGBUS ended it, which it has to have done. */
export function lastWordsOf(result: ChildResult): unknown[] {
  expect(result, `stderr: ${result.stderr}\nstdout: ${result.stdout}`).toMatchObject({ code: null, signal: 'SIGBUS' });
  return parseLines(result.stdout);
}

function parseLines(stdout: string): unknown[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}
