// A reset before a write that is refused has made the page writable for every process. What others store or append
// there before the repair tries again can be read, so it is theirs to keep.
import { Errno, PmemFile, type RepairError, type RepairStrategy } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver } from '../../src/index.js';
import { mockDriver } from '../../src/index.js';
import { content, failure, PAGE, PATH } from './opened.js';

type Machine = Parameters<typeof mockDriver>[0];

const zeroRangeFirst: readonly { readonly machine: Machine; readonly strategy: RepairStrategy | 'auto' }[] = [
  { machine: { kernel: '5.10', filesystem: 'ext4' }, strategy: 'auto' },
  { machine: { kernel: '5.10', filesystem: 'ext4' }, strategy: 'zero-range' },
  { machine: { kernel: '6.1', filesystem: 'ext4' }, strategy: 'zero-range' },
];

/** The first write of a repair is refused, after `transferredBytes`, and others do `meanwhile` before it goes on. */
function refuseFirstWrite(driver: MockDriver, meanwhile: () => void): { readonly refusals: () => number } {
  let refusals = 0;
  let asked = false;
  driver.observe((operation) => {
    if (operation.step !== undefined || asked) return undefined;
    if (refusals > 0) {
      asked = true;
      meanwhile();
      return undefined;
    }
    if (operation.name !== 'pwrite') return undefined;
    refusals++;
    return { errno: Errno.EIO };
  });
  return { refusals: () => refusals };
}

async function badTail(machine: Machine, pages: number): Promise<{ driver: MockDriver; file: PmemFile }> {
  const driver = mockDriver(machine);
  driver.writeFile(PATH, content(4 * PAGE + 100));
  driver.poison(PATH, { offset: (5 - pages) * PAGE, length: (pages - 1) * PAGE + 100 });
  return { driver, file: await PmemFile.open(PATH, { driver }) };
}

describe.each(zeroRangeFirst)('a repair was refused once: $strategy on $machine', ({ machine, strategy }) => {
  it.each([1, 2, 3])('what others append to the last of %i bad pages is kept, and merged', async (pages) => {
    const { driver, file } = await badTail(machine, pages);
    const appended = content(50).map((byte) => byte || 1);
    const { refusals } = refuseFirstWrite(driver, () => { driver.append(PATH, appended); });
    const bad = { offset: (5 - pages) * PAGE, length: (pages - 1) * PAGE + 100 };
    const tail = { offset: 4 * PAGE, length: 100 };
    const options = { fill: 7, strategy };
    const error = await failure<RepairError>('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, options));
    expect(refusals()).toBe(1);
    expect(error.ranges).toEqual([tail]);
    expect(error).toMatchObject({ attempts: [{ range: tail, errno: Errno.EIO }] });
    expect(driver.readFile(PATH).subarray(4 * PAGE + 100)).toEqual(appended);
    await file.repair(tail, { fill: 7 });
    expect(driver.readFile(PATH).subarray(bad.offset)).toEqual(
      Uint8Array.of(...new Uint8Array(bad.length).fill(7), ...appended),
    );
  });

  it('what others store into one of two bad pages is kept; the other one is repaired', async () => {
    const driver = mockDriver(machine);
    driver.writeFile(PATH, content(4 * PAGE));
    driver.poison(PATH, { offset: PAGE, length: 2 * PAGE });
    const file = await PmemFile.open(PATH, { driver });
    const theirs = new Uint8Array(80).fill(99);
    refuseFirstWrite(driver, () => { driver.overwrite(PATH, theirs, 2 * PAGE + 40); });
    const error = await failure(
      'ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: PAGE, length: 2 * PAGE }, { fill: 7, strategy }),
    );
    expect(error.ranges).toEqual([{ offset: 2 * PAGE, length: PAGE }]);
    const now = driver.readFile(PATH);
    expect(now.subarray(PAGE, 2 * PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
    expect(now.subarray(2 * PAGE + 40, 2 * PAGE + 120)).toEqual(theirs);
    const found = new Uint8Array(80);
    file.read(found, 2 * PAGE + 40);
    expect(found).toEqual(theirs);
  });

  it('a write that was refused half way is tried again, unit by unit', async () => {
    const driver = mockDriver(machine);
    driver.writeFile(PATH, content(4 * PAGE));
    driver.poison(PATH, { offset: PAGE, length: 2 * PAGE });
    const file = await PmemFile.open(PATH, { driver });
    let writes = 0;
    driver.observe((operation) => {
      if (operation.name !== 'pwrite' || operation.step !== undefined || ++writes > 2) return undefined;
      return writes === 1 ? { shortBytes: PAGE + 512 } : { errno: Errno.EIO };
    });
    await file.repair({ offset: PAGE, length: 2 * PAGE }, { fill: 7, strategy });
    expect(writes).toBe(4);
    expect(driver.readFile(PATH).subarray(PAGE, 3 * PAGE)).toEqual(new Uint8Array(2 * PAGE).fill(7));
  });
});

it('a refused write without a reset may uncover what the medium holds: that is no data', async () => {
  const driver = mockDriver({ kernel: '6.12' });
  driver.writeFile(PATH, content(4 * PAGE));
  driver.poison(PATH, { offset: PAGE, length: 2 * PAGE });
  const file = await PmemFile.open(PATH, { driver });
  const { refusals } = refuseFirstWrite(driver, () => { driver.overwrite(PATH, new Uint8Array(PAGE).fill(99), PAGE); });
  await file.repair({ offset: PAGE, length: 2 * PAGE }, { fill: 7 });
  expect(refusals()).toBe(1);
  expect(driver.readFile(PATH).subarray(PAGE, 3 * PAGE)).toEqual(new Uint8Array(2 * PAGE).fill(7));
});
