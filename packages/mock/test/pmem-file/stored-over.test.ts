// A repair was killed or could not take its intent back, and others have stored into the page since. A later repair by
// an opener that was there before, with no open() in between, finishes no such intent over what they have stored.
import { Errno } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { loseAll, type MockDriver, mockDriver, type MockOptions } from '../../src/index.js';
import { content, failure, openIn, PAGE, pageOf, PATH, read } from './opened.js';

const machines: MockOptions[] = [{ filesystem: 'xfs' }, { filesystem: 'ext4' }, { dax: false }];
const record = new Uint8Array(10).fill(9);
const sevens = { rebuild: ({ length }: { length: number }) => new Uint8Array(length).fill(7) };

/** Another process rewrites all of the file: page 1 holds nines, zeros and nines. */
function rewrite(driver: MockDriver): Uint8Array {
  const bytes = content(3 * PAGE).fill(9, PAGE, 2 * PAGE).fill(0, PAGE + 100, PAGE + 200);
  driver.truncate(PATH, 0);
  driver.overwrite(PATH, bytes, 0);
  return bytes.slice(PAGE, 2 * PAGE);
}

describe.each(machines)('%o', (options) => {
  it.each([
    ...['sync', 'remap', 'writeMark'].map((at) => ({ at, repair: sevens })),
    ...['sync', 'remap', 'writeMark'].map((at) => ({ at, repair: { fill: 7 } })),
  ])('a repair is killed at its $at: what others store then stays', async ({ at, repair }) => {
    const driver = mockDriver(options);
    driver.writeFile(PATH, content(3 * PAGE));
    const [killed, there] = [await openIn(driver, 'killed'), await openIn(driver, 'there')];
    driver.poison(PATH, pageOf(1));
    let isWritten = false;
    driver.observe(({ name, process }) => {
      if (process !== 'killed') return;
      if (name === at && isWritten) driver.process('killed').kill();
      isWritten ||= name === 'pwrite';
    });
    await expect(killed.repair(pageOf(1), repair)).rejects.toThrow('killed');
    there.write(record, PAGE + 10);
    there.persist(PAGE + 10, record.length);
    await there.repair(pageOf(1), repair);
    expect(read(there, PAGE + 10, 10)).toEqual(record);
    expect(read(there, PAGE + 20, 10)).toEqual(new Uint8Array(10).fill(7));
    expect(read(await openIn(driver, 'later'), PAGE + 10, 10)).toEqual(record);
  });

  it.each([sevens, { fill: 7 }])('the file is rewritten, and the intent cannot be taken back: %o', async (repair) => {
    const driver = mockDriver(options);
    driver.writeFile(PATH, content(3 * PAGE));
    const file = await openIn(driver, 'here');
    driver.poison(PATH, pageOf(1));
    let theirs: Uint8Array | undefined;
    const stop = driver.observe(({ name, step }) => {
      if (theirs !== undefined && name === 'readMark') return { errno: Errno.EIO };
      if (name === 'writeJournal' && step === 'renamed') theirs ??= rewrite(driver);
      return undefined;
    });
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(pageOf(1), repair));
    stop();
    expect(driver.readFile(PATH).subarray(PAGE, 2 * PAGE)).toEqual(theirs);
    await file.repair(pageOf(1), repair);
    expect(read(file, PAGE, PAGE)).toEqual(theirs);
    expect(read(await openIn(driver, 'later'), PAGE, PAGE)).toEqual(theirs);
  });
});

it.each(machines.flatMap((options) => [true, false].map((journalRebuilt) => ({ options, journalRebuilt }))))(
  'a repair was killed before its write, and others rewrite its page while another waits for rebuild: %o',
  async ({ options, journalRebuilt }) => {
    const driver = mockDriver(options);
    driver.writeFile(PATH, content(3 * PAGE));
    const [killed, there] = [await openIn(driver, 'killed'), await openIn(driver, 'there')];
    driver.poison(PATH, pageOf(1));
    driver.observe(({ name, process }) => {
      if (process === 'killed' && name === 'pwrite') driver.process('killed').kill();
    });
    await expect(killed.repair(pageOf(1), { ...sevens, journalRebuilt })).rejects.toThrow('killed');
    driver.poison(PATH, pageOf(0));
    const theirs = new Uint8Array(PAGE).fill(9);
    const rebuild = ({ length }: { length: number }): Uint8Array => {
      driver.overwrite(PATH, theirs, PAGE);
      return new Uint8Array(length).fill(6);
    };
    await there.repair({ offset: 0, length: 2 * PAGE }, { rebuild, journalRebuilt });
    expect(driver.readFile(PATH).subarray(PAGE, 2 * PAGE)).toEqual(theirs);
    expect(read(there, PAGE, PAGE)).toEqual(theirs);
    expect(read(await openIn(driver, 'later'), PAGE, PAGE)).toEqual(theirs);
  },
);

const supplies = [sevens, { fill: 7 }];

it.each(supplies)('a page that this repair has left half done, and no other has stored into: %o', async (repair) => {
  const driver = mockDriver({ filesystem: 'xfs' });
  driver.writeFile(PATH, content(3 * PAGE));
  const file = await openIn(driver, 'here');
  driver.poison(PATH, pageOf(1));
  const stop = driver.observe(({ name }) => (name === 'sync' ? { errno: Errno.EIO } : undefined));
  await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(pageOf(1), repair));
  stop();
  const { units } = await file.repair(pageOf(1), repair);
  expect(units).not.toMatchObject([{ outcome: 'healthy' }]);
  expect(read(file, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
});

it.each(supplies)('a page that was reset, by a repair that was killed then, is written: %o', async (repair) => {
  const driver = mockDriver({ kernel: '5.10' });
  driver.writeFile(PATH, content(3 * PAGE));
  const [killed, there] = [await openIn(driver, 'killed'), await openIn(driver, 'there')];
  driver.poison(PATH, pageOf(1));
  driver.observe(({ name, process }) => {
    if (process === 'killed' && name === 'pwrite') driver.process('killed').kill();
  });
  await expect(killed.repair(pageOf(1), repair)).rejects.toThrow('killed');
  await there.repair(pageOf(1), repair);
  expect(read(there, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
});

it('an intent is struck after what others have stored is durable', async () => {
  const driver = mockDriver({ dax: false });
  driver.writeFile(PATH, content(3 * PAGE));
  const [killed, there] = [await openIn(driver, 'killed'), await openIn(driver, 'there')];
  driver.poison(PATH, pageOf(1));
  driver.observe(({ name, process }) => {
    if (process === 'killed' && name === 'sync') driver.process('killed').kill();
  });
  await expect(killed.repair(pageOf(1), { fill: 7 })).rejects.toThrow('killed');
  there.write(record, PAGE + 10);
  await there.repair(pageOf(1), { fill: 7 });
  driver.crash(loseAll);
  const later = await openIn(driver, 'later');
  expect(read(later, PAGE + 10, 10)).toEqual(record);
  expect(read(later, PAGE + 20, 10)).toEqual(new Uint8Array(10).fill(7));
});
