import { Errno, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { crashAt, failNth, keepAll, loseAll, mockDriver, SimulatedCrash } from '../../src/index.js';
import type { CrashChooser, MockOptions } from '../../src/index.js';
import { FIRST_MOMENT, MOMENTS_APART } from '../share.js';
import { bad, expectNothingInvented, rebuild, size, whole } from './journalled.js';
import { failure, filled, PAGE, part, PATH, read } from './opened.js';

const machines: MockOptions[] = [
  { filesystem: 'ext4' },
  { filesystem: 'xfs' },
  { filesystem: 'ext4', clearable: false },
  { filesystem: 'ext4', kernel: '5.10' },
  { filesystem: 'ext4', kernel: '6.1' },
];
const choosers: [string, CrashChooser | undefined][] = [['keeps all', keepAll], ['loses all', loseAll], ['keeps some', undefined]];

describe('a crash at every step of a repair', () => {
  for (const machine of machines) {
    for (const supplied of [true, false]) {
      for (const [name, chooser] of choosers) {
        it(`${JSON.stringify(machine)}, ${supplied ? 'rebuild' : 'losses'}, power loss ${name}`, async () => {
          for (let index = FIRST_MOMENT; ; index += MOMENTS_APART) {
            const driver = mockDriver({ ...machine, seed: index });
            const file = await filled(driver, size);
            for (const range of bad) driver.poison(PATH, range);
            const start = driver.operations;
            const stop = driver.observe(crashAt(start + index, chooser));
            let crashed = false;
            try {
              await file.repair(bad, supplied ? { rebuild } : {});
            } catch (error) {
              crashed = error instanceof SimulatedCrash || (error as { cause?: unknown }).cause instanceof SimulatedCrash;
              if (!crashed && machine.clearable !== false) throw error;
            }
            stop();
            const when = `crash at operation ${index}`;
            const again = await expectNothingInvented(driver, when);
            if (machine.clearable !== false) {
              await again.repair(bad, { rebuild });
              expect(Buffer.compare(read(again, 0, size), whole), when).toBe(0);
              expect(driver.listFiles(), when).toEqual([PATH]);
            }
            await again.close();
            if (!crashed) {
              expect(index).toBeGreaterThan(10);
              break;
            }
          }
        });
      }
    }
  }

  it('and a second crash at every step of the recovery that follows', async () => {
    let states = 0;
    for (let first = FIRST_MOMENT; ; first += MOMENTS_APART) {
      let recovered = false;
      for (let second = 1; !recovered; second++) {
        const driver = mockDriver({ filesystem: 'xfs', seed: first * 1000 + second });
        const file = await filled(driver, size);
        for (const range of bad) driver.poison(PATH, range);
        const survive = driver.observe(crashAt(driver.operations + first));
        try {
          await file.repair(bad, { rebuild });
          expect(states).toBeGreaterThan(100 / MOMENTS_APART);
          return;
        } catch { /* the first crash */ }
        survive();
        const stop = driver.observe(crashAt(driver.operations + second));
        try {
          await (await PmemFile.open(PATH, { driver })).close();
          recovered = true;
        } catch { /* the second crash */ }
        stop();
        await (await expectNothingInvented(driver, `crash at ${first}, then at ${second}`)).close();
        states++;
      }
    }
  });
});

describe('what one repair has left, wherever the repair of another unit is cut off', () => {
  const [first, second] = [{ offset: 0, length: PAGE }, { offset: 2 * PAGE, length: PAGE }];

  /** Crashes at every operation of the second repair, each time on a new machine. */
  async function cutOffEverywhere(
    chooser: CrashChooser,
    leave: (driver: ReturnType<typeof mockDriver>, file: PmemFile) => Promise<void>,
    check: (again: PmemFile, when: string) => Promise<void>,
  ): Promise<void> {
    for (let index = 1; ; index++) {
      const driver = mockDriver({ filesystem: 'xfs', seed: index });
      const file = await filled(driver, size);
      for (const range of [first, second]) driver.poison(PATH, range);
      await leave(driver, file);
      const stop = driver.observe(crashAt(driver.operations + index, chooser));
      const outcome = await file.repair(second, { rebuild }).then(() => 'done', () => 'cut off');
      stop();
      const when = `crash at operation ${index}`;
      await check(await expectNothingInvented(driver, when), when);
      if (outcome === 'done') {
        expect(index).toBeGreaterThan(10);
        break;
      }
    }
  }

  it.each([keepAll, loseAll])('a unit that it could not write is finished by the next open', async (chooser) => {
    await cutOffEverywhere(chooser, async (driver, file) => {
      const mend = driver.observe(failNth({ operation: 'pwrite', nth: 1, errno: Errno.EIO, persistent: true }));
      await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(first, { rebuild, journalRebuilt: true, strategy: 'zero-range' }));
      mend();
    }, (again, when) => {
      expect(read(again, 0, PAGE), when).toEqual(part(whole, first));
      return Promise.resolve();
    });
  });

  it.each([keepAll, loseAll])('a unit that could not be supplied stays lost', async (chooser) => {
    await cutOffEverywhere(chooser, async (_, file) => {
      await file.repair(first);
    }, async (again) => {
      await failure('ERR_PMEM_LOST', () => read(again, 0, 1));
    });
  });
});
