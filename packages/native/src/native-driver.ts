/** The driver for real files: opens them through the addon, and adds the facts that sysfs has. */
import type { CompleteFile, Driver, OpenOutcome, OpenRequest, SystemFailure } from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';
import type { Binding } from './binding.js';
import { BlockDevice } from './block-device.js';
import type { TableOf } from './device-mapper.js';
import { NativeDevices } from './devices.js';
import { factsOf } from './file-facts.js';
import { keepGuard } from './keep-guard.js';
import { loadBinding } from './load-binding.js';
import { NativeFile } from './native-file.js';
import { requirePermission } from './permission.js';
import { refuseHugePages } from './refuse-huge-pages.js';
import { whatDevice } from './what-device.js';

let loaded: Binding | undefined;

export interface NativeDriverOptions {
  /**
   * The addon's file, for a program that does not keep it where the package has it: a single executable that has
   * unpacked its own copy, or a bundle. It ends in `.node` and belongs to this version of the package.
   */
  readonly binary?: string;
}

/**
 * Returns a driver over mmap(2), a SIGBUS guard and the system calls of the running kernel. The first call loads the
 * addon, not the import, so that a program that may never need it can be started anywhere; later calls share the addon,
 * and do not look at `binary`.
 *
 * Throws PmemError `ERR_PMEM_NOT_SUPPORTED` (not Linux) or `ERR_PMEM_BINDING_MISSING` (no binary, one that does not
 * load, or one that was built from other sources; `path` is where it was looked for); TypeError if `binary` is not a
 * path that ends in `.node`.
 */
export function nativeDriver(options: NativeDriverOptions = {}): Driver<CompleteFile> {
  const { binary } = options;
  if (binary !== undefined && !(typeof binary === 'string' && binary.endsWith('.node'))) {
    throw new TypeError("'binary' must be a path that ends in '.node'");
  }
  if (loaded === undefined) {
    loaded = loadBinding({ binary });
    keepGuard(loaded);
  }
  return new NativeDriver(loaded);
}

/**
 * Returns how many times the kernel has told this process of lost memory of a mapped file that no load or store of this
 * library was touching. That happens before any access (BUS_MCEERR_AO, sent only to processes that ask for early kills),
 * or if the bytes were accessed through another mapping of the file. Such a signal would kill a process without the
 * guard. When the number grows, `badBlocks()` and `scrub()` are worth a call: the loss shows there, or at the next access.
 * 0 before the first call of nativeDriver().
 */
export function advisoryMemoryErrors(): number {
  return loaded?.advisoryMemoryErrors() ?? 0;
}

class NativeDriver implements Driver<CompleteFile> {
  readonly name = 'native';
  readonly devices: NativeDevices;
  readonly #binding: Binding;
  readonly #tableOf: TableOf;

  constructor(binding: Binding) {
    this.#binding = binding;
    this.#tableOf = (major, minor) => binding.deviceTable(major, minor);
    this.devices = new NativeDevices({ tableOf: this.#tableOf, spaceOf: binding.spaceOf });
  }

  async open(path: string, request: OpenRequest): Promise<OpenOutcome<CompleteFile>> {
    const { readOnly, create, sizeBytes, preallocate } = request;
    requirePermission(path, readOnly);
    refuseHugePages(path);
    const opened = await this.#binding.open(path, readOnly, create, sizeBytes, preallocate);
    if ('failure' in opened) return { failure: await explained(opened.failure, path) };
    const device = new BlockDevice(opened.device, { pageBytes: opened.pageBytes, tableOf: this.#tableOf });
    const facts = factsOf(opened, readOnly, await device.bus());
    return { file: new NativeFile(this.#binding, opened, facts, device) };
  }
}

async function explained(failure: SystemFailure, path: string): Promise<SystemFailure> {
  return failure.errno === Errno.ENXIO ? { ...failure, device: await whatDevice(path) } : failure;
}
