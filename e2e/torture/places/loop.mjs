// A real filesystem in an image file: it can be full, and it can lose power.
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { run, tryRun } from './command.mjs';

const MIB = 2 ** 20;
/** The smallest that each mkfs takes, and some room. */
const SIZES = { ext4: 32 * MIB, xfs: 320 * MIB, btrfs: 128 * MIB };

export class LoopPlace {
  #image;

  constructor(kind, folder) {
    this.kind = kind;
    this.#image = path.join(folder, `${kind}.image`);
    this.folder = path.join(folder, kind);
    mkdirSync(this.folder);
    writeFileSync(this.#image, '');
    truncateSync(this.#image, SIZES[kind]);
    run(`mkfs.${kind}`, '-q', this.#image);
    this.#mount();
  }

  /** An empty filesystem again, as far as files go. */
  clear() {
    for (const name of readdirSync(this.folder)) {
      if (name !== 'lost+found') rmSync(path.join(this.folder, name), { recursive: true, force: true });
    }
  }

  /** Takes all the space there is. */
  fill() {
    const fd = openSync(path.join(this.folder, 'filler'), 'w');
    try {
      for (const bytes of [MIB, 65536, 4096])
        while (this.#wrote(fd, Buffer.alloc(bytes, 0xff))) {
          /* until it is full */
        }
    } finally {
      closeSync(fd);
    }
    run('sync', '-f', this.folder);
  }

  unfill() {
    rmSync(path.join(this.folder, 'filler'), { force: true });
    run('sync', '-f', this.folder);
  }

  get freeBytes() {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** From here on the filesystem writes nothing more to its device, not even its log: as if the power had failed. */
  cutPower() {
    run('xfs_io', '-x', '-c', 'shutdown', this.folder);
  }

  /** After cutPower(), once no process has a file of it open. */
  restorePower() {
    run('umount', this.folder);
    this.#mount();
  }

  close() {
    if (!tryRun('umount', this.folder)) tryRun('umount', '-l', this.folder);
    rmSync(this.#image, { force: true });
  }

  #mount() {
    run('mount', '-o', 'loop', this.#image, this.folder);
  }

  #wrote(fd, bytes) {
    try {
      return writeSync(fd, bytes) === bytes.length;
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
      return false;
    }
  }
}
