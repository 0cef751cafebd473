/** Whose a journal is when files are renamed, linked, rotated and copied, and when others put files beside them. */
import { type CompleteFile, type Driver, Errno, type JournalOutcome, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver } from '../../src/index.js';
import { bad, expectLoss, size, whole, withLoss } from './lost-page.js';
import { failure, filled, PAGE, part, PATH, read } from './opened.js';

const JOURNAL = `${PATH}.repair`;
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(whole, range);

async function bare(driver: MockDriver, path: string): Promise<CompleteFile> {
  const outcome = await driver.open(path, { create: false, readOnly: false, preallocate: false, sizeBytes: undefined });
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  return outcome.file;
}

/** The machine, for whose files every journal that is not beside them is on another filesystem. */
function withJournalElsewhere(driver: MockDriver): Driver {
  return {
    name: driver.name,
    devices: driver.devices,
    open: async (path, request) => {
      const outcome = await driver.open(path, request);
      if ('failure' in outcome) return outcome;
      const { file } = outcome;
      const [readJournal, readJournalSync] = [file.readJournal.bind(file), file.readJournalSync.bind(file)];
      const told = (place: string, found: JournalOutcome): JournalOutcome =>
        found.status === 'present' ? { ...found, isElsewhere: place.startsWith('/') } : found;
      file.readJournal = async (place, limitBytes) => told(place, await readJournal(place, limitBytes));
      file.readJournalSync = (place, limitBytes) => told(place, readJournalSync(place, limitBytes));
      return outcome;
    },
  };
}

/** cp of the file and its journal: new inodes. With `attributes` as cp -a does it. */
async function copy(driver: MockDriver, to: string, attributes: boolean): Promise<void> {
  for (const ending of ['', '.repair']) {
    driver.writeFile(to + ending, driver.readFile(PATH + ending));
    if (!attributes) continue;
    const [from, target] = [await bare(driver, PATH + ending), await bare(driver, to + ending)];
    const mark = from.readMark();
    if (mark.status === 'present') await target.writeMark(mark.bytes);
    for (const file of [from, target]) await file.close();
  }
}

describe('a file with a loss gets another name', () => {
  it('renamed when closed: lost under the new name, and repairable there', async () => {
    const driver = await withLoss();
    driver.rename(PATH, '/pmem/moved');
    await expectLoss(driver, '/pmem/moved');
    const file = await PmemFile.open('/pmem/moved', { driver });
    await file.repair(bad, { rebuild });
    expect(read(file, 0, size)).toEqual(whole);
    expect(driver.listFiles()).toEqual(['/pmem/moved']);
  });

  it('renamed while open, before the loss: lost under the new name', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.rename(PATH, '/pmem/moved');
    driver.poison('/pmem/moved', bad);
    await file.repair(bad);
    await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
    await file.close();
    await expectLoss(driver, '/pmem/moved');
  });

  it('rotated, with a new file under the old name: one has the loss, the other is as good as new', async () => {
    for (const rotatedFirst of [true, false]) {
      const driver = mockDriver();
      const file = await filled(driver, size);
      const rotate = async (): Promise<void> => {
        driver.rename(PATH, `${PATH}.1`);
        await (await filled(driver, size)).close();
      };
      if (rotatedFirst) await rotate();
      driver.poison(rotatedFirst ? `${PATH}.1` : PATH, bad);
      await file.repair(bad);
      if (!rotatedFirst) await rotate();
      await file.close();
      await expectLoss(driver, `${PATH}.1`);
      const fresh = await PmemFile.open(PATH, { driver });
      expect(read(fresh, 0, size)).toEqual(whole);
      driver.poison(PATH, bad);
      await fresh.repair(bad, { rebuild });
      await fresh.close();
      await expectLoss(driver, `${PATH}.1`);
    }
  });

  it('with two names: lost under each, and repaired under each', async () => {
    const driver = await withLoss();
    driver.link(PATH, '/pmem/second');
    await expectLoss(driver, '/pmem/second');
    const file = await PmemFile.open('/pmem/second', { driver });
    await file.repair(bad, { rebuild });
    await file.close();
    for (const path of [PATH, '/pmem/second']) expect(read(await PmemFile.open(path, { driver }), 0, size)).toEqual(whole);
  });

  it('on a filesystem that could not find its journal again: no loss is left in a file of two names', async () => {
    const driver = mockDriver({ extendedAttributes: false });
    const file = await filled(driver, size);
    driver.link(PATH, '/pmem/second');
    driver.poison(PATH, bad);
    const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad));
    expect(error.cause).toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED', path: JOURNAL });
    expect(driver.poisoned).toHaveLength(1);
    driver.unlink('/pmem/second');
    await file.repair(bad);
    await file.close();
    await expectLoss(driver, PATH);
  });
});

describe('a file is moved with its journal, and a copy of both is put where they were', () => {
  it('and its own journal is deleted: what is lost stays lost, and the copy keeps its journal', async () => {
    const driver = await withLoss();
    const moved = '/moved/file';
    for (const ending of ['', '.repair']) driver.rename(PATH + ending, moved + ending);
    for (const ending of ['', '.repair']) driver.writeFile(PATH + ending, driver.readFile(moved + ending));
    driver.unlink(`${moved}.repair`);
    const before = driver.readFile(JOURNAL);
    const file = await PmemFile.open(moved, { driver });
    await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
    await failure('ERR_PMEM_JOURNAL', () => file.repair(bad, { rebuild }));
    await file.close();
    const adopting = await PmemFile.open(moved, { driver, journal: 'adopt' });
    await adopting.repair(bad, { rebuild });
    await adopting.close();
    expect(read(await PmemFile.open(moved, { driver }), 0, size)).toEqual(whole);
    expect(driver.readFile(JOURNAL)).toEqual(before);
    await expectLoss(driver, PATH);
  });
});

describe('a file and its journal are linked, as by cp -al', () => {
  it('the journal that was written last counts, whichever name is opened', async () => {
    const driver = await withLoss();
    const second = { offset: 2 * PAGE, length: PAGE };
    for (const ending of ['', '.repair']) driver.link(PATH + ending, `/backup/file${ending}`);
    const file = await PmemFile.open(PATH, { driver });
    driver.advanceClock(1000);
    driver.poison(PATH, second);
    await file.repair(second);
    await file.close();
    for (const path of ['/backup/file', PATH]) {
      const opened = await PmemFile.open(path, { driver });
      const error = await failure('ERR_PMEM_LOST', () => read(opened, 0, size));
      expect(error.ranges).toEqual([{ offset: PAGE, length: 2 * PAGE }]);
      await opened.close();
    }
  });
});

describe('a file and its journal are copied', () => {
  it.each([false, true])('(attributes: %s) what is lost stays lost, what is not can be read and written', async (attributes) => {
    const driver = await withLoss();
    await copy(driver, '/backup/file', attributes);
    await expectLoss(driver, '/backup/file');
    const file = await PmemFile.open('/backup/file', { driver });
    file.write(Uint8Array.of(42), 0);
    file.persist();
    const before = driver.readFile('/backup/file.repair');
    const error = await failure('ERR_PMEM_JOURNAL', () => file.repair(bad, { rebuild }));
    expect(error.message).toContain("'adopt'");
    await failure('ERR_PMEM_JOURNAL', () => file.resize(2 * size));
    expect(driver.readFile('/backup/file.repair')).toEqual(before);
    await file.close();
    await expectLoss(driver, PATH);
  });

  const storedOver = '(attributes: %s) stored over all that is lost: no persist says that it will be found again';
  it.each([false, true])(storedOver, async (attributes) => {
    const driver = await withLoss();
    await copy(driver, '/backup/file', attributes);
    const file = await PmemFile.open('/backup/file', { driver });
    file.write(rebuild(bad), bad.offset);
    const persists = [
      () => { file.persist(); },
      () => file.persistAsync(),
      () => { file.persistRanges([bad]); },
      () => { file.writeAndPersist(rebuild(bad), bad.offset); },
    ];
    for (const persist of [...persists, ...persists]) {
      expect((await failure('ERR_PMEM_JOURNAL', persist)).message).toContain("'adopt'");
    }
    expect(read(file, 0, size)).toEqual(whole);
    await failure('ERR_PMEM_JOURNAL', () => file.close());
    await expectLoss(driver, '/backup/file');
  });

  it.each([false, true])('(attributes: %s) adopted, the copy can be repaired; the original keeps its own', async (attributes) => {
    const driver = await withLoss();
    await copy(driver, '/backup/file', attributes);
    const file = await PmemFile.open('/backup/file', { driver, journal: 'adopt' });
    await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
    await file.repair(bad, { rebuild });
    expect(read(file, 0, size)).toEqual(whole);
    await file.close();
    expect(read(await PmemFile.open('/backup/file', { driver }), 0, size)).toEqual(whole);
    await expectLoss(driver, PATH);
  });

  it.each([false, true])('(attributes: %s) discarded, the copy reads as it is, from then on', async (attributes) => {
    const driver = await withLoss();
    await copy(driver, '/backup/file', attributes);
    for (const journal of ['discard', 'require'] as const) {
      const file = await PmemFile.open('/backup/file', { driver, journal });
      expect(read(file, 0, size)).toEqual(driver.readFile('/backup/file'));
      await file.close();
    }
    expect(driver.listFiles()).not.toContain('/backup/file.repair');
    await expectLoss(driver, PATH);
  });

  it('by a snapshot, and renamed there: the journal that the mark leads to is not changed', async () => {
    const driver = await withLoss();
    driver.rename(PATH, '/snapshot/moved');
    const before = driver.readFile(JOURNAL);
    const file = await PmemFile.open('/snapshot/moved', { driver: withJournalElsewhere(driver) });
    await failure('ERR_PMEM_LOST', () => read(file, PAGE, 1));
    expect(read(file, 0, PAGE)).toEqual(part(whole, { offset: 0, length: PAGE }));
    file.write(rebuild(bad), bad.offset);
    await failure('ERR_PMEM_JOURNAL', () => { file.persist(); });
    await failure('ERR_PMEM_JOURNAL', () => file.repair(bad, { rebuild }));
    await failure('ERR_PMEM_JOURNAL', () => file.close());
    expect(driver.readFile(JOURNAL)).toEqual(before);
    const adopted = await PmemFile.open('/snapshot/moved', { driver: withJournalElsewhere(driver), journal: 'adopt' });
    await adopted.repair(bad, { rebuild });
    expect(read(adopted, 0, size)).toEqual(whole);
    await adopted.close();
    expect(driver.readFile(JOURNAL)).toEqual(before);
  });

  it('with a mark but without the journal: refused, and the message says what to do', async () => {
    const driver = await withLoss();
    driver.rename(JOURNAL, '/elsewhere');
    const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver }));
    expect(error.message).toContain('put it back');
    driver.rename('/elsewhere', JOURNAL);
    await expectLoss(driver, PATH);
    driver.unlink(JOURNAL);
    await (await PmemFile.open(PATH, { driver, journal: 'discard' })).close();
    await (await PmemFile.open(PATH, { driver })).close();
  });
});

describe('names that leave no room for an ending', () => {
  it.each([248, 249, 251, 252, 254, 255])('%i bytes: created, repaired, opened again with its loss', async (bytes) => {
    const driver = mockDriver();
    const path = `/pmem/${'n'.repeat(bytes)}`;
    const file = await PmemFile.open(path, { driver, create: true, size });
    file.write(whole, 0);
    file.persist();
    driver.poison(path, bad);
    await file.repair(bad);
    await file.close();
    await expectLoss(driver, path);
    const again = await PmemFile.open(path, { driver });
    await again.repair(bad, { rebuild });
    expect(read(again, 0, size)).toEqual(whole);
    expect(driver.listFiles()).toEqual([path]);
  });
});

describe("other people's files beside the file", () => {
  it('one that has the name of the journal is neither read as one, nor changed, nor deleted', async () => {
    for (const journal of ['require', 'discard', 'adopt'] as const) {
      const driver = mockDriver();
      const theirs = new TextEncoder().encode('invoice for the repair of a car');
      driver.writeFile(JOURNAL, theirs);
      const file = await filled(driver, size, { journal });
      driver.poison(PATH, bad);
      await file.repair(bad);
      await file.close();
      await expectLoss(driver, PATH);
      const again = await PmemFile.open(PATH, { driver, journal });
      await again.repair(bad, { rebuild });
      // What was lost before is data to who discards the journal.
      if (journal !== 'discard') expect(read(again, 0, size)).toEqual(whole);
      expect(driver.readFile(JOURNAL)).toEqual(theirs);
      expect(driver.listFiles()).toEqual([PATH, JOURNAL]);
    }
  });

  it('a journal that another user has planted is refused before a byte of the file is written', async () => {
    const driver = mockDriver();
    const file = await filled(driver, size);
    driver.poison(PATH, bad);
    const stop = driver.observe(({ name }) => (name === 'pwrite' ? { errno: Errno.EIO } : undefined));
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(bad, { fill: 66, strategy: 'zero-range' }));
    stop();
    await file.close();
    const planted = driver.readFile(JOURNAL);
    const marked = await bare(driver, PATH);
    await marked.writeMark(new Uint8Array(0));
    await marked.close();
    driver.unlink(JOURNAL);
    driver.writeFile(JOURNAL, planted);
    driver.setOwner(JOURNAL, 4711);
    const writes: string[] = [];
    driver.observe(({ name }) => {
      if (['pwrite', 'zeroRange', 'write', 'truncate', 'writeMark', 'writeJournal', 'removeJournal'].includes(name)) writes.push(name);
      return undefined;
    });
    const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver }));
    expect(error.message).toContain('owned neither');
    expect(writes).toEqual([]);
    expect(driver.readFile(JOURNAL)).toEqual(planted);
  });

  it('a journal whose owner no user namespace maps is refused, though the file has such an owner, too', async () => {
    const driver = await withLoss();
    driver.setOwner(PATH, -1);
    driver.setOwner(JOURNAL, -1);
    for (const readOnly of [true, false]) {
      const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver, readOnly }));
      expect(error.message).toContain('user namespace');
    }
    expect(read(await PmemFile.open(PATH, { driver, journal: 'discard' }), 0, PAGE)).toEqual(whole.subarray(0, PAGE));
  });

  it("root's journal of a user's file is believed", async () => {
    const driver = await withLoss();
    driver.setOwner(JOURNAL, 0);
    await expectLoss(driver, PATH);
  });
});
