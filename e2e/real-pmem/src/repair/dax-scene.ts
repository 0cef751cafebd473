/** A directory on the guest's DAX filesystem, with poison, for tests of what stands on a driver. */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import type { ByteRange, Driver, CompleteFile, OpenOptions } from '@safe-pmem/core';
import { alignOut, errnoName, intersectAll, PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { jobContext } from '../jobs/job-io.js';
import { InjectorClient } from '../jobs/injector-client.js';
import { kernelAbilities } from '../jobs/kernel-abilities.js';
import { sectorBytes } from '../scenarios/file-steps.js';

export const context = jobContext();
export const abilities = kernelAbilities(context);
const injector = await InjectorClient.connect(context.injector);

/** One test's own files; the next test has a new filesystem, without bad blocks. */
class DaxScene {
  readonly driver: Driver<CompleteFile> = nativeDriver();
  #directory = '';
  #runs = 0;
  readonly #open: { close(): Promise<unknown> }[] = [];

  begin(): void {
    this.#directory = path.join(context.mountPoint, `test-${++this.#runs}`);
    mkdirSync(this.#directory);
  }

  async closeFiles(): Promise<void> {
    for (const file of this.#open.splice(0)) await file.close();
  }

  async end(): Promise<void> {
    // An open file keeps its filesystem mounted.
    await this.closeFiles();
    await injector.freshFilesystem();
  }

  async startOver(): Promise<void> {
    await this.end();
    this.begin();
  }

  path(name: string): string {
    return path.join(this.#directory, name);
  }

  async file(name: string, options: Partial<OpenOptions> = {}): Promise<PmemFile> {
    const file = await PmemFile.open(this.path(name), { driver: this.driver, ...options });
    this.#open.push(file);
    return file;
  }

  /** A new file full of `content`, closed again: nothing of it is mapped. */
  async written(name: string, content: Uint8Array): Promise<void> {
    const file = await this.file(name, { create: true, size: content.length, preallocate: true });
    file.write(content, 0);
    file.persist();
    await file.close();
  }

  remove(name: string): void {
    rmSync(this.path(name));
  }

  /** Runs `body` on a driver's file of its own. */
  async driverFile<T>(name: string, body: (file: CompleteFile) => Promise<T>): Promise<T> {
    const opened = await this.driver.open(this.path(name), { readOnly: false, create: false, sizeBytes: undefined, preallocate: false });
    if ('failure' in opened) throw new Error(`${opened.failure.syscall} of ${name} failed with ${errnoName(opened.failure.errno)}`);
    try {
      return await body(opened.file);
    } finally {
      await opened.file.close();
    }
  }

  /** Device bytes under a range of a file. */
  physical(name: string, range: ByteRange): Promise<ByteRange[]> {
    return this.driverFile(name, async (file) => {
      const found = await file.extents(range.offset, range.length);
      if ('failure' in found) throw new Error(`FIEMAP of ${name} failed with ${errnoName(found.failure.errno)}`);
      return found.extents.flatMap((extent) =>
        intersectAll([extent], [range]).map((part) => ({ offset: extent.physicalOffset + part.offset - extent.offset, length: part.length })),
      );
    });
  }

  /** Poisons every sector that the range touches; returns these bytes of the device. */
  async poison(name: string, range: ByteRange): Promise<ByteRange[]> {
    const ranges = (await this.physical(name, range)).map((part) => alignOut(part, sectorBytes));
    for (const { offset, length } of ranges) await injector.inject(offset / sectorBytes, length / sectorBytes);
    return ranges;
  }

  /** What of these device bytes the kernel calls bad. */
  listed(name: string, deviceRanges: readonly ByteRange[]): Promise<ByteRange[]> {
    return this.driverFile(name, async (file) => {
      const list = await file.badBlocks();
      if (!list.supported) throw new Error(list.reason);
      return intersectAll(list.ranges, deviceRanges);
    });
  }
}

export const scene = new DaxScene();

/** A suite whose every test has a scene of its own. */
export function suite(name: string, body: () => void): void {
  void describe(name, () => {
    beforeEach(() => {
      scene.begin();
    });
    afterEach(() => scene.end());
    body();
  });
}

export function test(name: string, body: () => Promise<void>): void {
  void it(name, body);
}

after(() => {
  injector.close();
});
