/**
 * The four files of a database: opens them, makes those that are missing, removes those that a failed open has made.
 */
import type { Driver, OpenOptions } from '@safe-pmem/core';
import { isPmemError, PmemFile } from '@safe-pmem/core';
import { type Absence, makeFile, openExisting, undoMaking } from '../files/absent-file.js';
import type { StoreOptions } from '../pages/index.js';
import { helpFor } from '../engine-error.js';
import { PagesError } from '../pages/index.js';

export type StoreFiles = Required<Pick<StoreOptions, 'file' | 'log' | 'logMirror'>> & Pick<StoreOptions, 'mirror'>;

export interface FileOptions {
  readonly driver: Driver;
  readonly location: string;
  readonly mirrorLocation: string;
  /** False: pages have no mirror. The log always has one. */
  readonly mirror: boolean;
  readonly logBytes: number;
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
  /** Make files that are missing although others are there, for the store to fill. */
  readonly attachMirror: boolean;
}

type Role = keyof StoreFiles;

/** Another database, in this process or another, has the files open: with the code that every Level has for that. */
class LockedError extends Error {
  readonly code = 'LEVEL_LOCKED';
  readonly help = helpFor(this.code);

  constructor(location: string, cause: unknown) {
    super(`the database '${location}' is open already, here or in another process: close that first`, { cause });
    this.name = 'LockedError';
  }
}

/** Another process has made this file since open() looked for it, and something is in it. */
class MadeElsewhere extends LockedError {
  constructor(location: string, path: string) {
    super(location, new Error(`'${path}' was made elsewhere`));
  }
}

/** Begins of one open() at most, if other processes make the files meanwhile. */
const TRIES = 3;

const PAGE_BYTES = 4096;
/** Of the data files, to begin with; they grow. */
const DATA_BYTES = 16 * PAGE_BYTES;

/** The files of one database while it is open, and which of them this open() made. */
export class DatabaseFiles {
  readonly #options: FileOptions;
  readonly #opened = new Map<Role, PmemFile>();
  /** By path: what was there before of files that are to be made. */
  readonly #absent = new Map<string, Absence>();
  /** Paths of files that this open() made. */
  readonly #made: string[] = [];

  private constructor(options: FileOptions) {
    this.#options = options;
  }

  /**
   * Opens all files, and keeps every other writer out. If it fails, none is open, and no file is there that was not
   * there before. Throws what PmemFile.open() throws; PagesError ERR_PAGES_MIRROR_MISSING if some files are gone and
   * the others hold a database; an Error if `createIfMissing` or `errorIfExists` forbids it.
   */
  static async open(options: FileOptions): Promise<DatabaseFiles> {
    for (let tries = 1; ; tries++) {
      const files = new DatabaseFiles(options);
      try {
        await files.#open();
        return files;
      } catch (error) {
        await files.discard();
        // The process that has made it has made all of them, and may have closed them again.
        if (!(error instanceof MadeElsewhere) || tries === TRIES) throw error;
      }
    }
  }

  /** For PageStore.open(). */
  get files(): StoreFiles {
    const [file, log, logMirror, mirror] = (['file', 'log', 'logMirror', 'mirror'] as const).map((role) => this.#opened.get(role));
    if (file === undefined || log === undefined || logMirror === undefined) throw new Error('the files are not open');
    return mirror === undefined ? { file, log, logMirror } : { file, log, logMirror, mirror };
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled([...this.#opened.values()].map((one) => one.close()));
    this.#opened.clear();
    const failed = closed.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Removes the files that this open() made, and closes all. Never rejects: why it is called matters more. */
  async discard(): Promise<void> {
    // Another driver's paths may be names of real files here, which are not this database's.
    const removable = this.#options.driver.name === 'native' ? this.#made : [];
    for (const path of removable) await undoMaking(path, this.#absent.get(path) ?? 'missing');
    await this.close().catch(() => undefined);
  }

  async #open(): Promise<void> {
    const { location, createIfMissing, errorIfExists, attachMirror } = this.#options;
    const paths = pathsOf(this.#options);
    await this.#openThose(paths);
    // Another process may have made the database while this one was looking for its first files: those that are open
    // now are locked, so that the process that has made them has made all, and a second look finds them.
    if (this.#opened.size > 0 && this.#opened.size < paths.size) await this.#openThose(paths);
    const missing = [...paths.keys()].filter((role) => !this.#opened.has(role));
    // Files are made before the first of them holds anything: what is blank is the rest of an open() that was interrupted.
    const hasContent = [...this.#opened.values()].some(holdsSomething);
    if (errorIfExists && hasContent) throw new Error(`the database '${location}' exists already (errorIfExists is true)`);
    if (missing.length === 0) return;
    if (!hasContent && !createIfMissing) {
      throw new Error(`the database '${location}' does not exist (createIfMissing is false)`);
    }
    if (hasContent && !attachMirror) {
      const [path = ''] = missing.map((role) => paths.get(role));
      const what = 'the database has lost this file; attachMirror makes a new one from its twin';
      throw new PagesError('ERR_PAGES_MIRROR_MISSING', path, what);
    }
    for (const role of missing) await this.#make(role, paths.get(role) ?? '');
  }

  /** Opens what is there and not open yet. */
  async #openThose(paths: ReadonlyMap<Role, string>): Promise<void> {
    for (const [role, path] of paths) {
      if (this.#opened.has(role)) continue;
      const found = await openExisting(() => this.#openFile(path, {}));
      if (typeof found === 'string') this.#absent.set(path, found);
      else this.#opened.set(role, found);
    }
  }

  async #openFile(
    path: string, options: Omit<OpenOptions, 'driver'>, driver: Driver = this.#options.driver,
  ): Promise<PmemFile> {
    try {
      return await PmemFile.open(path, { ...options, driver, exclusive: true });
    } catch (error) {
      if (isPmemError(error) && error.code === 'ERR_PMEM_LOCKED') throw new LockedError(this.#options.location, error);
      throw error;
    }
  }

  async #make(role: Role, path: string): Promise<void> {
    const { logBytes } = this.#options;
    const twin = this.#opened.get(role === 'log' ? 'logMirror' : 'log');
    const size = role === 'log' || role === 'logMirror' ? (twin?.size ?? logBytes) : DATA_BYTES;
    const { file, made } = await makeFile(
      this.#options.driver, (driver) => this.#openFile(path, { create: true, size, preallocate: true }, driver),
    );
    this.#opened.set(role, file);
    if (made) this.#made.push(path);
    else if (holdsSomething(file)) throw new MadeElsewhere(this.#options.location, path);
  }
}

function pathsOf({ location, mirrorLocation, mirror }: FileOptions): ReadonlyMap<Role, string> {
  return new Map<Role, string>([
    ['log', `${location}.log`],
    ['logMirror', `${mirrorLocation}.log-mirror`],
    ['file', `${location}.pages`],
    ...(mirror ? [['mirror', `${mirrorLocation}.pages-mirror`] as const] : []),
  ]);
}

/** True unless the first and the last page are zeros: every file of a database has something in one of them. */
function holdsSomething(file: PmemFile): boolean {
  const page = Buffer.alloc(Math.min(PAGE_BYTES, file.size));
  return [0, file.size - page.length].some((position) => {
    try {
      file.read(page, position);
      return page.some((byte) => byte !== 0);
    } catch {
      // A page that cannot be read any more was stored once.
      return true;
    }
  });
}
