/** Writes steps about one file shortly: `a.pread(5 * pageBytes, 512)`. */
import type { OwnCall, Step } from './step.js';

export const pageBytes = 4096;
export const sectorBytes = 512;

/** Offset of a page. */
export function page(index: number): number {
  return index * pageBytes;
}

export class FileSteps {
  readonly file: string;
  readonly #firstByte: number;

  /** `firstByte` fills the file's first page, `firstByte + 1` its second, …: contents tell which file they are from. */
  constructor(file: string, firstByte: number) {
    this.file = file;
    this.#firstByte = firstByte;
  }

  create(sizeBytes: number, preallocate = true): Step {
    return { do: 'create', file: this.file, sizeBytes, preallocate };
  }

  fill(length: number): Step {
    return { do: 'fill', file: this.file, length, firstByte: this.#firstByte };
  }

  /** A preallocated file, all of it written, that nothing has been mapped of. */
  written(sizeBytes: number): Step[] {
    return [this.create(sizeBytes), this.fill(sizeBytes)];
  }

  open(): Step {
    return { do: 'open', file: this.file };
  }

  close(): Step {
    return { do: 'close', file: this.file };
  }

  inject(offset: number, length = sectorBytes): Step {
    return { do: 'inject', file: this.file, offset, length };
  }

  pread(offset: number, length = pageBytes): Step {
    return { do: 'pread', file: this.file, offset, length };
  }

  pwrite(offset: number, length = pageBytes, byte = 201): Step {
    return { do: 'pwrite', file: this.file, offset, length, byte };
  }

  load(offset: number, length = 8): Step {
    return { do: 'load', file: this.file, offset, length };
  }

  store(offset: number, length = 8, byte = 202): Step {
    return { do: 'store', file: this.file, offset, length, byte };
  }

  persist(offset: number, length = pageBytes): Step {
    return { do: 'persist', file: this.file, offset, length };
  }

  call(call: OwnCall, offset: number, length = pageBytes): Step {
    return { do: 'call', call, file: this.file, offset, length };
  }

  remap(offset: number, length = pageBytes): Step {
    return { do: 'remap', file: this.file, offset, length };
  }

  probe(offset: number, length = pageBytes): Step {
    return { do: 'probe', file: this.file, offset, length };
  }

  zeroRange(offset: number, length = pageBytes): Step {
    return { do: 'zeroRange', file: this.file, offset, length };
  }

  sync(): Step {
    return { do: 'sync', file: this.file };
  }

  truncate(sizeBytes: number): Step {
    return { do: 'truncate', file: this.file, sizeBytes };
  }

  resize(sizeBytes: number, preallocate = true): Step {
    return { do: 'resize', file: this.file, sizeBytes, preallocate };
  }

  size(): Step {
    return { do: 'size', file: this.file };
  }

  extents(): Step {
    return { do: 'extents', file: this.file };
  }

  badBlocks(): Step {
    return { do: 'badBlocks', file: this.file };
  }

  block(offset: number): Step {
    return { do: 'block', file: this.file, offset };
  }

  avoidHugePages(): Step {
    return { do: 'avoidHugePages', file: this.file };
  }

  punch(offset: number, length = pageBytes): Step {
    return { do: 'punch', file: this.file, offset, length };
  }

  allocate(offset: number, length = pageBytes): Step {
    return { do: 'allocate', file: this.file, offset, length };
  }

  unshare(offset: number, length = pageBytes): Step {
    return { do: 'unshare', file: this.file, offset, length };
  }

  foreignWrite(offset: number, length: number, byte = 203): Step {
    return { do: 'foreignWrite', file: this.file, offset, length, byte };
  }

  reflinkTo(target: FileSteps): Step {
    return { do: 'reflink', file: this.file, target: target.file };
  }

  copyRangeTo(target: FileSteps): Step {
    return { do: 'copyRange', file: this.file, target: target.file };
  }

  unlink(): Step {
    return { do: 'unlink', file: this.file };
  }
}

/**
 * File `a` with 64 written pages in two extents, the second from page 32: `b` takes the blocks between them. ext4 places
 * files under 16 blocks by the CPU that runs, larger ones by what is free; hence the size.
 */
export function fragmented(a: FileSteps, b: FileSteps): Step[] {
  return [a.create(page(32)), b.create(page(32)), a.resize(page(64)), a.fill(page(64))];
}
