import type { ByteRange, Driver, CompleteFile } from '../src/index.js';

/**
 * What a driver claims to do. A claim of `false` is not a skip: the contract then checks that the driver says so
 * itself, so that nothing opts out silently.
 */
export interface DriverSupport {
  /**
   * `medium`: poison is real for every access, pread included, and the kernel lists it if `badBlocks`. `mapping`: only
   * loads and stores meet it. `none`: the machine has no way to make any.
   */
  readonly poison: 'medium' | 'mapping' | 'none';
  /** A whole-page write clears poison (Linux 5.19 on a device that can clear). Asked for with `poison: 'medium'`. */
  readonly recoveryWrite: boolean;
  /** A store of a whole page clears poison too: of drivers whose stores are pwrites. Default false. */
  readonly storesClear?: boolean;
  /** PmemFile's `repair()` with default options can succeed on this machine. */
  readonly repair: boolean;
  readonly zeroRange: boolean;
  readonly extents: boolean;
  readonly badBlocks: boolean;
  /** `view()` maps a range once more. Default true. */
  readonly views?: boolean;
  /** Open files exclude each other by locks. Default true. */
  readonly locks?: boolean;
  /** The machine has `withoutDescriptors` and `failClose`. Default false. */
  readonly refusals?: boolean;
  /** A sparse file of this many bytes can be created. */
  readonly sparseFileBytes: number;
  /** Bytes of a page of the mapping, as `facts.pageBytes` has to say. Default 4096; arm64 has 16 and 64 KiB as well. */
  readonly pageBytes?: number;
}

export function pageBytesOf({ pageBytes = 4096 }: DriverSupport): number {
  return pageBytes;
}

/** One fresh machine (or directory) for one test. */
export interface ContractMachine {
  readonly driver: Driver;
  /** An absolute path for a file of this name; nothing is there yet. */
  path(name: string): string;
  /** Makes a directory and returns its path. */
  makeDirectory(name: string): string | Promise<string>;
  /** Poisons file bytes so that the next load or store of them through `file` faults. */
  poison(file: CompleteFile, range: ByteRange): void | Promise<void>;
  /**
   * Has the kernel announce that the page at `offset`, which is mapped, is lost (BUS_MCEERR_AO). Left out where that
   * cannot be done: then what is heard is not checked.
   */
  announce?(file: CompleteFile, offset: number): void;
  /** Truncates the file as another process would. */
  truncate(path: string, sizeBytes: number): void | Promise<void>;
  /** Runs `body` while the process may open no more files: EMFILE. */
  withoutDescriptors?(body: () => Promise<void>): Promise<void>;
  /** Makes the next close() of `file` fail, which closes it all the same, as close(2) does. */
  failClose?(file: CompleteFile): void;
  dispose(): void | Promise<void>;
}

export interface ContractOptions {
  /** From the test framework: vitest's, node:test's, mocha's. */
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  /** Name of the driver, for the heading. */
  readonly name: string;
  readonly supports: DriverSupport;
  machine(): ContractMachine | Promise<ContractMachine>;
}

/** Registers one test on a machine of its own. */
export type Check = (
  name: string,
  body: (machine: ContractMachine, supports: DriverSupport) => Promise<void>,
) => void;
