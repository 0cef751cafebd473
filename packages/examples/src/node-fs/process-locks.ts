/** Locks between the open files of this process, for a driver whose user vouches that there is no other process. */
import type { ByteRange, FileFacts, SystemFailure } from '@safe-pmem/core';
import { Errno, intersect } from '@safe-pmem/core';

/** By device and inode: a file may be open by several names. */
const held = new Map<string, { readonly owner: object; readonly range: ByteRange }[]>();

export class ProcessLocks {
  readonly #key: string;

  constructor({ device, inode }: FileFacts) {
    this.#key = `${device} ${inode}`;
  }

  take(range: ByteRange): SystemFailure | undefined {
    const locks = held.get(this.#key) ?? [];
    const isTaken = locks.some((lock) => lock.owner !== this && intersect(lock.range, range) !== undefined);
    if (isTaken) return { errno: Errno.EAGAIN, syscall: 'fcntl' };
    held.set(this.#key, [...locks, { owner: this, range }]);
    return undefined;
  }

  /** Of this owner, what lies inside `range`; all of it without one. */
  drop(range: ByteRange = { offset: 0, length: Number.MAX_SAFE_INTEGER }): void {
    const isOther = (lock: { readonly owner: object; readonly range: ByteRange }): boolean =>
      lock.owner !== this || intersect(lock.range, range) === undefined;
    const locks = (held.get(this.#key) ?? []).filter(isOther);
    if (locks.length === 0) held.delete(this.#key);
    else held.set(this.#key, locks);
  }
}
