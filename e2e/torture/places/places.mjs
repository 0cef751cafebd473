// Where files lie, each made when it is first asked for.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { buildFailingFs, FusePlace } from './fuse.mjs';
import { LoopPlace } from './loop.mjs';
import { TmpfsPlace } from './tmpfs.mjs';

export class Places {
  #folder;
  #places = new Map();
  #program;

  constructor(folder) {
    this.#folder = folder;
  }

  /** `tmpfs`, `ext4`, `xfs`, `btrfs`, `fuse`, or `fuse-no-locks`; cleared. */
  async get(kind) {
    let place = this.#places.get(kind);
    if (place === undefined) this.#places.set(kind, (place = await this.#make(kind)));
    await place.command?.('heal');
    place.clear();
    return place;
  }

  /** Nothing fails any more. */
  async calm() {
    for (const place of this.#places.values()) await place.command?.('heal');
  }

  async close() {
    for (const place of this.#places.values()) await place.close();
  }

  async #make(kind) {
    if (kind === 'tmpfs') return new TmpfsPlace();
    if (!kind.startsWith('fuse')) return new LoopPlace(kind, this.#folder);
    this.#program ??= buildFailingFs(this.#folder);
    const folder = path.join(this.#folder, `place-${kind}`);
    mkdirSync(folder);
    return FusePlace.start(this.#program, folder, ...(kind === 'fuse-no-locks' ? ['--no-locks'] : []));
  }
}
