import type { CompleteFile, Driver, OpenOptions, PmemErrorCode } from '@safe-pmem/core';
import { PmemError, PmemFile } from '@safe-pmem/core';
import { expect } from 'vitest';
import type { MockDriver } from '../../src/index.js';

export const PAGE = 4096;
export const PATH = '/pmem/file';

/** Bytes that differ from page to page and are never zero. */
export function content(lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let i = 0; i < lengthBytes; i++) bytes[i] = ((i * 7 + (i >>> 12) * 13) % 255) + 1;
  return bytes;
}

export function part(of: Uint8Array, { offset, length }: { offset: number; length: number }): Uint8Array {
  return of.slice(offset, offset + length);
}

/** A file of `sizeBytes`, filled with content() and persisted. */
export async function filled(
  driver: MockDriver,
  sizeBytes: number,
  options: Partial<OpenOptions> = {},
): Promise<PmemFile> {
  const file = await PmemFile.open(PATH, { driver, create: true, size: sizeBytes, ...options });
  file.write(content(sizeBytes), 0);
  file.persist();
  return file;
}

export function read(file: PmemFile, position: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  file.read(bytes, position);
  return bytes;
}

export const pageOf = (page: number): { offset: number; length: number } => ({ offset: page * PAGE, length: PAGE });

/** `driver`, with `change` done to each file before the one who opened it gets it. */
export function changing(driver: MockDriver, change: (file: CompleteFile) => void): Driver {
  return {
    name: driver.name,
    devices: driver.devices,
    async open(path, request) {
      const outcome = await driver.open(path, request);
      if ('file' in outcome) change(outcome.file);
      return outcome;
    },
  };
}

/** The file, opened by the process `name` of the machine. */
export function openIn(driver: MockDriver, name: string, options: Partial<OpenOptions> = {}): Promise<PmemFile> {
  return PmemFile.open(PATH, { driver: driver.process(name), ...options });
}

/** Runs `body`, which must fail with this code and, where `kind` is given, this class, and returns the error. */
export async function failure<Kind extends PmemError = PmemError>(
  code: PmemErrorCode,
  body: () => unknown,
  kind?: abstract new (...args: never[]) => Kind,
): Promise<Kind> {
  try {
    await body();
  } catch (error) {
    expect(error).toMatchObject({ code });
    if (error instanceof (kind ?? PmemError)) return error as Kind;
    throw error;
  }
  throw new Error(`expected ${code}, but nothing was thrown`);
}
