import { statSync, truncateSync } from 'node:fs';

/**
 * Cuts the file off after `sizeBytes`, as another program would: PmemFile is not told. Loads and stores of the pages
 * after the end raise SIGBUS from then on, which PmemFile turns into ERR_PMEM_TRUNCATED. Works on every filesystem.
 * Throws RangeError if the file would not become shorter.
 *
 * @example
 * cutFile(file.path, 4096);
 * assert.throws(() => file.read(new Uint8Array(1), 8192), { code: 'ERR_PMEM_TRUNCATED' });
 */
export function cutFile(path: string, sizeBytes: number): void {
  const { size } = statSync(path);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes >= size) {
    const wanted = `a whole number below ${size}, the size of '${path}'`;
    throw new RangeError(`'sizeBytes' must be ${wanted}, and is ${sizeBytes}`);
  }
  truncateSync(path, sizeBytes);
}
