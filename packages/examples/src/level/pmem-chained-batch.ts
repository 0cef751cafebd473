import { AbstractChainedBatch } from 'abstract-level';
import type { Change } from '../pages/index.js';

/**
 * A batch that is put together call by call. It copies keys and values at each call, as classic-level does, so that a
 * program may use one buffer for all of them: abstract-level's own one would store what the buffer holds in the end.
 */
export class PmemChainedBatch<Database, K, V> extends AbstractChainedBatch<Database, K, V> {
  readonly #write: (changes: readonly Change[]) => Promise<void>;
  #changes: Change[] = [];

  constructor(db: Database, write: (changes: readonly Change[]) => Promise<void>) {
    super(db);
    this.#write = write;
  }

  _put(key: Buffer, value: Buffer): void {
    this.#changes.push({ type: 'put', key: Buffer.from(key), value: Buffer.from(value) });
  }

  _del(key: Buffer): void {
    this.#changes.push({ type: 'del', key: Buffer.from(key) });
  }

  _clear(): void {
    this.#changes = [];
  }

  _write(): Promise<void> {
    return this.#write(this.#changes);
  }
}
