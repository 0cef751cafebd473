/** File and journal get other names while a repair waits for the application, and a new file takes the old ones. */
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver } from '../../src/index.js';
import { content, failure, openIn, PAGE, pageOf, part, PATH, read } from './opened.js';

const JOURNAL = `${PATH}.repair`;
const ROTATED = `${PATH}.1`;
const size = 4 * PAGE;
const whole = content(size);

/** Pages 1 and 3 are lost, page 2 is bad, and process a has the file open. */
async function withLosses(extendedAttributes: boolean): Promise<{ driver: MockDriver; a: PmemFile }> {
  const driver = mockDriver({ extendedAttributes });
  driver.writeFile(PATH, whole);
  const a = await openIn(driver, 'a');
  driver.poison(PATH, pageOf(1));
  driver.poison(PATH, pageOf(3));
  await a.repair([pageOf(1), pageOf(3)]);
  driver.poison(PATH, pageOf(2));
  return { driver, a };
}

function rotate(driver: MockDriver): void {
  driver.rename(PATH, ROTATED);
  driver.rename(JOURNAL, `${ROTATED}.repair`);
}

/** A new file under the old name, whose page 0 is lost. */
async function makeNew(driver: MockDriver): Promise<void> {
  driver.writeFile(PATH, whole);
  driver.poison(PATH, pageOf(0));
  const file = await openIn(driver, 'b');
  await file.repair(pageOf(0));
  await file.close();
}

/** Repairs page 2 while `meanwhile` happens; true if the repair succeeds. */
async function repairDuring(a: PmemFile, meanwhile: () => Promise<void>): Promise<boolean> {
  let begun = false;
  const rebuild = async (range: { offset: number; length: number }): Promise<Uint8Array> => {
    if (!begun) await meanwhile();
    begun = true;
    return part(whole, range);
  };
  try {
    await a.repair(pageOf(2), { rebuild });
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_PMEM_REPAIR_FAILED' });
    return false;
  }
}

/** The ranges of the file that are missing; the rest is as it was written. */
async function missing(driver: MockDriver, path: string): Promise<readonly { offset: number; length: number }[]> {
  const file = await PmemFile.open(path, { driver });
  const { pieces, gaps } = await file.salvage();
  for (const { offset, bytes } of pieces) expect(bytes).toEqual(part(whole, { offset, length: bytes.length }));
  await file.close();
  return gaps.map(({ offset, length }) => ({ offset, length }));
}

describe.each([true, false])('marks: %s', (marks) => {
  it('the new file keeps its journal, and the old one loses nothing', async () => {
    const { driver, a } = await withLosses(marks);
    const isRepaired = await repairDuring(a, async () => {
      rotate(driver);
      await makeNew(driver);
    });
    await a.close();
    expect(await missing(driver, PATH)).toEqual([pageOf(0)]);
    // Without marks the journals in the folder are searched; a mark leads to the old name alone.
    expect(isRepaired).toBe(!marks);
    const lost = marks ? [pageOf(1), pageOf(2), pageOf(3)] : [pageOf(1), pageOf(3)];
    expect(await missing(driver, ROTATED)).toEqual(lost);
  });

  it('a persist over a loss meanwhile leaves the journal of the new file alone', async () => {
    const { driver, a } = await withLosses(marks);
    await repairDuring(a, async () => {
      rotate(driver);
      await makeNew(driver);
      a.write(part(whole, pageOf(1)), PAGE);
      if (marks) await failure('ERR_PMEM_JOURNAL', () => { a.persist(PAGE, PAGE); });
      else a.persist(PAGE, PAGE);
    });
    await a.close().catch((error: unknown) => { expect(error).toMatchObject({ code: 'ERR_PMEM_JOURNAL' }); });
    expect(await missing(driver, PATH)).toEqual([pageOf(0)]);
    if (!marks) expect(await missing(driver, ROTATED)).toEqual([pageOf(3)]);
  });

  it('and without a new file, no older journal stays that hides what was rebuilt', async () => {
    const { driver, a } = await withLosses(marks);
    await repairDuring(a, () => {
      rotate(driver);
      return Promise.resolve();
    });
    await a.close();
    expect(await missing(driver, ROTATED)).toEqual([pageOf(1), pageOf(3)]);
    const file = await PmemFile.open(ROTATED, { driver });
    await file.repair([pageOf(1), pageOf(3)], { rebuild: (range) => part(whole, range) });
    expect(read(file, 0, size)).toEqual(whole);
    await file.close();
    expect(await missing(driver, ROTATED)).toEqual([]);
  });

  it('a journal that another process removed meanwhile is made again', async () => {
    const { driver, a } = await withLosses(marks);
    expect(await repairDuring(a, () => {
      driver.rename(PATH, ROTATED);
      driver.unlink(JOURNAL);
      return Promise.resolve();
    })).toBe(true);
    await a.close();
    expect(await missing(driver, ROTATED)).toEqual([pageOf(1), pageOf(3)]);
  });
});
