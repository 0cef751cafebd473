/** The one place that a salvage writes to: a new file, which gets its name when all of it is there. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';

export interface NewFile {
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Sets the size, makes everything durable and gives the file its name. Throws EEXIST if the name is taken by now. */
  finish(sizeBytes: number): Promise<void>;
  /** Removes what is there. After finish() it does nothing. */
  discard(): Promise<void>;
}

export interface Destination {
  /** A new file that will be called `name`. Throws EEXIST if there is one already: nothing is ever replaced. */
  create(name: string): Promise<NewFile>;
}

export const nativeDestination: Destination = {
  async create(name) {
    const folder = path.dirname(name);
    const taken = await open(name, 'r').then(async (handle) => {
      await handle.close();
      return true;
    }, isTaken);
    if (taken) throw Object.assign(new Error(`'${name}' exists already`), { code: 'EEXIST' });
    const temporary = path.join(folder, `.safe-pmem-${randomBytes(8).toString('hex')}.partial`);
    return new Temporary(await open(temporary, 'wx', 0o600), temporary, name);
  },
};

class Temporary implements NewFile {
  readonly #handle: FileHandle;
  readonly #temporary: string;
  readonly #name: string;
  #done = false;

  constructor(handle: FileHandle, temporary: string, name: string) {
    this.#handle = handle;
    this.#temporary = temporary;
    this.#name = name;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  async finish(sizeBytes: number): Promise<void> {
    await this.#handle.truncate(sizeBytes);
    await this.#handle.sync();
    await this.#giveName();
    await this.discard();
    const folder = await open(path.dirname(this.#name), 'r');
    await folder.sync().finally(() => folder.close());
  }

  /** A link, not a rename: it replaces nothing that has come under the name meanwhile. */
  async #giveName(): Promise<void> {
    try {
      await link(this.#temporary, this.#name);
    } catch (error) {
      if (!['EPERM', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error))) throw error;
      // No hard links here: an empty file takes the name first, if it is free, and the rename replaces that.
      await (await open(this.#name, 'wx', 0o600)).close();
      await rename(this.#temporary, this.#name);
    }
  }

  async discard(): Promise<void> {
    if (this.#done) return;
    this.#done = true;
    await this.#handle.close();
    await unlink(this.#temporary).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
  }
}

/** ENOENT alone says that a name is free. */
function isTaken(error: unknown): boolean {
  return codeOf(error) !== 'ENOENT';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
