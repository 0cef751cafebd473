import type { ByteRange } from '@safe-pmem/core';
import { PmemFile, RepairError } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver } from '../../src/index.js';
import { everyCrash, everyInterleaving, mockDriver } from '../../src/index.js';
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
    // The kernel lists a block that still gives its bytes to whoever has it mapped.
    driver.poison(PATH, lost, { keepMapped: true });
    await here.repair(lost);
    expect(read(here, at, 2)).toEqual(Uint8Array.of(1, 2));
    await failure('ERR_PMEM_LOST', () => read(here, PAGE, 1));
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
    }, { turns: 2 });
    expect(report.states).toBeGreaterThan(50);
    expect([...seen].sort()).toEqual([part(whole, { offset: PAGE, length: 2 }).join(), 'ERR_PMEM_LOST']);
  });
});
