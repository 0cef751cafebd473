/** A page that was lost before is supplied whole, and its repair is cut off while another process stores into it. */
import type { ByteRange, RepairOptions } from '@safe-pmem/core';
import { PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver } from '../../src/index.js';
import { keepAll, mockDriver } from '../../src/index.js';
import { content, failure, filled, openIn, PAGE, pageOf, part, PATH, read } from './opened.js';

const size = 4 * PAGE;
const whole = content(size);
const lost = pageOf(1);
const record = Uint8Array.of(201, 202, 0, 0, 203);
const at = PAGE + 100;
const supplies: readonly RepairOptions[] = [
  { rebuild: (range: ByteRange) => part(whole, range) },
  { rebuild: (range: ByteRange) => part(whole, range), journalRebuilt: true },
  { fill: 7 },
];

/**
 * Page 1 is lost, which `there` does not know. A process repairs it, and before its operation number `step` `there`
 * stores a record into the page, durably, and `end` happens. Returns false if the repair has fewer operations.
 */
async function cutOffAt(driver: MockDriver, step: number, options: RepairOptions, end: () => void): Promise<boolean> {
  const here = await filled(driver, size);
  const there = await openIn(driver, 'there');
  driver.poison(PATH, lost);
  await here.repair(lost);
  await here.close();
  const file = await openIn(driver, 'repairer');
  let steps = 0;
  const stop = driver.observe(({ process }) => {
    if (process !== 'repairer' || ++steps !== step) return undefined;
    stop();
    there.write(record, at);
    there.persist(at, record.length);
    end();
    return undefined;
  });
  await file.repair(lost, options).catch(() => undefined);
  stop();
  return steps >= step;
}

/** Checks that stored bytes can be read on the medium, that no repair writes over them, and that none is invented. */
async function isKept(driver: MockDriver, options: RepairOptions): Promise<void> {
  const file = await PmemFile.open(PATH, { driver });
  expect(read(file, at, 2)).toEqual(record.subarray(0, 2));
  expect(read(file, at + 4, 1)).toEqual(record.subarray(4));
  const { pieces } = await file.salvage(lost);
  for (const { offset, bytes } of pieces) {
    for (const [i, byte] of bytes.entries()) {
      const position = offset + i;
      const supplied = options.fill ?? whole[position];
      const stored = record[position - at];
      // A zero that was stored looks like one of the earlier repair: then it is lost, or supplied.
      const possible = stored === undefined ? [supplied] : stored === 0 ? [0, supplied] : [stored];
      // An expect() of each byte would take most of the time.
      if (!possible.includes(byte)) expect.fail(`byte ${position} is ${byte}, and not ${possible.join(' or ')}`);
    }
  }
  await file.close();
  const again = await PmemFile.open(PATH, { driver });
  await again.repair(lost, { fill: 9 }).catch((error: unknown) => { expect(error).toBeInstanceOf(RepairError); });
  expect(driver.readFile(PATH).subarray(at, at + 2)).toEqual(record.subarray(0, 2));
  expect(read(again, at, 2)).toEqual(record.subarray(0, 2));
  await again.close();
}

describe.each(supplies)('a repair that supplies a page which was lost before: %o', (options) => {
  it('is killed before each of its operations: what another process stores then is kept', async () => {
    for (let step = 1; ; step++) {
      const driver = mockDriver({ seed: step });
      const isReached = await cutOffAt(driver, step, options, () => { driver.process('repairer').kill(); });
      if (!isReached) {
        expect(step).toBeGreaterThan(10);
        return;
      }
      await isKept(driver, options);
    }
  });

  it('ends with the machine before each of its operations: what another process had stored is kept', async () => {
    for (let step = 1; ; step++) {
      const driver = mockDriver({ seed: step });
      const isReached = await cutOffAt(driver, step, options, () => { driver.crash(keepAll); });
      if (!isReached) return;
      await isKept(driver, options);
    }
  });
});

/** The file with page 1 lost, in the process `repairer`, and in one that does not know of the loss. */
async function lostIn(driver: MockDriver): Promise<{ file: PmemFile; there: PmemFile }> {
  const here = await filled(driver, size);
  const there = await openIn(driver, 'there');
  driver.poison(PATH, lost);
  await here.repair(lost);
  await here.close();
  return { file: await openIn(driver, 'repairer'), there };
}

/** The repair is cut off by `end` (its process is killed) before the first operation that `isThen` is true of. */
async function cutOffWhen(
  driver: MockDriver, file: PmemFile, options: RepairOptions | undefined,
  isThen: (isWritten: boolean, name: string) => boolean,
  end = (): void => { driver.process('repairer').kill(); },
): Promise<void> {
  let isWritten = false;
  const stop = driver.observe(({ process, name, path }) => {
    if (process !== 'repairer') return undefined;
    if (isThen(isWritten, path === PATH ? name : '')) {
      stop();
      end();
    }
    isWritten ||= name === 'pwrite' && path === PATH;
    return undefined;
  });
  await expect(file.repair(lost, options)).rejects.toThrow();
}

describe('a machine that goes down in such a repair', () => {
  it.each(supplies)('before the page is written: open() puts there what was supplied: %o', async (options) => {
    const driver = mockDriver();
    const { file } = await lostIn(driver);
    await cutOffWhen(driver, file, options, (isWritten, name) => name === 'pwrite', () => { driver.crash(keepAll); });
    const again = await PmemFile.open(PATH, { driver });
    const expected = options.fill === undefined ? part(whole, lost) : new Uint8Array(PAGE).fill(options.fill);
    expect(read(again, PAGE, PAGE)).toEqual(expected);
    await again.close();
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('leaves what another process had stored where rebuild knew nothing', async () => {
    const driver = mockDriver();
    const { file, there } = await lostIn(driver);
    there.write(Uint8Array.of(1), at);
    there.persist(at, 1);
    await file.salvage(lost);
    const rebuild = (range: ByteRange): Uint8Array | undefined => (range.offset < at ? part(whole, range) : undefined);
    await cutOffWhen(driver, file, { rebuild }, (isWritten, name) => name === 'pwrite', () => {
      there.write(record, PAGE + 2000);
      there.persist(PAGE + 2000, record.length);
      driver.crash(keepAll);
    });
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE + 2000, 2)).toEqual(record.subarray(0, 2));
    expect(read(again, PAGE, 101)).toEqual(Uint8Array.of(...part(whole, { offset: PAGE, length: 100 }), 1));
    await failure('ERR_PMEM_LOST', () => read(again, PAGE + 2002, 1));
  });
});

describe('a process that is killed in such a repair', () => {
  it('leaves the page whole, if no process stores there', async () => {
    for (let step = 1; ; step++) {
      const driver = mockDriver({ seed: step });
      const here = await filled(driver, size);
      driver.poison(PATH, lost);
      await here.repair(lost);
      await here.close();
      const file = await openIn(driver, 'repairer');
      let steps = 0;
      const stop = driver.observe(({ process, name }) => {
        // From the write of the page on.
        if (process !== 'repairer' || (steps === 0 && name !== 'pwrite')) return undefined;
        if (++steps > step) driver.process('repairer').kill();
        return undefined;
      });
      const outcome = await file.repair(lost, supplies[0]).then(() => 'done', () => 'killed');
      stop();
      const again = await PmemFile.open(PATH, { driver });
      expect(read(again, 0, size), `killed at step ${step}`).toEqual(whole);
      await again.close();
      expect(driver.listFiles()).toEqual([PATH]);
      if (outcome === 'done') return;
    }
  });

  it('does not make data of what rebuild did not know', async () => {
    const driver = mockDriver();
    const here = await filled(driver, size);
    const there = await openIn(driver, 'there');
    driver.poison(PATH, lost);
    await here.repair(lost);
    there.write(Uint8Array.of(1, 2, 3), at);
    there.persist(at, 3);
    await here.close();
    const file = await openIn(driver, 'repairer');
    await file.salvage(lost);
    let isWritten = false;
    const stop = driver.observe(({ process, name, path }) => {
      if (process !== 'repairer') return undefined;
      isWritten ||= name === 'pwrite' && path === PATH;
      if (isWritten && name === 'removeJournal') driver.process('repairer').kill();
      if (isWritten && name === 'writeJournal') driver.process('repairer').kill();
      return undefined;
    });
    // Of the two parts that are lost beside what was stored it knows one.
    const rebuild = (range: ByteRange): Uint8Array | undefined => (range.offset < at ? part(whole, range) : undefined);
    await expect(file.repair(lost, { rebuild })).rejects.toThrow();
    stop();
    const again = await PmemFile.open(PATH, { driver });
    const error = await failure('ERR_PMEM_LOST', () => read(again, PAGE, PAGE));
    expect(error.ranges).toEqual([{ offset: at + 3, length: PAGE - 103 }]);
    expect(read(again, PAGE, 103)).toEqual(Uint8Array.of(...part(whole, { offset: PAGE, length: 100 }), 1, 2, 3));
  });

  it('leaves a page that went bad once more whole, once it is written', async () => {
    const driver = mockDriver();
    const { file } = await lostIn(driver);
    driver.poison(PATH, lost);
    await cutOffWhen(driver, file, supplies[0], (isWritten) => isWritten);
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, 0, size)).toEqual(whole);
  });

  it('does not make data of zeros, if the next open() cannot write the page, and another process stores there', async () => {
    const driver = mockDriver();
    const { file, there } = await lostIn(driver);
    await cutOffWhen(driver, file, { fill: 7 }, (isWritten, name) => name === 'pwrite');
    const stop = driver.observe(({ name, path }) => (name === 'pwrite' && path === PATH ? { errno: 5 } : undefined));
    await (await PmemFile.open(PATH, { driver })).close();
    stop();
    there.write(record, at);
    there.persist(at, record.length);
    const again = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_LOST', () => read(again, PAGE, 1));
    expect(driver.readFile(PATH).subarray(at, at + 2)).toEqual(record.subarray(0, 2));
  });

  it('does not make data of zeros after a repair that failed half way', async () => {
    const driver = mockDriver();
    const { file, there } = await lostIn(driver);
    const stop = driver.observe(({ name, path }) => (name === 'pwrite' && path === PATH ? { errno: 5 } : undefined));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(lost, { fill: 7, strategy: 'zero-range' }));
    stop();
    driver.process('repairer').kill();
    there.write(record, at);
    there.persist(at, record.length);
    const again = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_LOST', () => read(again, PAGE, 1));
    expect(driver.readFile(PATH).subarray(at, at + 2)).toEqual(record.subarray(0, 2));
  });

  it('leaves a page that went bad once more as lost, or whole', async () => {
    const seen = new Set<string>();
    for (let step = 1; ; step++) {
      const driver = mockDriver({ seed: step });
      const here = await filled(driver, size);
      driver.poison(PATH, lost);
      await here.repair(lost);
      driver.poison(PATH, lost);
      await here.close();
      const file = await openIn(driver, 'repairer');
      let steps = 0;
      const stop = driver.observe(({ process }) => {
        if (process === 'repairer' && ++steps === step) driver.process('repairer').kill();
        return undefined;
      });
      const outcome = await file.repair(lost, { ...supplies[0], strategy: 'zero-range' }).then(() => 'done', () => 'killed');
      stop();
      const again = await PmemFile.open(PATH, { driver });
      try {
        expect(read(again, 0, size)).toEqual(whole);
        seen.add('whole');
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === undefined) throw error;
        seen.add(code);
      }
      if (outcome === 'done') break;
    }
    expect([...seen].sort()).toEqual(['ERR_PMEM_LOST', 'ERR_PMEM_MEDIA', 'whole']);
  });
});
