// What repair() learns about zero-range: tried on a healthy block first, then on a page that is bad anyway, once for a
// device.
import { type ByteRange, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { everyCrash, failNth, type KernelName, mockDriver, type MockOptions } from '../../src/index.js';
import { changing, content, filled, PAGE, PATH, part, read } from './opened.js';

const PAGES = 6;
const whole = content(PAGES * PAGE);
const page = (number: number) => ({ offset: number * PAGE, length: PAGE });
const stock = { ext4: 'in-place', xfs: 'relocates' } as const;
const filesystems = ['ext4', 'xfs'] as const;

/** What of `done` a repair of these pages adds, and what becomes of them; the lost bytes are those that were there. */
async function repaired({ file, done }: { file: PmemFile; done: string[] }, pages: readonly number[]) {
  done.length = 0;
  const { units } = await file.repair(pages.map(page), { rebuild: (range) => part(whole, range) });
  for (const number of pages) expect(read(file, number * PAGE, PAGE)).toEqual(part(whole, page(number)));
  return { done: [...done], units: units.map(({ strategy, outcome, released }) => ({ strategy, outcome, released })) };
}

/** `done` are the zero-ranges and trials of it that were asked for. */
async function poisoned(options: MockOptions, pages: readonly number[] = [1]) {
  const driver = mockDriver(options);
  const done: string[] = [];
  driver.observe(({ name, step, position }) => {
    const isMeant = name === 'tryZeroRange' || name === 'zeroRange';
    if (step === undefined && isMeant) done.push(`${name} ${position / PAGE}`);
    return undefined;
  });
  const file = await filled(driver, PAGES * PAGE);
  for (const number of pages) driver.poison(PATH, { offset: number * PAGE, length: 512 });
  return { driver, file, done };
}

const cleared = { strategy: 'zero-range', outcome: 'cleared', released: [] };
const rewritten = { ...cleared, strategy: 'recovery-write' };

describe.each(filesystems)('zero-range that clears in place, %s', (filesystem) => {
  const kernel: KernelName = 'dax-zeroinit';

  it('is found out by the first repair, comes first from then on, and gives no poison away', async () => {
    const scene = await poisoned({ kernel, filesystem }, [1, 3]);
    const { driver, file } = scene;
    expect(file.info().zeroRange).toBe(stock[filesystem]);
    const first = await repaired(scene, [1]);
    expect(first).toEqual({ done: ['tryZeroRange 0', 'zeroRange 1', 'zeroRange 1'], units: [cleared] });
    expect(file.info().zeroRange).toBe('clears-in-place');
    expect(await repaired(scene, [3])).toEqual({ done: ['zeroRange 3'], units: [cleared] });
    expect(driver.freePool.poisoned).toEqual([]);
  });

  it('is known to every file of the device, and to no other device', async () => {
    const scene = await poisoned({ kernel, filesystem });
    const { driver } = scene;
    await repaired(scene, [1]);
    const another = await PmemFile.open('/pmem/another', { driver, create: true, size: PAGE });
    expect(another.info().zeroRange).toBe('clears-in-place');
    const other = mockDriver({ kernel, filesystem });
    const elsewhere = await PmemFile.open(PATH, { driver: other, create: true, size: PAGE });
    expect(elsewhere.info().zeroRange).toBe(stock[filesystem]);
  });

  it('on a device that cannot clear: nothing is tried, and a repair fails as it does everywhere', async () => {
    const { file, done } = await poisoned({ kernel, filesystem, clearable: false });
    await expect(file.repair(page(1), { fill: 0 })).rejects.toMatchObject({ code: 'ERR_PMEM_REPAIR_FAILED' });
    expect(done).toEqual([]);
  });

  it('if there is no room for the trial, the page is repaired without, and the next repair tries again', async () => {
    const scene = await poisoned({ kernel, filesystem }, [1, 3]);
    scene.driver.observe(failNth({ operation: 'tryZeroRange', nth: 1, errno: 28 }));
    expect(await repaired(scene, [1])).toEqual({ done: ['tryZeroRange 0'], units: [rewritten] });
    const second = await repaired(scene, [3]);
    expect(second).toEqual({ done: ['tryZeroRange 0', 'zeroRange 3', 'zeroRange 3'], units: [cleared] });
  });

  it('if it refuses the first bad page, the write repairs it, and zero-range is not tried on another', async () => {
    const scene = await poisoned({ kernel, filesystem }, [1, 3]);
    scene.driver.observe(failNth({ operation: 'zeroRange', nth: 1, errno: 5 }));
    expect(await repaired(scene, [1])).toEqual({ done: ['tryZeroRange 0', 'zeroRange 1'], units: [rewritten] });
    expect(await repaired(scene, [3])).toEqual({ done: [], units: [rewritten] });
    expect(scene.file.info().zeroRange).toBe('in-place');
  });

  it('if nothing can be written after it was tried on a bad page, the next open() writes that page', async () => {
    const { driver, file } = await poisoned({ kernel, filesystem });
    const stops = [
      driver.observe(failNth({ operation: 'zeroRange', nth: 2, errno: 5, persistent: true })),
      driver.observe(failNth({ operation: 'pwrite', nth: 1, errno: 5, persistent: true })),
    ];
    await expect(file.repair(page(1), { fill: 7 })).rejects.toMatchObject({ code: 'ERR_PMEM_REPAIR_FAILED' });
    for (const stop of stops) stop();
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
  });

  it('strategies asked for by name teach nothing', async () => {
    const { file, done } = await poisoned({ kernel, filesystem });
    await file.repair(page(1), { fill: 0, strategy: 'recovery-write' });
    expect(done).toEqual([]);
  });

  it('power that fails at any moment of finding out leaves the old page bad, or the new one there', async () => {
    const report = await everyCrash({
      prep: () => poisoned({ kernel, filesystem }, [1, 3]),
      body: async ({ file }) => {
        await file.repair([page(1), page(3)], { rebuild: (range) => part(whole, range) });
      },
      check: async ({ driver, done }) => {
        const file = await PmemFile.open(PATH, { driver });
        for (let number = 0; number < PAGES; number++) {
          const bad = await file.salvage(page(number));
          if (bad.gaps.length === 0) expect(read(file, number * PAGE, PAGE)).toEqual(part(whole, page(number)));
          else expect([1, 3]).toContain(number);
        }
        await repaired({ file, done }, [1, 3]);
        expect(driver.freePool.poisoned).toEqual([]);
      },
    }, { limit: 150 });
    expect(report.states).toBeGreaterThan(50);
  });
});

describe.each(['5.10', '6.1', '6.12', '7.3'] as const)('zero-range of Linux %s', (kernel) => {
  it.each(filesystems)('%s: a trial shows that it does not clear at once, and no page is tried', async (filesystem) => {
    const { driver, file, done } = await poisoned({ kernel, filesystem }, [1, 3]);
    const { freePool } = driver;
    const request = { rebuild: (range: ByteRange) => part(whole, range), allowRelocation: true };
    // Without the whole-page write, zero-range is what is left.
    const bad = (number: number): string[] => (kernel === '5.10' ? [`zeroRange ${number}`] : []);
    await file.repair(page(1), request);
    expect(done).toEqual(['tryZeroRange 0', ...bad(1)]);
    await file.repair(page(3), request);
    expect(done).toEqual(['tryZeroRange 0', ...bad(1), ...bad(3)]);
    expect(file.info().zeroRange).toBe(stock[filesystem]);
    if (kernel !== '5.10') expect(driver.freePool).toEqual(freePool);
  });
});

it('a filesystem zeroes healthy blocks in place and moves off bad ones: that does not count as clearing', async () => {
  const { driver, file } = await poisoned({ filesystem: 'xfs' });
  await file.close();
  const moving = changing(driver, (opened) => {
    const trial = opened.tryZeroRange?.bind(opened);
    opened.tryZeroRange = async () => {
      const outcome = await trial?.();
      if (outcome === undefined || 'failure' in outcome) throw new Error('the trial did not run');
      return { ...outcome, after: outcome.before, readsZeros: true };
    };
    const move = opened.zeroRange.bind(opened);
    opened.zeroRange = async (position, length) => {
      const refusal = await move(position, length);
      if (refusal === undefined) await opened.pwrite(new Uint8Array(length), position);
      return refusal;
    };
  });
  const again = await PmemFile.open(PATH, { driver: moving });
  const { units } = await again.repair(page(1), { fill: 7 });
  expect(units).toMatchObject([{ outcome: 'relocated' }]);
  expect(again.info().zeroRange).toBe('in-place');
});
