/** The file that lost bytes come from, and how far it can be believed. */
import type { ByteRange, Driver } from '@safe-pmem/core';
import { isPmemError, PmemFile, rangeBetween, rangeEnd } from '@safe-pmem/core';
import { lookingAt } from '../context.js';
import { UsageError } from '../exit-status.js';

/** Of so many ranges the neighbours are compared. */
const COMPARED_MAX = 64;

export class Replica {
  readonly #file: PmemFile;
  readonly path: string;

  private constructor(file: PmemFile, path: string) {
    this.#file = file;
    this.path = path;
  }

  /** Throws UsageError if it is the damaged file itself, or too short; else what PmemFile.open() throws. */
  static async open(path: string, damaged: string, driver: Driver): Promise<Replica> {
    const [own, other] = await Promise.all(
      [damaged, path].map((one) =>
        lookingAt(one, driver, ({ facts, mappedBytes }) =>
          Promise.resolve({ id: `${facts.device} ${facts.inode}`, sizeBytes: mappedBytes }),
        ),
      ),
    );
    if (own?.id === other?.id) throw new UsageError(`'${path}' and '${damaged}' are the same file`);
    if ((other?.sizeBytes ?? 0) < (own?.sizeBytes ?? 0)) {
      throw new UsageError(
        `'${path}' has ${other?.sizeBytes ?? 0} bytes and '${damaged}' ${own?.sizeBytes ?? 0}: it is no replica of it`,
      );
    }
    return new Replica(await PmemFile.open(path, { driver, readOnly: true }), path);
  }

  /** For repair(): undefined if the replica cannot give all of the range either, so that it stays lost. */
  bytesOf(range: ByteRange): Uint8Array | undefined {
    const bytes = new Uint8Array(range.length);
    try {
      this.#file.read(bytes, range.offset);
      return bytes;
    } catch (error) {
      if (isPmemError(error)) return undefined;
      throw error;
    }
  }

  /**
   * Units beside the damaged ranges that can be read in both files and differ: then it may be another file, or an
   * older one.
   */
  async differences(damaged: string, ranges: readonly ByteRange[], driver: Driver): Promise<ByteRange[]> {
    const file = await PmemFile.open(damaged, { driver, readOnly: true });
    try {
      const unitBytes = file.info().repairUnitBytes;
      const found: ByteRange[] = [];
      for (const range of ranges.slice(0, COMPARED_MAX)) {
        for (const start of [range.offset - unitBytes, rangeEnd(range)]) {
          if (start < 0 || start >= file.size) continue;
          const unit = rangeBetween(start, Math.min(start + unitBytes, file.size));
          if (!isSame(this.bytesOf(unit), file, unit)) found.push(unit);
        }
      }
      return found;
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** True also if one of the two cannot be read: that says nothing. */
function isSame(wanted: Uint8Array | undefined, file: PmemFile, unit: ByteRange): boolean {
  if (wanted === undefined) return true;
  const bytes = new Uint8Array(unit.length);
  try {
    file.read(bytes, unit.offset);
  } catch (error) {
    if (isPmemError(error)) return true;
    throw error;
  }
  return Buffer.compare(bytes, wanted) === 0;
}
