// Other processes cut the file off where bytes of it are lost. The loss goes with the bytes: what the file has there
// when it grows again was never lost.
import { Errno, type MediaError, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { everyCrash, failNth, type MockDriver, mockDriver, type MockOptions } from '../../src/index.js';
import { JOURNAL, size, withLoss } from './journalled.js';
import { failure, openIn, PAGE, pageOf, PATH, read } from './opened.js';

const machines: MockOptions[] = [{ filesystem: 'ext4' }, { filesystem: 'xfs' }, { dax: false }];
const zeros = new Uint8Array(PAGE);

describe.each(machines)('%o: lost bytes that another process has cut off', (options) => {
  it('are zeros and no loss once resize() has made the file longer again', async () => {
    const driver = await withLoss(options);
    const file = await PmemFile.open(PATH, { driver });
    driver.truncate(PATH, 0);
    await file.resize(4 * PAGE);
    expect(read(file, PAGE, PAGE)).toEqual(zeros);
    expect((await file.salvage()).gaps).toEqual([]);
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE, PAGE)).toEqual(zeros);
    expect(driver.listFiles()).not.toContain(JOURNAL);
  });

  it('are no loss in a file that was opened after the cut, if others make it longer', async () => {
    const driver = await withLoss(options);
    driver.truncate(PATH, PAGE / 2);
    await (await PmemFile.open(PATH, { driver })).close();
    driver.append(PATH, new Uint8Array(3 * PAGE));
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE, PAGE)).toEqual(zeros);
    expect(driver.listFiles()).not.toContain(JOURNAL);
  });

  it('are gone in part: what is left before the end stays lost', async () => {
    const driver = await withLoss(options);
    const file = await PmemFile.open(PATH, { driver });
    driver.truncate(PATH, PAGE + 100);
    await file.resize(4 * PAGE);
    const error: MediaError = await failure('ERR_PMEM_LOST', () => read(file, 0, 4 * PAGE));
    expect(error.ranges).toEqual([{ offset: PAGE, length: 100 }]);
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE + 100, PAGE)).toEqual(zeros);
    await failure('ERR_PMEM_LOST', () => read(again, PAGE + 99, 1));
  });
});

/** A file whose page 1 an earlier repair has left half done. */
async function halfDone(): Promise<[MockDriver, PmemFile]> {
  const driver = mockDriver({ filesystem: 'xfs' });
  driver.writeFile(PATH, new Uint8Array(4 * PAGE).fill(1));
  const file = await openIn(driver, 'here');
  driver.poison(PATH, pageOf(1));
  const stop = driver.observe(({ name }) => (name === 'sync' ? { errno: Errno.EIO } : undefined));
  await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(pageOf(1), { fill: 7 }));
  stop();
  return [driver, file];
}

/** Names of the calls of `body`, in order. */
async function callsOf(driver: MockDriver, body: () => Promise<unknown>): Promise<string[]> {
  const calls: string[] = [];
  const stop = driver.observe(({ name }) => { calls.push(name); });
  await body();
  stop();
  return calls;
}

it('a unit that a repair has left half done, and that others cut off, is open in a file that grew again', async () => {
  const [driver, file] = await halfDone();
  driver.truncate(PATH, 0);
  await file.resize(4 * PAGE);
  expect(read(file, PAGE, PAGE)).toEqual(zeros);
  await file.close();
  expect(read(await openIn(driver, 'there'), PAGE, PAGE)).toEqual(zeros);
});

it('a journal that cannot be replaced keeps resize() from making the file longer', async () => {
  const driver = await withLoss();
  const file = await PmemFile.open(PATH, { driver });
  driver.truncate(PATH, 0);
  const stop = driver.observe(failNth({ operation: ['writeMark', 'writeJournal'], nth: 1, errno: Errno.ENOSPC }));
  await failure('ERR_PMEM_JOURNAL', () => file.resize(4 * PAGE));
  stop();
  expect(driver.readFile(PATH).length).toBe(0);
  await file.resize(4 * PAGE);
  expect(read(file, PAGE, PAGE)).toEqual(zeros);
});

it('and does not keep the file from being opened', async () => {
  const driver = await withLoss();
  driver.truncate(PATH, 2 * PAGE - 100);
  const stop = driver.observe(failNth({ operation: ['writeMark', 'writeJournal'], nth: 1, errno: Errno.ENOSPC }));
  const file = await PmemFile.open(PATH, { driver });
  stop();
  await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
  expect(file.size).toBe(2 * PAGE - 100);
});

it('the loss is forgotten after the cut is durable: power loss does not bring its zeros back as data', async () => {
  await everyCrash({
    prep: async (seed) => ({ driver: await withLoss({ seed }) }),
    body: async ({ driver }) => {
      driver.truncate(PATH, 0);
      const file = await PmemFile.open(PATH, { driver });
      await file.resize(4 * PAGE);
      await file.close();
    },
    check: async ({ driver }) => {
      const file = await PmemFile.open(PATH, { driver });
      if (file.size === size) await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
      await file.close();
    },
  });
});

it('the file is flushed before the journal forgets', async () => {
  const driver = await withLoss();
  const file = await PmemFile.open(PATH, { driver });
  driver.truncate(PATH, 0);
  const resizing = await callsOf(driver, () => file.resize(4 * PAGE));
  expect(resizing.filter((name) => ['sync', 'removeJournal', 'resize'].includes(name))).toEqual(
    ['sync', 'removeJournal', 'removeJournal', 'resize'],
  );
  const [other, half] = await halfDone();
  await half.close();
  other.truncate(PATH, 0);
  const opening = await callsOf(other, () => PmemFile.open(PATH, { driver: other }));
  expect(opening).toContain('sync');
  expect(opening.indexOf('sync')).toBeLessThan(opening.indexOf('removeJournal'));
});

it('a loss behind what an opener has mapped stays one if its resize() leaves the file longer', async () => {
  const driver = mockDriver();
  driver.writeFile(PATH, new Uint8Array(PAGE).fill(1));
  const early = await openIn(driver, 'early');
  driver.append(PATH, new Uint8Array(3 * PAGE).fill(1));
  const other = await openIn(driver, 'other');
  driver.poison(PATH, pageOf(2));
  await other.repair(pageOf(2));
  await early.resize(PAGE + 100);
  expect(driver.readFile(PATH).length).toBe(4 * PAGE);
  await failure('ERR_PMEM_LOST', () => read(other, 2 * PAGE, 1));
  await failure('ERR_PMEM_LOST', async () => read(await openIn(driver, 'later'), 2 * PAGE, 1));
});
