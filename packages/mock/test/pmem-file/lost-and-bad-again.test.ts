// A page that was lost is written with zeros, and then its block goes bad again. While the next repair clears it, the
// machine dies: the bytes that clearing has left are neither those zeros nor the store of another process.
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, type MockOptions, mockDriver, SimulatedCrash } from '../../src/index.js';
import { content, PAGE, PATH, part, read } from './opened.js';

const machines: MockOptions[] = [
  { filesystem: 'ext4' },
  { filesystem: 'xfs' },
  { filesystem: 'ext4', dax: false },
  { filesystem: 'ext4', kernel: '5.10' },
];
/** Of these a repair keeps the bytes in its journal, and not only a note. */
const places = [
  { what: 'a partial last page', sizeBytes: PAGE + 512, journalRebuilt: false },
  { what: 'a whole page', sizeBytes: 3 * PAGE, journalRebuilt: true },
];

type Place = (typeof places)[number];

/** The page is lost, and has the zeros of a repair. */
async function opened(options: MockOptions, { sizeBytes, journalRebuilt }: Place) {
  const driver = mockDriver(options);
  const whole = content(sizeBytes);
  const bad = { offset: PAGE, length: Math.min(PAGE, sizeBytes - PAGE) };
  driver.writeFile(PATH, whole);
  driver.poison(PATH, bad);
  const file = await PmemFile.open(PATH, { driver });
  await file.repair(bad);
  const rebuild = (): Promise<unknown> => file.repair(bad, { journalRebuilt, rebuild: (range) => part(whole, range) });
  return { driver, whole, bad, rebuild };
}

/** Power fails at this step of the next operation of this name. */
async function expectCrash(
  driver: MockDriver, at: { readonly name: string; readonly step: string | undefined }, action: () => Promise<unknown>,
): Promise<void> {
  const stop = driver.observe(({ name, step }) => (name === at.name && step === at.step ? { crash: true } : undefined));
  await expect(action()).rejects.toThrow(SimulatedCrash);
  stop();
}

describe.each(machines)('%o', (options) => {
  it.each(places)('$what: power fails while it is rebuilt', async (place) => {
    const { driver, whole, bad, rebuild } = await opened(options, place);
    driver.poison(PATH, bad);
    await expectCrash(driver, { name: 'pwrite', step: 'cleared' }, rebuild);
    expect(read(await PmemFile.open(PATH, { driver }), 0, place.sizeBytes)).toEqual(whole);
  });

  it.each(places)('$what: power fails before that, and again while open() ends the repair', async (place) => {
    const { driver, whole, bad, rebuild } = await opened(options, place);
    await expectCrash(driver, { name: 'pwrite', step: undefined }, rebuild);
    driver.poison(PATH, bad);
    await expectCrash(driver, { name: 'pwrite', step: 'cleared' }, () => PmemFile.open(PATH, { driver }));
    expect(read(await PmemFile.open(PATH, { driver }), 0, place.sizeBytes)).toEqual(whole);
  });
});
