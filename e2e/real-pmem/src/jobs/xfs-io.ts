/** Calls that Node does not have, made by the program xfs_io, which works on every filesystem. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { Errno } from '@safe-pmem/core';

/** The C library's words for the errno values that these calls can end with. */
const errnoOfMessage = new Map<string, number>([
  ['Input/output error', Errno.EIO],
  ['Bad address', Errno.EFAULT],
  ['Invalid argument', Errno.EINVAL],
  ['No space left on device', Errno.ENOSPC],
  ['Operation not supported', Errno.EOPNOTSUPP],
  ['Memory page has hardware error', Errno.EHWPOISON],
  ['Text file busy', Errno.ETXTBSY],
]);

/** A name that is nobody's: that it cannot be opened says on standard error that all before it is done. */
const endOfCommands = '/.end-of-commands';
const endLine = `${endOfCommands}: No such file or directory\n`;

/** One program for many calls: to start one takes longer than most scenarios where the processor is emulated. */
export class XfsIo {
  #program: ChildProcessByStdio<Writable, null, Readable> | undefined;
  #complaint = '';
  #ended: ((complaint: string) => void) | undefined;

  #start(): ChildProcessByStdio<Writable, null, Readable> {
    const program = spawn('xfs_io', [], { stdio: ['pipe', 'ignore', 'pipe'], env: { ...process.env, LC_ALL: 'C' } });
    program.stderr.on('data', (chunk: Buffer) => {
      this.#complaint += chunk.toString();
      if (this.#complaint.endsWith(endLine)) this.#end(this.#complaint.slice(0, -endLine.length));
    });
    // Some commands end the program when they fail.
    program.on('close', () => {
      this.#program = undefined;
      this.#end(this.#complaint);
    });
    program.on('error', (cause) => {
      this.#end(cause.message);
    });
    program.stdin.on('error', () => undefined);
    return program;
  }

  #end(complaint: string): void {
    this.#complaint = '';
    this.#ended?.(complaint.trim());
    this.#ended = undefined;
  }

  /** errno of one command on a file, 0 for success. Throws if the program says something else. One call at a time. */
  async run(file: string, command: string, options: readonly string[] = []): Promise<number> {
    if (/\s/.test(file)) throw new RangeError(`white space in ${file}`);
    const complaint = await new Promise<string>((resolve) => {
      this.#ended = resolve;
      this.#program ??= this.#start();
      this.#program.stdin.write(`open ${[...options, file].join(' ')}\n${command}\nclose\nopen ${endOfCommands}\n`);
    });
    if (complaint === '') return 0;
    // Where the file does not open, its line comes first, and then two that no file is open.
    const [first = ''] = complaint.split('\n');
    const errno = errnoOfMessage.get(first.slice(first.lastIndexOf(': ') + 2));
    if (errno === undefined) throw new Error(`xfs_io: ${command} on ${file}: ${complaint}`);
    return errno;
  }

  close(): void {
    this.#program?.stdin.end();
  }
}
