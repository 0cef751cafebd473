// The oracle as the runner sees it.
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { teller } from './tell.mjs';

export class Oracle {
  #child;
  #marks = 0;
  #waiting = new Map();

  /** Starts it, with its FIFO in `folder`. */
  static async start(folder) {
    const oracle = new Oracle();
    oracle.fifo = path.join(folder, 'told');
    if (spawnSync('mkfifo', [oracle.fifo]).status !== 0) throw new Error(`mkfifo ${oracle.fifo} failed`);
    oracle.#child = fork(path.join(import.meta.dirname, 'process.mjs'), [oracle.fifo], { execArgv: [] });
    await once(oracle.#child, 'message');
    oracle.tell = teller(oracle.fifo, 'runner');
    oracle.#child.on('message', ({ mark, wrong, counts }) => {
      oracle.#waiting.get(mark)?.({ wrong, counts });
      oracle.#waiting.delete(mark);
    });
    return oracle;
  }

  begin() {
    this.tell('round');
  }

  /** What it has found by now, after all that was told before. */
  verdict() {
    const mark = ++this.#marks;
    return new Promise((resolve) => {
      this.#waiting.set(mark, resolve);
      this.tell('mark', mark);
    });
  }

  stop() {
    this.#child.kill('SIGKILL');
  }
}
