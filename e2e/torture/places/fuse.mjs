// The filesystem that fails as it is told: ../fuse.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { run, tryRun } from './command.mjs';

const SOURCES = ['failing_fs.c', 'nodes.c', 'requests.c', 'faults.c'].map((name) =>
  path.join(import.meta.dirname, '..', 'fuse', name),
);

/** Compiles the server into `folder`, and says where it is. */
export function buildFailingFs(folder) {
  const program = path.join(folder, 'failing_fs');
  run('gcc', '-D_GNU_SOURCE', '-std=gnu17', '-O1', '-Wall', '-Wextra', '-Werror', '-o', program, ...SOURCES);
  return program;
}

export class FusePlace {
  kind = 'fuse';
  #server;
  #answers = [];
  #held = () => undefined;
  /** The folder that everything is passed on to. */
  below;

  static async start(program, folder, ...options) {
    const place = new FusePlace();
    place.folder = path.join(folder, 'fuse');
    place.below = path.join(folder, 'fuse-below');
    for (const name of [place.folder, place.below]) mkdirSync(name);
    place.#server = spawn(program, [place.below, place.folder, ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
    const mounted = place.#answer();
    place.#server.stdout.setEncoding('utf8').on('data', (text) => {
      for (const line of text.trim().split('\n')) {
        if (line === 'held') place.#held();
        else place.#answers.shift()?.(line);
      }
    });
    const gone = once(place.#server, 'exit').then(([code]) => {
      throw new Error(`failing_fs ended with ${code}`);
    });
    gone.catch(() => undefined);
    await Promise.race([mounted, gone]);
    return place;
  }

  clear() {
    for (const name of readdirSync(this.folder))
      rmSync(path.join(this.folder, name), { recursive: true, force: true });
  }

  /** One of the commands in ../fuse/faults.c; resolves when it is in force. */
  async command(...words) {
    const answer = this.#answer();
    this.#server.stdin.write(`${words.join(' ')}\n`);
    if ((await answer) !== 'ok') throw new Error(`failing_fs does not know '${words.join(' ')}'`);
  }

  /**
   * The next request of this name waits, and all that come after it, until the next command: `arrived` resolves when it
   * is there.
   */
  async hold(request) {
    const arrived = new Promise((resolve) => {
      this.#held = resolve;
    });
    await this.command('hold', request);
    return { arrived };
  }

  /** The page of the file is bad from now on; a process meets it once the page is not cached any more. */
  async makeBad(file, page) {
    await this.command('bad', statSync(file).ino, page);
  }

  async close() {
    if (!tryRun('umount', this.folder)) tryRun('umount', '-l', this.folder);
    this.#server.kill('SIGKILL');
  }

  #answer() {
    return new Promise((resolve) => {
      this.#answers.push(resolve);
    });
  }
}
