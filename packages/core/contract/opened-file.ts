import assert from 'node:assert/strict';
import type { Driver, CompleteFile, OpenRequest } from '../src/index.js';
import { completeFile, errnoName } from '../src/index.js';
import type { ContractMachine } from './machine.js';

const newFile: OpenRequest = { create: true, readOnly: false, preallocate: false, sizeBytes: undefined };

/** Opens, and fails the test with the errno if the driver could not. */
export async function openFile(
  machine: { readonly driver: Driver },
  path: string,
  request: Partial<OpenRequest> = {},
): Promise<CompleteFile> {
  const outcome = await machine.driver.open(path, { ...newFile, create: false, ...request });
  if ('failure' in outcome) assert.fail(`open of '${path}' failed with ${errnoName(outcome.failure.errno)}`);
  return completeFile(outcome.file);
}

/** A new file of `sizeBytes`, closed again after `body` whatever happens in it. */
export async function withNewFile(
  machine: ContractMachine,
  sizeBytes: number,
  body: (file: CompleteFile, path: string) => Promise<void> | void,
): Promise<void> {
  const path = machine.path('file');
  const file = await openFile(machine, path, { create: true, sizeBytes });
  try {
    await body(file, path);
  } finally {
    await file.close();
  }
}

/** Bytes that differ from page to page and are never zero, so that a wrong page or an invented zero shows. */
export function pattern(lengthBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let i = 0; i < lengthBytes; i++) bytes[i] = ((i * 31 + (i >>> 12) * 17 + seed * 7) % 255) + 1;
  return bytes;
}

/** Every byte of the range through the mapping, or the test fails. */
export function load(file: CompleteFile, position: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  const fault = file.read(bytes, position);
  assert.equal(fault, undefined, `load of ${lengthBytes} bytes at ${position} faulted`);
  return bytes;
}

export function store(file: CompleteFile, position: number, bytes: Uint8Array): void {
  assert.equal(file.write(bytes, position), undefined, `store at ${position} faulted`);
}

/** assert.deepEqual on a megabyte takes seconds and prints pages; this names the first difference. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.byteLength, expected.byteLength);
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assert.fail(`byte ${at} is ${String(actual[at])}, expected ${String(expected[at])}`);
}

export function assertErrno(failure: { readonly errno: number } | undefined, ...expected: number[]): void {
  assert.ok(failure !== undefined, 'the call succeeded');
  const names = expected.map(errnoName).join(' or ');
  assert.ok(expected.includes(failure.errno), `errno is ${errnoName(failure.errno)}, expected ${names}`);
}

/** Asserts that a PmemError of this code is thrown, and returns it. By code: builds may hold two copies of a class. */
export async function rejectsWith(
  code: string,
  body: () => unknown,
): Promise<Error & { code: string; path?: string; ranges: readonly { offset: number; length: number }[] }> {
  try {
    await body();
  } catch (error) {
    assert.equal((error as { code?: string }).code, code, String(error));
    return error as never;
  }
  assert.fail(`nothing was thrown, expected ${code}`);
}

