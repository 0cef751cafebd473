/**
 * An error that is met through 2 MiB which one entry maps, and the policy that has none: what e2e/real-pmem/machine-checks
 * has recorded of both.
 */
import type { Driver, CaughtFault } from '@safe-pmem/core';
import { Errno, MediaError, PmemError, PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { mockDriver, type MockDriver, type MockOptions } from '../../src/index.js';
import { changing, content, failure, PAGE, part, PATH, read } from './opened.js';

const HUGE = 2 * 1024 * 1024;
const sizeBytes = 2 * HUGE;
const whole = content(sizeBytes);
const bad = { offset: HUGE + 5 * PAGE, length: PAGE };
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

/** A machine whose files lie on the device as they lie in themselves, from 2 MiB on. */
function machine(options: MockOptions = {}): MockDriver {
  const placement = ({ path, offset }: { path: string | undefined; offset: number }): number | undefined => {
    return path === PATH ? HUGE + offset : undefined;
  };
  return mockDriver({ kernel: '7.3', listsConsumedErrors: false, placement, ...options });
}

/** Tells the granules of the faults that `driver` reports. */
function telling(driver: MockDriver, faults: CaughtFault[]): Driver {
  return changing(driver, (file) => {
    const load = file.read.bind(file);
    file.read = (target, position) => {
      const fault = load(target, position);
      if (fault !== undefined) faults.push(fault);
      return fault;
    };
  });
}

/** A file whose bad page this process has met. */
async function met(hugePages: 'avoid' | 'allow' | undefined, options: MockOptions = {}) {
  const driver = machine(options);
  driver.writeFile(PATH, whole);
  driver.poison(PATH, bad, { latent: true });
  const faults: CaughtFault[] = [];
  const file = await PmemFile.open(PATH, { driver: telling(driver, faults), ...(hugePages === undefined ? {} : { hugePages }) });
  const error = await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset - PAGE, 3 * PAGE), MediaError);
  expect(error.ranges).toEqual([bad]);
  return { driver, file, first: faults[0] };
}

/** Every byte of the range. expect() takes a minute for as many bytes. */
function requireBytes(file: PmemFile, range: { offset: number; length: number }): void {
  expect(Buffer.compare(read(file, range.offset, range.length), rebuild(range))).toBe(0);
}

/** Every page but the bad one, by a file that has met it. */
function requireNeighbours(file: PmemFile): void {
  requireBytes(file, { offset: 0, length: bad.offset });
  requireBytes(file, { offset: bad.offset + PAGE, length: sizeBytes - bad.offset - PAGE });
}

describe.each(['ext4', 'xfs'] as const)('a page of 2 MiB, on %s', (filesystem) => {
  it('is avoided on DAX: the fault names a page, and what root has listed is repaired', async () => {
    const { driver, file, first } = await met(undefined, { filesystem });
    expect([file.info().hugePages, first?.granuleLog2]).toEqual(['avoid', 12]);
    driver.poison(PATH, bad);
    const { units } = await file.repair(bad, { rebuild });
    expect(units.map(({ outcome, strategy }) => [outcome, strategy])).toEqual([['cleared', 'recovery-write']]);
    requireBytes(file, { offset: 0, length: sizeBytes });
  });

  it('if allowed, the fault names 2 MiB, the error one page, and the kernel never lets go of it', async () => {
    const { driver, file, first } = await met('allow', { filesystem });
    expect(file.info().hugePages).toBe('allow');
    expect(first).toMatchObject({ granuleLog2: 21, position: filesystem === 'ext4' ? HUGE : bad.offset });
    requireNeighbours(file);
    driver.poison(PATH, bad);
    const error = await failure('ERR_PMEM_HELD_BACK', () => file.repair(bad, { rebuild }), RepairError);
    expect(error.attempts.map(({ strategy, errno }) => [strategy, errno])).toEqual([['recovery-write', Errno.EFAULT]]);
    expect(await file.badBlocks()).toEqual({ status: 'none' });
    requireNeighbours(file);
  });

  it('if allowed, is let go of by 6.12', async () => {
    const { driver, file, first } = await met('allow', { filesystem, kernel: '6.12' });
    expect(first?.granuleLog2).toBe(21);
    driver.poison(PATH, bad);
    expect((await file.repair(bad, { rebuild })).units.map(({ outcome }) => outcome)).toEqual(['cleared']);
    requireBytes(file, { offset: 0, length: sizeBytes });
  });

  it('is avoided after resize(), and by views, too', async () => {
    const driver = machine({ filesystem });
    driver.writeFile(PATH, whole);
    const faults: CaughtFault[] = [];
    const file = await PmemFile.open(PATH, { driver: telling(driver, faults) });
    await file.resize(sizeBytes + PAGE);
    driver.poison(PATH, bad, { latent: true });
    await failure('ERR_PMEM_MEDIA', () => read(file, bad.offset, PAGE), MediaError);
    expect(faults[0]?.granuleLog2).toBe(12);
  });
});

it('a file whose 2 MiB lie otherwise on the device than in itself is mapped page by page', async () => {
  const placement = ({ path, offset }: { path: string | undefined; offset: number }): number | undefined => {
    return path === PATH ? HUGE + PAGE + offset : undefined;
  };
  expect((await met('allow', { placement })).first?.granuleLog2).toBe(12);
});

it('without DAX huge pages are left to the kernel, unless they are to be avoided', async () => {
  const driver = mockDriver({ dax: false });
  const file = await PmemFile.open(PATH, { driver, create: true, size: PAGE });
  expect(file.info().hugePages).toBe('allow');
  await file.close();
  expect((await PmemFile.open(PATH, { driver, hugePages: 'avoid' })).info().hugePages).toBe('avoid');
});

describe('a driver that cannot avoid huge pages', () => {
  const create = { create: true, size: PAGE };
  const without = changing(mockDriver(), (file) => { Object.assign(file, { avoidHugePages: undefined }); });
  const refusing = changing(mockDriver(), (file) => { file.avoidHugePages = () => ({ errno: Errno.ENOMEM, syscall: 'madvise' }); });

  it.each([['without the method', without], ['whose call fails', refusing]])('%s: open() succeeds, and info() tells', async (_, driver) => {
    expect((await PmemFile.open(PATH, { driver, ...create })).info().hugePages).toBe('allow');
  });

  it('open() fails if it was asked to', async () => {
    const refused = (driver: Driver) => PmemFile.open(PATH, { driver, ...create, hugePages: 'avoid' });
    expect((await failure('ERR_PMEM_NOT_SUPPORTED', () => refused(without), PmemError)).message).toContain('hugePages');
    expect((await failure('ERR_PMEM_IO', () => refused(refusing), PmemError)).message).toContain('cannot avoid huge pages');
  });
});

it('other words than avoid and allow are refused, before anything is opened', async () => {
  const opening = PmemFile.open(PATH, { driver: mockDriver(), hugePages: 'never' as 'avoid' });
  await expect(opening).rejects.toThrow('options.hugePages must be one of "avoid", "allow", got "never"');
});
