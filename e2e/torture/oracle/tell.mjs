// The other end: one write(2) a line, which no signal can tear and no other process can mix with its own (PIPE_BUF).
import { openSync, writeSync } from 'node:fs';

const PIPE_BUF = 4096;

/** A function that tells the oracle at the FIFO `path` one line in the name of `actor`. */
export function teller(path, actor) {
  const fd = openSync(path, 'w');
  return (...words) => {
    const line = Buffer.from(`${actor} ${words.join(' ').replaceAll('\n', ' ')}`.slice(0, PIPE_BUF - 2) + '\n');
    for (let sent = 0; sent < line.length;) sent += writeSync(fd, line, sent);
  };
}
