/** Units of which nothing was left and that `rebuild` supplies: noted in the journal, and not copied into it. */
import type { ByteRange } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { crashAt, failNth, keepAll, loseAll, type MockDriver, mockDriver } from '../../src/index.js';
import { content, failure, filled, openIn, PAGE, part, PATH, read } from './opened.js';

const JOURNAL = `${PATH}.repair`;
const SIZE = 4 * PAGE;
const whole = content(SIZE);
const bad = { offset: PAGE, length: PAGE };
const rebuild = (range: ByteRange): Uint8Array => part(whole, range);

/** Lengths of the journals that a repair writes. */
function journalsOf(driver: MockDriver): { readonly lengths: number[]; readonly stop: () => void } {
  const lengths: number[] = [];
  const stop = driver.observe(({ name }) => {
    if (name === 'pwrite') lengths.push(driver.readFile(JOURNAL).length);
    return undefined;
  });
  return { lengths, stop };
}

async function repairedWith(options: Parameters<PmemFile['repair']>[1], poison: ByteRange = bad): Promise<number | undefined> {
  const driver = mockDriver();
  const file = await filled(driver, SIZE);
  driver.poison(PATH, poison);
  const { lengths, stop } = journalsOf(driver);
  await file.repair(bad, options);
  stop();
  return lengths[0];
}

describe('what the journal holds of a page', () => {
  it('that rebuild supplies: a note, unless journalRebuilt asks for the bytes', async () => {
    expect(await repairedWith({ rebuild })).toBeLessThan(300);
    expect(await repairedWith({ rebuild, journalRebuilt: true })).toBeGreaterThan(PAGE);
  });

  it('of which a part was lost before: what it still held', async () => {
    const driver = mockDriver();
    const file = await filled(driver, SIZE);
    driver.poison(PATH, bad);
    await file.repair(bad);
    file.write(part(whole, { offset: PAGE, length: 64 }), PAGE);
    file.persist(PAGE, 64);
    const { lengths, stop } = journalsOf(driver);
    await file.repair(bad, { rebuild });
    stop();
    expect(lengths[0]).toBeGreaterThan(PAGE);
    expect(read(file, 0, SIZE)).toEqual(whole);
  });

  it('journalRebuilt is a boolean', async () => {
    const file = await filled(mockDriver(), SIZE);
    await expect(file.repair(bad, { rebuild, journalRebuilt: 1 as unknown as boolean })).rejects.toThrow(TypeError);
  });
});

/** Power fails before each operation of a repair in turn; `check` judges the file that is opened after it. */
async function cutOff(
  options: Parameters<PmemFile['repair']>[1],
  check: (again: PmemFile, driver: MockDriver) => Promise<string>,
): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let index = 1; ; index++) {
    const driver = mockDriver({ seed: index });
    const file = await filled(driver, SIZE);
    driver.poison(PATH, bad);
    const stop = driver.observe(crashAt(driver.operations + index, index % 2 === 0 ? keepAll : loseAll));
    const outcome = await file.repair(bad, options).then(() => 'done', () => 'cut off');
    stop();
    const again = await PmemFile.open(PATH, { driver });
    seen.add(await check(again, driver));
    await again.repair(bad, { rebuild });
    expect(read(again, 0, SIZE), `crash at operation ${index}`).toEqual(whole);
    await again.close();
    expect(driver.listFiles(), `crash at operation ${index}`).toEqual([PATH]);
    if (outcome === 'done') return seen;
  }
}

function whatIsThere(again: PmemFile): Promise<string> {
  try {
    expect(read(again, 0, SIZE)).toEqual(whole);
    return Promise.resolve('whole');
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    return Promise.resolve(code);
  }
}

describe('power fails', () => {
  it('at every operation: the page is bad as before, lost, or whole, and is rebuilt by the next repair', async () => {
    expect(await cutOff({ rebuild }, whatIsThere)).toEqual(new Set(['ERR_PMEM_MEDIA', 'ERR_PMEM_LOST', 'whole']));
  });

  it('with journalRebuilt: open() finishes it', async () => {
    expect(await cutOff({ rebuild, journalRebuilt: true }, whatIsThere)).toEqual(new Set(['ERR_PMEM_MEDIA', 'whole']));
  });

  it('with a fill: open() finishes it, since what was accepted is not asked for again', async () => {
    const driver = mockDriver();
    const file = await filled(driver, SIZE);
    driver.poison(PATH, bad);
    const stop = driver.observe(({ name }) => (name === 'sync' ? { errno: 5 } : undefined));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { fill: 7 }));
    stop();
    driver.crash(loseAll);
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
  });

  it('a page that rebuild knows in part keeps that part', async () => {
    const twoPages = { offset: PAGE, length: 2 * PAGE };
    const driver = mockDriver();
    const file = await filled(driver, SIZE);
    driver.poison(PATH, twoPages);
    await file.repair(twoPages);
    file.write(new Uint8Array(100).fill(9), PAGE + 1000);
    file.persist(PAGE + 1000, 100);
    const stop = driver.observe(({ name }) => {
      if (name === 'sync') driver.crash(loseAll);
      return undefined;
    });
    await file.repair(twoPages, { rebuild: (range) => (range.offset === PAGE ? part(whole, range) : undefined) }).catch(() => undefined);
    stop();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE + 1000, 100)).toEqual(new Uint8Array(100).fill(9));
    await failure('ERR_PMEM_LOST', () => read(again, 2 * PAGE, PAGE));
  });
});

/** The file as process `a` has it, with a bad page. */
async function poisonedIn(): Promise<{ driver: MockDriver; a: PmemFile }> {
  const driver = mockDriver();
  const a = await openIn(driver, 'a', { create: true, size: SIZE });
  a.write(whole, 0);
  a.persist();
  driver.poison(PATH, bad);
  return { driver, a };
}

describe('only the process dies', () => {
  it('before each operation: what it had written whole is there, everything else is bad or lost', async () => {
    const seen = new Set<string>();
    for (let call = 1; ; call++) {
      const { driver, a } = await poisonedIn();
      let calls = 0;
      const stop = driver.observe(({ process }) => {
        if (process === 'a' && ++calls === call) driver.process('a').kill();
        return undefined;
      });
      const outcome = await a.repair(bad, { rebuild, strategy: 'zero-range' }).then(() => 'done', () => 'died');
      stop();
      const next = await PmemFile.open(PATH, { driver: driver.process('next') });
      seen.add(await whatIsThere(next));
      await next.repair(bad, { rebuild });
      expect(read(next, 0, SIZE), `call ${call}`).toEqual(whole);
      await next.close();
      if (outcome === 'done') break;
    }
    expect(seen).toEqual(new Set(['ERR_PMEM_MEDIA', 'ERR_PMEM_LOST', 'whole']));
  });

  it.each(['pwrite', 'sync'] as const)('after a %s that failed: the page is lost, and rebuild is asked once more', async (operation) => {
    for (const dies of [true, false]) {
      const { driver, a } = await poisonedIn();
      const stop = driver.observe(({ name }) => (name === operation ? { errno: 5 } : undefined));
      await failure('ERR_PMEM_REPAIR_FAILED', () => a.repair(bad, { rebuild: ({ length }) => new Uint8Array(length).fill(77), strategy: 'zero-range' }));
      stop();
      if (dies) driver.process('a').kill();
      const next = dies ? await PmemFile.open(PATH, { driver }) : a;
      await failure(dies ? 'ERR_PMEM_LOST' : 'ERR_PMEM_MEDIA', () => read(next, PAGE, PAGE));
      await next.repair(bad, { rebuild });
      expect(read(next, 0, SIZE)).toEqual(whole);
      await next.close();
      expect(driver.listFiles()).toEqual([PATH]);
    }
  });

  it('a page that was lost before is still lost', async () => {
    for (let call = 1; ; call++) {
      const { driver, a } = await poisonedIn();
      await a.repair(bad);
      let calls = 0;
      const stop = driver.observe(({ process, name }) => {
        if (process === 'a' && (name === 'writeJournal' || calls > 0) && ++calls === call) driver.process('a').kill();
        return undefined;
      });
      const outcome = await a.repair(bad, { rebuild }).then(() => 'done', () => 'died');
      stop();
      const next = await PmemFile.open(PATH, { driver: driver.process('next') });
      const there = await whatIsThere(next);
      expect(there, `call ${call}`).toBe(outcome === 'done' ? 'whole' : there === 'whole' ? 'whole' : 'ERR_PMEM_LOST');
      if (outcome === 'done') return;
      expect(call).toBeLessThan(50);
    }
  });

  it('a reader is told that the page is lost, since it cannot know how far the write got', async () => {
    const driver = mockDriver();
    const a = await PmemFile.open(PATH, { driver: driver.process('a'), create: true, size: SIZE });
    a.write(whole, 0);
    a.persist();
    driver.poison(PATH, bad);
    const stop = driver.observe(({ name, process }) => {
      if (name === 'sync' && process === 'a') driver.process('a').kill();
      return undefined;
    });
    await expect(a.repair(bad, { rebuild })).rejects.toThrow();
    stop();
    const reader = await PmemFile.open(PATH, { driver: driver.process('reader'), readOnly: true });
    const lost = await failure('ERR_PMEM_LOST', () => read(reader, 0, SIZE));
    expect(lost.ranges).toEqual([bad]);
    expect(read(reader, 2 * PAGE, PAGE)).toEqual(part(whole, { offset: 2 * PAGE, length: PAGE }));
    await failure('ERR_PMEM_LOST', () => read(reader, PAGE, 1));
    const salvager = await PmemFile.open(PATH, { driver: driver.process('salvager'), readOnly: true });
    expect((await salvager.salvage()).gaps).toEqual([{ ...bad, reason: 'lost' }]);
  });
});

describe('of several batches', () => {
  const BATCH = 2048 * PAGE;
  const all = { offset: 0, length: BATCH + 2 * PAGE };

  it('a batch leaves the journal with the record of the next, and the last by itself', async () => {
    const driver = mockDriver();
    const file = await filled(driver, all.length);
    driver.poison(PATH, all);
    const { lengths, stop } = journalsOf(driver);
    const removals: string[] = [];
    const alsoStop = driver.observe(({ name, step }) => {
      if (step === undefined && ['writeJournal', 'removeJournal'].includes(name)) removals.push(name);
      return undefined;
    });
    await file.repair(all, { rebuild: ({ length }) => new Uint8Array(length).fill(5) });
    stop();
    alsoStop();
    expect(removals).toEqual(['writeJournal', 'writeJournal', 'removeJournal']);
    expect(lengths.at(-1)).toBeLessThan(400);
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it.each([
    ['its rebuild throws', undefined],
    ['the journal cannot be written', 2],
  ])('one that was written is usable although the next is not begun: %s', async (_, nth) => {
    const driver = mockDriver();
    const file = await filled(driver, all.length);
    driver.poison(PATH, all);
    const stop = nth === undefined ? () => undefined : driver.observe(failNth({ operation: 'writeJournal', nth, errno: 28 }));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(all, {
      rebuild: ({ offset, length }) => {
        if (offset > 0 && nth === undefined) throw new Error('not this one');
        return new Uint8Array(length).fill(5);
      },
    }));
    stop();
    file.persist(0, BATCH);
    expect(read(file, BATCH - PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(5));
    await failure('ERR_PMEM_MEDIA', () => read(file, BATCH, 1));
    expect(driver.listFiles()).toEqual([PATH]);
  });
});
