/** Walks directories. Holds one open directory a level and nothing else, however many files there are. */
import { constants, closeSync, lstatSync, opendirSync, openSync, statfsSync, statSync } from 'node:fs';
import type { Dir } from 'node:fs';
import { isUtf8 } from 'node:buffer';

/** A regular file. */
export interface FoundFile {
  readonly kind: 'file';
  /** For people; bytes of the name that are no UTF-8 are shown as `\xHH`. */
  readonly name: string;
  /** The exact bytes, if `name` is not exact. */
  readonly nameBytes: Buffer | undefined;
  readonly sizeBytes: number;
  /** Bytes of storage that the file has. 0: nothing of it is on the device. */
  readonly allocatedBytes: number;
  /** Runs `use` with a path that a driver can open, whatever bytes are in the name. */
  withPath<T>(use: (path: string) => Promise<T>): Promise<T>;
}

/** A directory or file that cannot be looked at, or a mount point of another filesystem, which is not entered. */
export interface NotLookedAt {
  readonly kind: 'unreadable' | 'other-filesystem';
  readonly name: string;
  /** `EACCES` … */
  readonly reason: string;
}

export interface FileTree {
  /**
   * Every regular file at or below `path`, on the filesystem of `path` alone. Symbolic links below it are not
   * followed, and what disappears meanwhile is left out. Throws if there is nothing at `path`.
   */
  walk(path: string): Iterable<FoundFile | NotLookedAt>;
  /** True if `path` is a directory. Throws if there is nothing there. */
  isDirectory(path: string): boolean;
  /** Bytes of a block of the filesystem that `path` is on. Throws if nothing is there. */
  blockBytes(path: string): number;
  /** Estimates the number of files that walk() will find; undefined if nothing tells. */
  estimate(path: string, mountPoints: readonly string[]): number | undefined;
}

const SLASH = Buffer.from('/');

export const nativeTree: FileTree = {
  walk,
  isDirectory: (path) => statSync(path).isDirectory(),
  // ext4 and XFS say the size of their blocks here.
  blockBytes: (path) => statfsSync(path).bsize,
  estimate(path, mountPoints) {
    try {
      const { files, ffree } = statfsSync(path);
      return mountPoints.includes(path.replace(/(?<=.)\/+$/, '')) && files > ffree ? files - ffree : undefined;
    } catch {
      return undefined;
    }
  },
};

function* walk(path: string): Generator<FoundFile | NotLookedAt> {
  const top = Buffer.from(path);
  const stat = statSync(top);
  if (!stat.isDirectory()) {
    if (stat.isFile()) yield found(top, stat);
    else yield { kind: 'unreadable', name: path, reason: 'it is not a regular file' };
    return;
  }
  const levels: { readonly path: Buffer; readonly dir: Dir }[] = [];
  const enter = (folder: Buffer): NotLookedAt | undefined => {
    try {
      levels.push({
        path: folder,
        dir: opendirSync(folder, { encoding: 'buffer' as BufferEncoding, bufferSize: 1024 }),
      });
      return undefined;
    } catch (error) {
      return isGone(error) ? undefined : { kind: 'unreadable', name: textOf(folder), reason: codeOf(error) };
    }
  };
  try {
    const refused = enter(top);
    if (refused !== undefined) yield refused;
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const entry = level.dir.readSync();
      if (entry === null) {
        level.dir.closeSync();
        levels.pop();
        continue;
      }
      if (!entry.isFile() && !entry.isDirectory() && !isUnknown(entry)) continue;
      // @types/node says string whatever the encoding.
      const below = join(level.path, entry.name as unknown as Buffer);
      const outcome = look(below, stat.dev);
      if (outcome === undefined) continue;
      if (outcome !== 'directory') {
        yield outcome;
        continue;
      }
      const closed = enter(below);
      if (closed !== undefined) yield closed;
    }
  } finally {
    for (const { dir } of levels) dir.closeSync();
  }
}

/** Undefined for what is neither a file nor a directory, or is gone. */
function look(path: Buffer, device: number): FoundFile | NotLookedAt | 'directory' | undefined {
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() && !stat.isDirectory()) return undefined;
    if (stat.dev !== device)
      return { kind: 'other-filesystem', name: textOf(path), reason: 'it is on another filesystem' };
    return stat.isDirectory() ? 'directory' : found(path, stat);
  } catch (error) {
    return isGone(error) ? undefined : { kind: 'unreadable', name: textOf(path), reason: codeOf(error) };
  }
}

function found(path: Buffer, stat: { readonly size: number; readonly blocks: number }): FoundFile {
  const isExact = isUtf8(path);
  return {
    kind: 'file',
    name: textOf(path),
    nameBytes: isExact ? undefined : path,
    sizeBytes: stat.size,
    allocatedBytes: stat.blocks * 512,
    withPath: (use) => (isExact ? use(path.toString()) : withDescriptor(path, use)),
  };
}

/** Drivers take paths as text: a name that is none is reached through a descriptor. */
async function withDescriptor<T>(path: Buffer, use: (path: string) => Promise<T>): Promise<T> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    return await use(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/** Filesystems without d_type say nothing about an entry. */
function isUnknown(entry: {
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
}): boolean {
  return (
    !entry.isSymbolicLink() &&
    !entry.isFIFO() &&
    !entry.isSocket() &&
    !entry.isBlockDevice() &&
    !entry.isCharacterDevice()
  );
}

function join(folder: Buffer, name: Buffer): Buffer {
  return folder.at(-1) === 0x2f ? Buffer.concat([folder, name]) : Buffer.concat([folder, SLASH, name]);
}

/** The name as text: exact if it is UTF-8, else with `\xHH` for each byte that is not ASCII. */
function textOf(path: Buffer): string {
  if (isUtf8(path)) return path.toString();
  return path.toString('latin1').replace(/[\u0080-\u00ff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
}

function isGone(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error);
}
