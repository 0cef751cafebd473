/** Runs short commands as root, one after the other, in one shell: starting it each time costs more than they do. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { LineSplitter } from '../line-splitter.js';

const endOfCommand = 'command ended with ';

export class RootShell {
  readonly #shell: ChildProcess;
  readonly #said: string[] = [];
  #gone = false;
  #ended: ((status: number) => void) | undefined;

  constructor() {
    // busybox is one static program: nothing of it is looked for on the host again.
    this.#shell = spawn('busybox', ['sh'], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, LC_ALL: 'C' } });
    const lines = new LineSplitter((line) => {
      if (line.startsWith(endOfCommand)) this.#ended?.(Number(line.slice(endOfCommand.length)));
      else this.#said.push(line);
    });
    this.#shell.stdout?.on('data', (chunk: Buffer) => {
      lines.push(chunk);
    });
    for (const event of ['close', 'error']) {
      this.#shell.on(event, () => {
        this.#gone = true;
        this.#ended?.(-1);
      });
    }
    this.#shell.stdin?.on('error', () => undefined);
  }

  /** Rejects with what the command said where it does not end with status 0. One command at a time. */
  async run(program: string, ...words: readonly string[]): Promise<void> {
    if (this.#gone) throw new Error('the shell has ended');
    const command = [fullPath(program), ...words].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const status = await new Promise<number>((resolve) => {
      this.#ended = resolve;
      this.#shell.stdin?.write(`${command} 2>&1 </dev/null; echo "${endOfCommand}$?"\n`);
    });
    const said = this.#said.splice(0).join('\n').trim();
    if (status !== 0) throw new Error(`${[program, ...words].join(' ')} failed with status ${status}: ${said}`);
  }
}

/** The shell would take a command of its own for a program of the same name. */
function fullPath(program: string): string {
  const found = (process.env.PATH ?? '').split(':').map((directory) => path.join(directory, program)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`there is no ${program}`);
  return found;
}
