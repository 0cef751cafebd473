import type { ByteRange, RepairOptions } from '@safe-pmem/core';
import { PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver } from '../../src/index.js';
import { everyCrash, everyInterleaving, mockDriver, SimulatedCrash } from '../../src/index.js';
import { IS_WHOLE } from '../share.js';
import { content, failure, filled, openIn, PAGE, pageOf, part, PATH, read } from './opened.js';

const size = 4 * PAGE;
const lost = pageOf(1);
const record = Uint8Array.of(1, 2, 0, 0, 3);
const at = PAGE + 100;

/** `here` has lost page 1; `there` opened the file before, and stores a record into that page without knowing. */
async function storedUnknowing(driver: MockDriver): Promise<{ here: PmemFile; there: PmemFile }> {
  const here = await filled(driver, size);
  const there = await openIn(driver, 'another');
  driver.poison(PATH, lost);
  await here.repair(lost);
  there.write(record, at);
  there.persist(at, record.length);
  return { here, there };
}

describe('what a process stores into a page whose loss it does not know of', () => {
  it('can be read by the one that repaired, but for its zeros', async () => {
    const driver = mockDriver();
    const { here } = await storedUnknowing(driver);
    expect(read(here, at, 2)).toEqual(Uint8Array.of(1, 2));
    expect(read(here, at + 4, 1)).toEqual(Uint8Array.of(3));
    const error = await failure('ERR_PMEM_LOST', () => read(here, at, record.length));
    expect(error.ranges).toEqual([{ offset: at + 2, length: 2 }]);
    await failure('ERR_PMEM_LOST', () => read(here, PAGE, 1));
  });

  it('is in a salvage of the file', async () => {
    const { here } = await storedUnknowing(mockDriver());
    const { pieces, gaps } = await here.salvage(lost);
    expect(pieces.map(({ offset, bytes }) => [offset, ...bytes])).toEqual([[at, 1, 2], [at + 4, 3]]);
    expect(gaps.map(({ reason }) => reason)).toEqual(['lost', 'lost', 'lost']);
  });

  it('can be read after a restart, and the zeros around it are lost still', async () => {
    const driver = mockDriver();
    await storedUnknowing(driver);
    driver.crash();
    const file = await PmemFile.open(PATH, { driver });
    expect(read(file, at, 2)).toEqual(Uint8Array.of(1, 2));
    await failure('ERR_PMEM_LOST', () => read(file, at, 3));
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, at + 4, 1)).toEqual(Uint8Array.of(3));
    await failure('ERR_PMEM_LOST', () => read(again, PAGE, 1));
  });

  it.each([
    { rebuild: () => part(content(size), lost) },
    { fill: 7 },
  ])('is not written over by a repair: %o', async (options) => {
    const driver = mockDriver();
    const { here, there } = await storedUnknowing(driver);
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => here.repair(lost, options), RepairError);
    expect(error.message).toContain('other processes have stored');
    expect(error.receipt.units).toMatchObject([{ range: lost, outcome: 'failed', attempts: [] }]);
    expect(read(there, at, record.length)).toEqual(record);
    expect(read(here, at, 2)).toEqual(Uint8Array.of(1, 2));
  });

  it('is kept by a repair of an application that has seen it, and what is lost around it is supplied', async () => {
    const driver = mockDriver();
    const { here } = await storedUnknowing(driver);
    await here.salvage(lost);
    await here.repair(lost, { fill: 9 });
    expect(read(here, at - 1, record.length + 1)).toEqual(Uint8Array.of(9, 1, 2, 9, 9, 3));
  });

  it('does not keep a repair of other pages from its end', async () => {
    const driver = mockDriver();
    const { here } = await storedUnknowing(driver);
    driver.poison(PATH, pageOf(2));
    const repair = () => here.repair([lost, pageOf(2)], { fill: 9 });
    const error = await failure('ERR_PMEM_REPAIR_FAILED', repair, RepairError);
    expect(error.receipt.units.map(({ outcome }) => outcome)).toEqual(['failed', 'cleared']);
    expect(read(here, 2 * PAGE, 1)).toEqual(Uint8Array.of(9));
  });

  it('is kept where the page has to be written once more', async () => {
    const driver = mockDriver();
    const { here } = await storedUnknowing(driver);
    // The kernel lists a block that still gives its bytes to every process that has it mapped.
    driver.poison(PATH, lost, { keepMapped: true });
    await here.repair(lost);
    expect(read(here, at, 2)).toEqual(Uint8Array.of(1, 2));
    await failure('ERR_PMEM_LOST', () => read(here, PAGE, 1));
  });

  it.each([
    { rebuild: true },
    { rebuild: true, journalRebuilt: true },
  ])('is not written over if it comes while rebuild waits: %o', async ({ journalRebuilt = false }) => {
    const driver = mockDriver();
    const here = await filled(driver, size);
    const there = await openIn(driver, 'another');
    driver.poison(PATH, lost);
    await here.repair(lost);
    let asked = 0;
    const rebuild = async (range: ByteRange): Promise<Uint8Array> => {
      if (asked++ === 0) there.write(record, at);
      await Promise.resolve();
      return part(content(size), range);
    };
    const repair = (): unknown => here.repair(lost, { rebuild, journalRebuilt });
    const error = await failure('ERR_PMEM_REPAIR_FAILED', repair, RepairError);
    expect(error.message).toContain('other processes have stored');
    expect(error.message).not.toContain('allowRelocation');
    expect(driver.readFile(PATH).subarray(at, at + record.length)).toEqual(record);
    expect(read(here, at, 2)).toEqual(Uint8Array.of(1, 2));
  });

  it('is not shown as zeros after the page was lost once more', async () => {
    const driver = mockDriver();
    const { here } = await storedUnknowing(driver);
    const reader = await openIn(driver, 'reader');
    expect(read(reader, at, 2)).toEqual(Uint8Array.of(1, 2));
    driver.poison(PATH, lost);
    await here.repair(lost);
    await failure('ERR_PMEM_LOST', () => read(reader, at, 2));
  });

  it('is shown to one that may only read, which then closes', async () => {
    const driver = mockDriver();
    await storedUnknowing(driver);
    const reader = await openIn(driver, 'reader', { readOnly: true });
    expect(read(reader, at, 2)).toEqual(Uint8Array.of(1, 2));
    await reader.close();
  });

  it('leaves the journal as it is, whatever the record is like', async () => {
    const driver = mockDriver();
    const { here, there } = await storedUnknowing(driver);
    for (let i = 0; i < PAGE; i += 2) there.write(Uint8Array.of(1), PAGE + i);
    expect(read(here, PAGE, 1)).toEqual(Uint8Array.of(1));
    await failure('ERR_PMEM_LOST', () => read(here, PAGE, PAGE));
    let replaced = 0;
    driver.observe(({ name }) => {
      if (name === 'writeJournal') replaced++;
      return undefined;
    });
    here.persist();
    await here.close();
    expect(replaced).toBe(0);
  });

  it('is not believed in a copy of the file and its journal', async () => {
    const driver = mockDriver();
    const { here } = await storedUnknowing(driver);
    await here.close();
    const copy = '/pmem/copy';
    driver.writeFile(copy, driver.readFile(PATH));
    driver.writeFile(`${copy}.repair`, driver.readFile(`${PATH}.repair`));
    const file = await PmemFile.open(copy, { driver, journal: 'adopt' });
    await failure('ERR_PMEM_LOST', () => read(file, at, 2));
  });

  it('ends when the application writes all of it', async () => {
    const driver = mockDriver();
    const { here } = await storedUnknowing(driver);
    here.write(part(content(size), lost), PAGE);
    here.persist();
    driver.crash();
    const file = await PmemFile.open(PATH, { driver });
    expect(read(file, 0, size)).toEqual(content(size));
  });
});

/** A process is killed in a repair of page 1, after its write and before its intent is struck. */
async function killedBeforeTheStrike(driver: MockDriver, options: RepairOptions): Promise<void> {
  const process = driver.process('killed');
  const file = await PmemFile.open(PATH, { driver: process });
  let isWritten = false;
  const stop = driver.observe(({ name, process: who }) => {
    if (who !== 'killed') return undefined;
    isWritten ||= name === 'pwrite';
    if (isWritten && (name === 'writeJournal' || name === 'writeMark')) process.kill();
    return undefined;
  });
  await expect(file.repair(lost, options)).rejects.toThrow(SimulatedCrash);
  stop();
}

describe('a process is killed between the write of a page and the end of its intent', () => {
  it('what another one stores then into a page that is lost can be read, and is not written over', async () => {
    const driver = mockDriver();
    await (await filled(driver, size)).close();
    const there = await openIn(driver, 'another');
    driver.poison(PATH, lost);
    await killedBeforeTheStrike(driver, {});
    there.write(record, at);
    there.persist(at, record.length);
    const file = await PmemFile.open(PATH, { driver });
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(lost, { fill: 9 }));
    expect(driver.readFile(PATH).subarray(at, at + record.length)).toEqual(record);
    expect(read(file, at, 2)).toEqual(Uint8Array.of(1, 2));
    await failure('ERR_PMEM_LOST', () => read(file, at, record.length));
  });

  it.each<RepairOptions>([
    { fill: 7 },
    { journalRebuilt: true, rebuild: ({ length }) => new Uint8Array(length).fill(7) },
  ])('what it supplied for an earlier loss is data: %o', async (options) => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.poison(PATH, lost);
    await file.repair(lost);
    await file.close();
    await killedBeforeTheStrike(driver, options);
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, PAGE, PAGE)).toEqual(new Uint8Array(PAGE).fill(7));
    expect(driver.listFiles()).toEqual([PATH]);
  });

  it('what the page had from another one stays, where it was written once more', async () => {
    const driver = mockDriver();
    await storedUnknowing(driver);
    const process = driver.process('killed');
    const file = await PmemFile.open(PATH, { driver: process });
    expect(read(file, at, 2)).toEqual(Uint8Array.of(1, 2));
    driver.poison(PATH, lost, { keepMapped: true });
    const stop = driver.observe(({ name, process: who }) => {
      if (name === 'pwrite' && who === 'killed') process.kill();
      return undefined;
    });
    await expect(file.repair(lost)).rejects.toThrow(SimulatedCrash);
    stop();
    const again = await PmemFile.open(PATH, { driver });
    expect(read(again, at, 2)).toEqual(Uint8Array.of(1, 2));
    await failure('ERR_PMEM_LOST', () => read(again, PAGE, 1));
  });
});

describe('what a process stores into the bytes that a page still gives', () => {
  it('is not written over by a repair that waits for rebuild of the others', async () => {
    const driver = mockDriver();
    const here = await filled(driver, size);
    const there = await openIn(driver, 'another');
    driver.poison(PATH, lost);
    await here.repair(lost);
    here.write(part(content(size), { offset: at, length: 50 }), at);
    here.persist();
    driver.poison(PATH, pageOf(2));
    const rebuild = async (range: ByteRange): Promise<Uint8Array> => {
      there.write(record, at);
      await Promise.resolve();
      return part(content(size), range);
    };
    await here.repair([lost, pageOf(2)], { rebuild });
    expect(read(here, at, record.length)).toEqual(record);
    const expected = content(size);
    expected.set(record, at);
    expect(read(here, 0, size)).toEqual(expected);
  });
});

describe('a page that was half rebuilt when its process died', () => {
  it('shows none of the bytes of that repair as data', async () => {
    const whole = content(size);
    const report = await everyCrash({
      prep: async () => {
        const driver = mockDriver();
        const file = await filled(driver, size);
        driver.poison(PATH, lost);
        await file.repair(lost);
        return { driver, file };
      },
      body: async ({ file }) => {
        await file.repair(lost, { rebuild: (range) => part(whole, range) });
      },
      check: async ({ driver }) => {
        const file = await PmemFile.open(PATH, { driver });
        const { pieces } = await file.salvage(lost);
        if (pieces.length > 0) expect(read(file, PAGE, PAGE)).toEqual(part(whole, lost));
      },
    });
    expect(report.states).toBeGreaterThan(20);
  });

  it('nor the first of them, written between a look at the journal and a load', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.poison(PATH, lost);
    await file.repair(lost);
    await file.close();
    const ahead = driver.clone();
    const writer = await openIn(ahead, 'writer');
    ahead.observe(({ name }) => {
      if (name === 'pwrite') ahead.process('writer').kill();
      return undefined;
    });
    const rebuild = ({ length }: ByteRange): Uint8Array => new Uint8Array(length).fill(7);
    await expect(writer.repair(lost, { rebuild })).rejects.toThrow();
    const reader = await openIn(driver, 'reader', { readOnly: true });
    const stop = driver.observe(({ name, process }) => {
      if (name !== 'read' || process !== 'reader') return undefined;
      stop();
      driver.writeFile(`${PATH}.repair`, ahead.readFile(`${PATH}.repair`));
      driver.overwrite(PATH, Uint8Array.of(7, 7), PAGE);
      return undefined;
    });
    await failure('ERR_PMEM_LOST', () => read(reader, PAGE, 2));
  });

  it('nor while another process writes it: a reader sees the loss, or all of the page', async () => {
    const whole = content(size);
    const seen = new Set<string>();
    const report = await everyInterleaving({
      prep: async () => {
        const driver = mockDriver();
        const file = await filled(driver, size);
        driver.poison(PATH, lost);
        await file.repair(lost);
        await file.close();
        return { driver };
      },
      bodies: [
        async (_, process) => {
          const file = await PmemFile.open(PATH, { driver: process });
          await file.repair(lost, { rebuild: (range) => part(whole, range) });
        },
        async (_, process) => {
          const file = await PmemFile.open(PATH, { driver: process, readOnly: true });
          await process.turn(() => {
            const bytes = new Uint8Array(2);
            try {
              file.read(bytes, PAGE);
              seen.add(bytes.join());
            } catch (error) {
              seen.add((error as { code: string }).code);
            }
          });
        },
      ],
      check: () => undefined,
    }, { turns: 2, limit: IS_WHOLE ? undefined : 120 });
    expect(report.states).toBeGreaterThan(50);
    expect([...seen].sort()).toEqual([part(whole, { offset: PAGE, length: 2 }).join(), 'ERR_PMEM_LOST']);
  });
});
