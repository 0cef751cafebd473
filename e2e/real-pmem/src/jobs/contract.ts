/** The driver contract on a real DAX filesystem with real poison, under node:test. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import type { ByteRange, Driver, CompleteFile } from '@safe-pmem/core';
import { alignOut, errnoName, intersect } from '@safe-pmem/core';
import { driverContract, type ContractMachine } from '@safe-pmem/core/contract';
import { hugePageBytes } from '@safe-pmem/core/tools';
import { nativeDriver } from '@safe-pmem/native';
import { kernelPageBytes } from '../page-bytes.js';
import { sectorBytes } from '../scenarios/file-steps.js';
import { InjectorClient } from './injector-client.js';
import { jobContext } from './job-io.js';
import { kernelAbilities } from './kernel-abilities.js';
import { mode, ZeroRangeCalls } from './zero-range-calls.js';

const context = jobContext();
const injector = await InjectorClient.connect(context.injector);

/** The device bytes under a range of the file: what has to be poisoned for the range to be bad. */
async function deviceRanges(file: CompleteFile, range: ByteRange): Promise<ByteRange[]> {
  const found = await file.extents(range.offset, range.length);
  if ('failure' in found) throw new Error(`${found.failure.syscall} failed with ${errnoName(found.failure.errno)}`);
  const ranges = found.extents.flatMap((extent) => {
    const part = intersect(extent, range);
    return part === undefined ? [] : [{ offset: extent.physicalOffset + part.offset - extent.offset, length: part.length }];
  });
  if (ranges.length === 0) throw new Error(`no block holds bytes ${range.offset} to ${range.offset + range.length}`);
  return ranges;
}

/** A directory of its own for each test; a whole filesystem of its own for the test after one that left poison. */
class Machine implements ContractMachine {
  readonly driver: Driver<CompleteFile>;
  readonly #directory: string;
  readonly #opened: CompleteFile[] = [];
  #poisoned = false;

  constructor(directory: string, driver: Driver<CompleteFile>) {
    this.#directory = directory;
    mkdirSync(directory);
    this.driver = {
      name: driver.name,
      open: async (file, request) => {
        const outcome = await driver.open(file, request);
        if ('file' in outcome) this.#opened.push(outcome.file);
        return outcome;
      },
    };
  }

  path(name: string): string {
    return path.join(this.#directory, name);
  }

  makeDirectory(name: string): string {
    mkdirSync(this.path(name));
    return this.path(name);
  }

  async poison(file: CompleteFile, range: ByteRange): Promise<void> {
    this.#poisoned = true;
    for (const { offset, length } of await deviceRanges(file, range)) {
      const sectors = alignOut({ offset, length }, sectorBytes);
      await injector.inject(sectors.offset / sectorBytes, sectors.length / sectorBytes);
    }
    // A page that is mapped already would go on working: the kernel consults its list when it maps one.
    const pages = alignOut(range, file.facts.pageBytes);
    const failure = file.remap(pages.offset, pages.length);
    if (failure !== undefined) throw new Error(`${failure.syscall} failed with ${errnoName(failure.errno)}`);
  }

  truncate(file: string, sizeBytes: number): void {
    truncateSync(file, sizeBytes);
  }

  async dispose(): Promise<void> {
    // A test that failed half way may have left files open, and an open file keeps its filesystem mounted.
    for (const file of this.#opened) await file.close();
    if (this.#poisoned) await injector.freshFilesystem({ hugePages: true });
    else rmSync(this.#directory, { recursive: true });
  }
}

/** Of a file of huge pages: four of 2 MiB with pages of 4 KiB, one of 32 MiB with 16 KiB. */
const pagesInHugeFile = 2048;
let machines = 0;
const driver = nativeDriver();
const pageBytes = kernelPageBytes();
const abilities = kernelAbilities(context);

driverContract({
  describe,
  it,
  name: `native on ${context.filesystem}-DAX, ${context.device}`,
  supports: {
    poison: 'medium',
    recoveryWrite: abilities.recoveryWrite,
    repair: abilities.repairInPlace,
    zeroRange: true,
    extents: true,
    badBlocks: true,
    sparseFileBytes: 5 * 1024 ** 3,
    pageBytes,
  },
  machine: () => new Machine(path.join(context.mountPoint, `test-${++machines}`), driver),
});

void it('the files of this filesystem that hold a huge page are mapped by one entry for all of it', async () => {
  const file = path.join(context.mountPoint, 'huge');
  const calls = new ZeroRangeCalls();
  writeFileSync(file, '');
  const sizeBytes = pagesInHugeFile * pageBytes;
  assert.ok(sizeBytes >= hugePageBytes({ pageBytes }));
  assert.equal(await calls.fallocate(file, mode.allocate, 0, sizeBytes), 0);
  writeFileSync(file, Buffer.alloc(sizeBytes, 1), { flag: 'r+' });
  const faults = await calls.hold(file);
  await calls.release(false);
  calls.close();
  // One for each huge page; page by page it would be one each, and twice that if stores fault once more.
  assert.ok(faults < pagesInHugeFile / 10, `${faults} faults`);
  rmSync(file);
});

after(() => {
  injector.close();
});
