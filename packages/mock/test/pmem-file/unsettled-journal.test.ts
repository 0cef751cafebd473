/**
 * A process dies when its repair has replaced the journal, before the folder is flushed: others see the new journal,
 * and a power failure brings the old one back. What they stored on the word of the new one stays.
 */
import type { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { loseAll, type MockDriver, mockDriver, type MockOptions } from '../../src/index.js';
import { content, failure, filled, openIn, PAGE, pageOf, part, PATH, read } from './opened.js';

const size = 8 * PAGE;
const whole = content(size);
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

/** Page 2 is lost, so that there is a journal. Process `dies` has repaired page 1 and is gone. */
async function unsettled(
  options: MockOptions, before?: (other: PmemFile) => Promise<unknown>,
): Promise<{ driver: MockDriver; early: PmemFile; other: PmemFile }> {
  const driver = mockDriver(options);
  await (await filled(driver, size)).close();
  const early = await openIn(driver, 'early');
  const file = await openIn(driver, 'dies');
  driver.poison(PATH, pageOf(2));
  await file.repair(pageOf(2));
  const other = await openIn(driver, 'other');
  driver.poison(PATH, pageOf(1));
  for (const each of [early, other]) await before?.(each);
  let replaced = 0;
  const stop = driver.observe(({ name, step, process }) => {
    // The first names the intent, the second strikes it.
    const isReplaced = process === 'dies' && name === 'writeJournal' && step === 'renamed';
    if (isReplaced && ++replaced === 2) driver.process('dies').kill();
    return undefined;
  });
  await file.repair(pageOf(1), { rebuild }).catch(() => undefined);
  stop();
  expect(replaced).toBe(2);
  return { driver, early, other };
}

const machines = [{ filesystem: 'ext4' }, { filesystem: 'xfs' }, { filesystem: 'ext4', dax: false }] as const;

it.each(machines)('%o: another process is told by a repair that the page is healthy', async (options) => {
  const { driver, other } = await unsettled(options);
  expect((await other.repair(pageOf(1), { rebuild })).units).toMatchObject([{ outcome: 'healthy' }]);
  await expectToStay(driver, other);
});

// The one that was opened early knows of no loss, and so has not asked for the journal.
it.each(machines.flatMap((options) => [['early', options], ['other', options]] as const))(
  '%s, %o: another process had met the page, and finds that it can be read', async (who, options) => {
    const meet = (each: PmemFile): Promise<unknown> => failure('ERR_PMEM_MEDIA', () => read(each, PAGE, 1));
    const { driver, [who]: file } = await unsettled(options, meet);
    expect(read(file, PAGE, PAGE)).toEqual(part(whole, pageOf(1)));
    await expectToStay(driver, file);
  },
);

it.each(machines)('%o: another process opens the file after that', async (options) => {
  const { driver } = await unsettled(options);
  await expectToStay(driver, await openIn(driver, 'next'));
});

/** Calls that leave nothing in the journal. */
const ENDINGS: Readonly<Record<string, (file: PmemFile) => unknown>> = {
  'a repair with bytes': (file) => file.repair(pageOf(1), { rebuild }),
  'a repair with bytes in the journal': (file) => file.repair(pageOf(1), { rebuild, journalRebuilt: true }),
  'a repair that fills': (file) => file.repair(pageOf(1), { fill: 7 }),
  'a store over what a repair has lost': async (file) => {
    await file.repair(pageOf(1));
    file.write(whole.subarray(PAGE, 2 * PAGE), PAGE);
    file.persist(PAGE, PAGE);
  },
};

// With marks, the mark is gone durably before the journal is: one that comes back is in force for no file.
describe.each([true, false])('marks: %s', (extendedAttributes) => {
  it.each(Object.keys(ENDINGS))('a process dies when it has removed the journal, after %s', async (how) => {
    const driver = mockDriver({ extendedAttributes });
    await (await filled(driver, size)).close();
    const other = await openIn(driver, 'other');
    const file = await openIn(driver, 'dies');
    driver.poison(PATH, pageOf(1));
    const stop = driver.observe(({ name, step, process }) => {
      if (process === 'dies' && name === 'removeJournal' && step === 'removed') driver.process('dies').kill();
      return undefined;
    });
    await Promise.resolve(file).then(ENDINGS[how]).catch(() => undefined);
    stop();
    for (const each of [other, await openIn(driver, 'next')]) {
      const stored = new Uint8Array(64).fill(each === other ? 9 : 0);
      each.write(stored, PAGE + 128);
      each.persist(PAGE + 128, 64);
    }
    driver.crash(loseAll);
    expect(read(await openIn(driver, 'later'), PAGE + 128, 64)).toEqual(new Uint8Array(64));
  });
});

/** Stores in page 1 and persists: that is there after a power failure. */
async function expectToStay(driver: MockDriver, file: PmemFile): Promise<void> {
  const stored = new Uint8Array(PAGE).fill(9);
  file.write(stored, PAGE);
  file.persist(PAGE, PAGE);
  driver.crash(loseAll);
  const again = await openIn(driver, 'later');
  expect(read(again, PAGE, PAGE)).toEqual(stored);
  await failure('ERR_PMEM_LOST', () => read(again, 2 * PAGE, 1));
}
