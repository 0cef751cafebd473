/** Files with a journal, and repairs that another process is in the middle of, for the tests of the journal. */
import { type CompleteFile, PmemFile } from '@safe-pmem/core';
import { expect } from 'vitest';
import type { MockDriver, MockOptions } from '../../src/index.js';
import { keepAll, mockDriver, SimulatedCrash } from '../../src/index.js';
import { content, filled, PAGE, part, PATH } from './opened.js';

export const JOURNAL = `${PATH}.repair`;
export const size = 3 * PAGE + 100;
export const whole = content(size);
/** Two ranges to poison: page 1, and the last page, which the file cuts. */
export const bad = [{ offset: PAGE, length: PAGE }, { offset: 3 * PAGE, length: 100 }];
export const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

/** Opens the file, and checks that every byte is what it was, or an error. */
export async function expectNothingInvented(driver: ReturnType<typeof mockDriver>, when: string): Promise<PmemFile> {
  const file = await PmemFile.open(PATH, { driver });
  expect(file.size, when).toBe(size);
  const { pieces } = await file.salvage();
  for (const { offset, bytes } of pieces) {
    expect(Buffer.compare(bytes, part(whole, { offset, length: bytes.byteLength })), `${when}: bytes at ${offset}`).toBe(0);
  }
  return file;
}

/**
 * Opens the file while another process repairs page 1: there is an intent of it, and it holds a lock. `other` is the
 * file of that process.
 */
export async function besideARepair(): Promise<{ driver: MockDriver; other: CompleteFile; opened: PmemFile; lock: number }> {
  const driver = mockDriver({ filesystem: 'xfs' });
  const file = await filled(driver, size);
  driver.poison(PATH, { offset: PAGE, length: PAGE });
  const stop = driver.observe(({ name }) => (name === 'sync' ? { crash: true, chooser: keepAll } : undefined));
  await expect(file.repair({ offset: PAGE, length: PAGE }, { rebuild })).rejects.toThrow(SimulatedCrash);
  stop();
  const request = { create: false, readOnly: false, preallocate: false, sizeBytes: undefined };
  const outcome = await driver.open(PATH, request);
  if (!('file' in outcome)) throw new Error('open failed');
  const lock = Number.MAX_SAFE_INTEGER - 1;
  expect(outcome.file.lock(lock, 1)).toBeUndefined();
  return { driver, other: outcome.file, opened: await PmemFile.open(PATH, { driver }), lock };
}

/** Ends the repair of that process: page 1 holds eights, durably, the journal is gone, and the lock is still held. */
export async function finishRepair(other: CompleteFile): Promise<void> {
  expect(await other.pwrite(new Uint8Array(PAGE).fill(8), PAGE)).toMatchObject({ errno: 0 });
  await other.sync();
  await other.writeMark(new Uint8Array(0));
  await other.removeJournal(JOURNAL);
}

/** Makes a file of which page 1 is lost, and the journal says so. */
export async function withLoss(options: MockOptions = {}): Promise<ReturnType<typeof mockDriver>> {
  const driver = mockDriver(options);
  const file = await filled(driver, size);
  driver.poison(PATH, { offset: PAGE, length: PAGE });
  await file.repair({ offset: PAGE, length: 1 });
  await file.close();
  return driver;
}
