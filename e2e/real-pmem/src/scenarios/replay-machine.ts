/** What a scenario runs on: a driver, and the things that are done to its files from outside. */
import type { ByteRange, CompleteFile, Driver } from '@safe-pmem/core';
import type { OwnCall } from './step.js';

/** errno; 0 for success. */
export type Errno = number;

/** `value` is what the call returned: bytes of a transfer, an offset of a seek, otherwise 0. */
export interface CallOutcome {
  readonly errno: Errno;
  readonly value: number;
}

export interface ReplayMachine {
  readonly driver: Driver<CompleteFile>;
  /** Directory for the scenario's files; empty, on a filesystem of its own without any bad block. */
  readonly directory: string;
  /** Device block that layouts are counted from; by default the first one that the scenario has. */
  readonly originBlock?: number | undefined;
  /** Bytes of the device that were bad before the scenario: not mentioned, unless a file of the scenario has them. */
  readonly earlierPoison?: readonly ByteRange[] | undefined;
  /** Told of each step before it is carried out, counted from 0. */
  beforeStep?(index: number): void;
  /** Poisons bytes of the device, in whole 512-byte sectors. Throws if that fails. */
  inject(deviceRange: ByteRange): Promise<void>;
  punch(path: string, range: ByteRange): Promise<Errno>;
  allocate(path: string, range: ByteRange): Promise<Errno>;
  unshare(path: string, range: ByteRange): Promise<Errno>;
  /** One pwrite, possibly beyond the end of the file. */
  foreignWrite(path: string, bytes: Uint8Array, offset: number): Promise<{ readonly transferredBytes: number; readonly errno: Errno }>;
  reflink(path: string, target: string): Promise<Errno>;
  copyRange(path: string, target: string): Promise<Errno>;
  call(call: OwnCall, path: string, range: ByteRange): Promise<CallOutcome>;
  unlink(path: string): Promise<Errno>;
  /** Leaves no block that an ordinary user could still allocate. */
  exhaust(): Promise<void>;
}
