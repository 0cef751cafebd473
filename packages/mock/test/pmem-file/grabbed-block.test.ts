/**
 * Shows why repair() never punches: another file gets the block. The guest's own version is e2e/real-pmem/src/repair.
 */
import type { CompleteFile } from '@safe-pmem/core';
import { Errno, PmemError, PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver } from '../../src/index.js';
import { open } from '../scenario.js';
import { content, failure, filled, PAGE, part, PATH, read } from './opened.js';

const NEIGHBOUR = '/pmem/neighbour';
const whole = content(8 * PAGE);
const bad = { offset: 3 * PAGE, length: PAGE };
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

function machine(clearable: boolean): MockDriver {
  return mockDriver({ kernel: '6.12', filesystem: 'xfs', clearable });
}

/** The folk cure: the owner punches the bad page, a neighbour that knows nothing of it writes a page of its own. */
async function punchedAndGrabbed(driver: MockDriver): Promise<{ neighbour: CompleteFile; errno: number; grabbed: number | undefined }> {
  await (await filled(driver, 8 * PAGE)).close();
  driver.poison(PATH, bad);
  driver.punch(PATH, bad);
  const neighbour = await open(driver, NEIGHBOUR, { create: true });
  const { errno } = await neighbour.pwrite(content(PAGE), 0);
  return { neighbour, errno, grabbed: driver.physicalOf(NEIGHBOUR, 0) };
}

describe('a punched bad block is grabbed by another writer', () => {
  it('inherits the poison and clears it, where the device can', async () => {
    const driver = machine(true);
    const { errno, grabbed, neighbour } = await punchedAndGrabbed(driver);
    expect(errno).toBe(0);
    expect(grabbed).toBeDefined();
    expect(driver.poisoned).toEqual([]);
    expect(await neighbour.sync()).toBeUndefined();
    expect(driver.readFile(NEIGHBOUR)).toEqual(content(PAGE));
  });

  it('takes the filesystem down, where the device cannot', async () => {
    const driver = machine(false);
    const { errno, neighbour } = await punchedAndGrabbed(driver);
    expect(errno).toBe(Errno.EIO);
    expect(await neighbour.sync()).toEqual({ errno: Errno.EIO, syscall: 'fdatasync' });
    expect((await neighbour.pread(new Uint8Array(1), 0)).errno).toBe(Errno.EIO);
    expect(await driver.open(PATH, { readOnly: true, create: false, sizeBytes: undefined, preallocate: false })).toEqual({
      failure: { errno: Errno.EIO, syscall: 'open' },
    });
  });
});

describe('a file whose filesystem has shut itself down', () => {
  it('says that no answer comes: neither truncated, nor full, nor a bad page', async () => {
    const driver = machine(false);
    await (await filled(driver, 8 * PAGE)).close();
    driver.writeFile(NEIGHBOUR, content(PAGE));
    const witness = await PmemFile.open(NEIGHBOUR, { driver });
    driver.poison(PATH, bad);
    driver.punch(PATH, bad);
    await (await open(driver, '/pmem/grabber', { create: true })).pwrite(content(PAGE), 0);
    const error = await failure('ERR_PMEM_IO', () => { witness.read(new Uint8Array(10), 0); }, PmemError);
    expect(error.message).toBe("read faulted, and the filesystem does not answer: EIO: '/pmem/neighbour' bytes [0, 10)");
    expect(error.cause).toMatchObject({ code: 'EIO', syscall: 'fstat' });
    expect((await witness.salvage()).gaps).toEqual([{ offset: 0, length: PAGE, reason: 'io' }]);
  });
});

describe('repair() lets no other file have the block', () => {
  it.each([true, false])('clearable %s: it stays the file\'s, however much others write, and the filesystem stays up', async (clearable) => {
    const driver = machine(clearable);
    const file = await filled(driver, 8 * PAGE);
    const block = driver.physicalOf(PATH, bad.offset);
    driver.poison(PATH, bad);
    if (clearable) await file.repair(bad, { rebuild });
    else await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { rebuild }), RepairError);
    expect(driver.physicalOf(PATH, bad.offset)).toBe(block);
    expect(driver.freePool.poisoned).toEqual([]);

    const neighbour = await open(driver, NEIGHBOUR, { create: true });
    for (let i = 0; i < 64; i++) expect((await neighbour.pwrite(content(PAGE), i * PAGE)).errno).toBe(0);
    expect(await neighbour.sync()).toBeUndefined();
    expect(driver.physicalOf(PATH, bad.offset)).toBe(block);
    if (clearable) expect(read(file, 0, whole.length)).toEqual(whole);
    else await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, 1));
    expect(read(file, 4 * PAGE, 4 * PAGE)).toEqual(whole.slice(4 * PAGE));
  });
});
