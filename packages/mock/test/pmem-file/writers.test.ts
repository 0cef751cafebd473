import type { ByteRange, CompleteFile, Driver } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import type { MockDriver } from '../../src/index.js';
import { keepAll, mockDriver, SimulatedCrash } from '../../src/index.js';
import { content, failure, filled, PAGE, part, PATH, read } from './opened.js';

const size = 4 * PAGE;
const lost = { offset: PAGE, length: 2 * PAGE };

describe('a file that is opened exclusively', () => {
  it('has no other writer, and any readers', async () => {
    const driver = mockDriver();
    const only = await filled(driver, size, { exclusive: true });
    await failure('ERR_PMEM_LOCKED', () => PmemFile.open(PATH, { driver }));
    await failure('ERR_PMEM_LOCKED', () => PmemFile.open(PATH, { driver, exclusive: true }));
    const reader = await PmemFile.open(PATH, { driver, readOnly: true });
    expect(read(reader, 0, size)).toEqual(content(size));
    await only.close();
    await (await PmemFile.open(PATH, { driver })).close();
  });

  it('had readers before, and no writer: neither the first of them nor the last', async () => {
    const driver = mockDriver();
    const writers = [await filled(driver, size), await PmemFile.open(PATH, { driver })];
    await PmemFile.open(PATH, { driver, readOnly: true });
    for (const writer of writers) {
      await failure('ERR_PMEM_LOCKED', () => PmemFile.open(PATH, { driver, exclusive: true }));
      await writer.close();
    }
    await (await PmemFile.open(PATH, { driver, exclusive: true })).close();
  });
});

describe('a filesystem without locks', () => {
  it('refuses to open exclusively, and writes and resizes as usual', async () => {
    const driver = mockDriver({ locks: false });
    await (await filled(driver, size)).close();
    await failure('ERR_PMEM_NOT_SUPPORTED', () => PmemFile.open(PATH, { driver, exclusive: true }));
    const file = await PmemFile.open(PATH, { driver });
    file.write(Uint8Array.of(1), 0);
    file.persist();
    await file.resize(size + PAGE);
    expect(file.size).toBe(size + PAGE);
  });

  it('refuses repairs, whose journal two openers could disagree on', async () => {
    const driver = mockDriver({ locks: false });
    const file = await filled(driver, size);
    driver.poison(PATH, lost);
    await failure('ERR_PMEM_NOT_SUPPORTED', () => file.repair(lost));
  });
});

describe('bytes that another opener has lost', () => {
  it('read as what that one wrote over them', async () => {
    const driver = mockDriver();
    const [here, there] = [await filled(driver, size), await PmemFile.open(PATH, { driver })];
    driver.poison(PATH, lost);
    await failure('ERR_PMEM_MEDIA', () => read(here, 0, size));
    await there.repair(lost);
    await failure('ERR_PMEM_LOST', () => read(here, PAGE, 1));
    there.write(part(content(size), lost), PAGE);
    there.persist();
    expect(read(here, 0, size)).toEqual(content(size));
  });

  it('are lost, and not locked, while that one repairs others', async () => {
    const driver = mockDriver();
    const [here, there] = [await filled(driver, size), await PmemFile.open(PATH, { driver })];
    driver.poison(PATH, { offset: PAGE, length: PAGE });
    await here.repair({ offset: PAGE, length: PAGE });
    driver.poison(PATH, { offset: 0, length: PAGE });
    const codes: unknown[] = [];
    await there.repair({ offset: 0, length: PAGE }, {
      rebuild: async (range) => {
        codes.push((await failure('ERR_PMEM_LOST', () => read(here, PAGE, 1))).code);
        return part(content(size), range);
      },
    });
    expect(codes).toEqual(['ERR_PMEM_LOST']);
  });

  it('are lost after a resize() whose end falls between them', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.poison(PATH, lost);
    await file.repair(lost);
    await file.resize(2 * PAGE);
    await file.close();
    const again = await PmemFile.open(PATH, { driver });
    expect((await failure('ERR_PMEM_LOST', () => read(again, 0, 2 * PAGE))).ranges).toEqual([{ offset: PAGE, length: PAGE }]);
  });

  it('and that were written over here stay readable, whoever reads the journal before they are persisted', async () => {
    const driver = mockDriver();
    const here = await filled(driver, size);
    driver.poison(PATH, lost);
    await here.repair(lost);
    here.write(part(content(size), { offset: PAGE, length: PAGE }), PAGE);
    await failure('ERR_PMEM_LOST', () => read(here, 2 * PAGE, 1));
    await here.badBlocks();
    expect(read(here, PAGE, PAGE)).toEqual(part(content(size), { offset: PAGE, length: PAGE }));
    driver.poison(PATH, { offset: 0, length: PAGE });
    await here.repair({ offset: 0, length: PAGE }, { rebuild: (range) => part(content(size), range) });
    expect(read(here, 0, 2 * PAGE)).toEqual(part(content(size), { offset: 0, length: 2 * PAGE }));
  });
});

/** The first open() reads a journal, and `meanwhile` happens before it does anything with what it read. */
function slowReader(driver: MockDriver, meanwhile: () => Promise<void>): Driver<CompleteFile> {
  let waits = true;
  return {
    name: driver.name,
    open: async (...asked) => {
      const outcome = await driver.open(...asked);
      if ('failure' in outcome) return outcome;
      const { file } = outcome;
      const readJournal = file.readJournal.bind(file);
      file.readJournal = async (...journal) => {
        const read = await readJournal(...journal);
        if (waits) {
          waits = false;
          await meanwhile();
        }
        return read;
      };
      return outcome;
    },
  };
}

it('zeros that another opener stored after it had finished a repair outlive an open() that had read the journal before', async () => {
  const driver = mockDriver();
  const cutOff = await filled(driver, size);
  driver.poison(PATH, { offset: PAGE, length: PAGE });
  const stop = driver.observe(({ name }) => (name === 'sync' ? { crash: true, chooser: keepAll } : undefined));
  const rebuild = (range: ByteRange): Uint8Array => part(content(size), range);
  const repair = cutOff.repair({ offset: PAGE, length: PAGE }, { rebuild, journalRebuilt: true });
  await expect(repair).rejects.toThrow(SimulatedCrash);
  stop();
  const slow = slowReader(driver, async () => {
    const other = await PmemFile.open(PATH, { driver });
    expect(read(other, 0, size)).toEqual(content(size));
    other.write(new Uint8Array(PAGE), PAGE);
    other.persist();
    await other.close();
  });
  const file = await PmemFile.open(PATH, { driver: slow });
  expect(read(file, PAGE, PAGE)).toEqual(new Uint8Array(PAGE));
});
