/** The files of an engine and the engine on them: all of it opens, or nothing is left that was not there before. */
import { unlink } from 'node:fs/promises';
import type { Driver } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { type Absence, makeFile, openExisting, undoMaking } from './absent-file.js';

export interface WantedFile {
  readonly path: string;
  /** In bytes, of a file that is made. One that is there keeps its size. */
  readonly size: number;
}

export interface OpenWithFilesOptions<Role extends string, Engine> {
  readonly driver: Driver;
  /** Each is made if it is not there, or has no bytes. */
  readonly files: Readonly<Record<Role, WantedFile>>;
  /** Makes the engine. `made`: the roles of the files that are new; with all of them it is a new engine. */
  readonly open: (files: Readonly<Record<Role, PmemFile>>, made: ReadonlySet<Role>) => Engine | Promise<Engine>;
  /**
   * Removes a file that was made, unless it was there with no bytes. By default unlink(2) with the native driver; with
   * others none is removed.
   */
  readonly remove?: ((path: string) => unknown) | undefined;
}

export interface OpenedEngine<Role extends string, Engine> {
  readonly engine: Engine;
  readonly files: Readonly<Record<Role, PmemFile>>;
  /** Closes the files. Close the engine first. */
  readonly close: () => Promise<void>;
}

/**
 * Opens every file exclusively, then the engine. If one of them or the engine refuses, the files are closed, those
 * that this call has made are removed, and the refusal is thrown as it is: a typing error in one path leaves no new
 * file at the other, and a device that is not mounted no file in its mount point.
 *
 * @example
 * const { engine: wal, close } = await openWithFiles({
 *   driver: nativeDriver(),
 *   files: { file: { path: '/mnt/pmem0/app.log', size }, mirror: { path: '/mnt/pmem1/app.log', size } },
 *   open: ({ file, mirror }, made) => Wal.open({ file, mirror, create: made.size === 2 }),
 * });
 */
export async function openWithFiles<Role extends string, Engine>(
  options: OpenWithFilesOptions<Role, Engine>,
): Promise<OpenedEngine<Role, Engine>> {
  const { driver, remove = driver.name === 'native' ? unlink : undefined } = options;
  const opened = new Map<Role, PmemFile>();
  const made = new Map<Role, Absence>();
  try {
    for (const [role, { path, size }] of Object.entries(options.files) as [Role, WantedFile][]) {
      const found = await openExisting(() => PmemFile.open(path, { driver, exclusive: true }));
      if (typeof found !== 'string') {
        opened.set(role, found);
        continue;
      }
      const making = { create: true, size, preallocate: true, exclusive: true };
      const { file, made: isNew } = await makeFile(
        driver, (noticing) => PmemFile.open(path, { ...making, driver: noticing }),
      );
      opened.set(role, file);
      if (isNew) made.set(role, found);
    }
    const files = Object.fromEntries(opened) as Record<Role, PmemFile>;
    return { engine: await options.open(files, new Set(made.keys())), files, close: () => closeAll(opened.values()) };
  } catch (error) {
    for (const [role, was] of made) {
      const { path } = options.files[role];
      if (was === 'empty' ? driver.name === 'native' : remove !== undefined) await undoMaking(path, was, remove);
    }
    // Why the files are closed matters more than how that ends.
    await closeAll(opened.values()).catch(() => undefined);
    throw error;
  }
}

async function closeAll(files: Iterable<PmemFile>): Promise<void> {
  const closed = await Promise.allSettled([...files].map((file) => file.close()));
  const failed = closed.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
