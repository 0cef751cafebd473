// A pread gives part of a page that can be read, as one that a signal interrupts, or one of a network filesystem: the
// rest is read on, and what others have stored since an intent stays.
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver, SimulatedCrash } from '../../src/index.js';
import { content, filled, PAGE, PATH, part, read } from './opened.js';

const SIZE = 4 * PAGE;
const BAD = { offset: PAGE, length: PAGE };
const whole = content(SIZE);
const newer = new Uint8Array(PAGE).fill(77);

/** A process is killed in a repair, its intent stays, and another program stores into the page. */
async function storedSince(
  journalRebuilt: boolean, before?: (driver: MockDriver) => Promise<void>,
): Promise<MockDriver> {
  const driver = mockDriver();
  await (await filled(driver, SIZE)).close();
  await before?.(driver);
  driver.poison(PATH, BAD);
  const process = driver.process('a');
  const file = await PmemFile.open(PATH, { driver: process });
  let isWritten = false;
  const stop = driver.observe(({ name }) => {
    isWritten ||= name === 'pwrite';
    if (isWritten && name === 'writeMark') process.kill();
    return undefined;
  });
  const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);
  await expect(file.repair(BAD, { journalRebuilt, rebuild })).rejects.toThrow(SimulatedCrash);
  stop();
  driver.overwrite(PATH, newer, PAGE);
  return driver;
}

/** The `nth` pread is short. Returns false if there was none. */
function shortenNth(driver: MockDriver, nth: number): () => boolean {
  let preads = 0;
  const stop = driver.observe(({ name, step }) =>
    (name === 'pread' && step === undefined && ++preads === nth ? { shortBytes: 512 } : undefined));
  return () => {
    stop();
    return preads >= nth;
  };
}

describe.each([true, false])('an intent with the bytes in the journal: %s', (journalRebuilt) => {
  it('the next open() reads it in two pieces', async () => {
    let opens = 0;
    for (let nth = 1; ; nth++) {
      const driver = await storedSince(journalRebuilt);
      const wasShort = shortenNth(driver, nth);
      const file = await PmemFile.open(PATH, { driver });
      if (!wasShort()) break;
      opens++;
      expect(read(file, PAGE, PAGE), `pread ${nth}`).toEqual(newer);
      expect(driver.readFile(PATH).slice(PAGE, 2 * PAGE), `pread ${nth}`).toEqual(newer);
    }
    expect(opens).toBeGreaterThan(0);
  });

  it('a repair by who had the file open before reads it in two pieces', async () => {
    let repairs = 0;
    for (let nth = 1; ; nth++) {
      let early: PmemFile | undefined;
      const driver = await storedSince(journalRebuilt, async (machine) => {
        early = await PmemFile.open(PATH, { driver: machine.process('early') });
      });
      const wasShort = shortenNth(driver, nth);
      await early?.repair(BAD, { rebuild: (range) => part(whole, range) });
      if (!wasShort()) break;
      repairs++;
      expect(driver.readFile(PATH).slice(PAGE, 2 * PAGE), `pread ${nth}`).toEqual(newer);
    }
    expect(repairs).toBeGreaterThan(0);
  });
});
