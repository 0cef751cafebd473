// A filesystem in user space that keeps marks and makes up inode numbers (mergerfs as it comes): after a mount a file
// has another number, and may have that of its own copy. sshfs keeps no marks either.
// Natively: packages/native/test/neighbours/made-up-inodes.test.ts and no-marks.test.ts.
import { type CompleteFile, type Driver, PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver } from '../../src/index.js';
import { bad as page, expectLoss, size, whole, withLoss } from './lost-page.js';
import { changing, content, failure, filled, PAGE, pageOf, part, PATH, read } from './opened.js';

const SIZE = 4 * PAGE;
const COPY = '/pmem/copy';
const bad = [pageOf(1), pageOf(3)];

/** The machine's files with the numbers that they have got at a mount. */
function mounted(driver: MockDriver, numbers: Readonly<Record<string, bigint>>): Driver {
  return changing(driver, (file) => {
    const inode = numbers[file.facts.path] ?? 99n;
    Object.assign(file, { facts: { ...file.facts, filesystem: 'fuse', birthTimeNs: 0n, inode } });
  });
}

async function bare(driver: Driver, path: string): Promise<CompleteFile> {
  const outcome = await driver.open(path, { create: false, readOnly: false, preallocate: false, sizeBytes: undefined });
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  return outcome.file as CompleteFile;
}

/** A file with the number 2 and two losses, and a copy of it with its mark and without its journal. */
async function copied(): Promise<MockDriver> {
  const machine = mockDriver();
  await (await filled(machine, SIZE)).close();
  for (const range of bad) machine.poison(PATH, range);
  const file = await PmemFile.open(PATH, { driver: mounted(machine, { [PATH]: 2n }) });
  await file.repair(bad);
  await file.close();
  machine.writeFile(COPY, machine.readFile(PATH));
  const [from, to] = [await bare(machine, PATH), await bare(machine, COPY)];
  const mark = from.readMark();
  if (mark.status !== 'present') throw new Error('the file has no mark');
  await to.writeMark(mark.bytes);
  for (const each of [from, to]) await each.close();
  return machine;
}

async function expectLost(driver: Driver, options: { journal?: 'adopt' } = {}): Promise<void> {
  const file = await PmemFile.open(PATH, { driver, ...options });
  for (const { offset } of bad) await failure('ERR_PMEM_LOST', () => read(file, offset, PAGE));
  expect(read(file, 2 * PAGE, PAGE)).toEqual(part(content(SIZE), pageOf(2)));
  await file.close();
}

it('the copy has the number of its original by now: it is not taken for it', async () => {
  const machine = await copied();
  const later = mounted(machine, { [COPY]: 2n, [PATH]: 3n });
  await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(COPY, { driver: later }));
  await expectLost(mounted(machine, { [PATH]: 2n }));
});

it("a file has another number after a mount: open() asks, and 'adopt' goes on with the losses", async () => {
  const machine = await copied();
  const later = mounted(machine, { [PATH]: 3n });
  const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver: later }));
  expect(error.message).toContain('other inode numbers at each mount');
  await expectLost(later, { journal: 'adopt' });
  await expectLost(later);
  const file = await PmemFile.open(PATH, { driver: later });
  await file.repair(bad, { fill: 9 });
  await file.close();
  expect(machine.listFiles()).toEqual([COPY, PATH]);
});

describe('it keeps no marks either (sshfs), and a file with a loss is renamed while it is closed', () => {
  const MOVED = '/pmem/moved';

  async function renamed(): Promise<{ machine: MockDriver; driver: Driver }> {
    const machine = await withLoss({ extendedAttributes: false });
    machine.rename(PATH, MOVED);
    return { machine, driver: mounted(machine, {}) };
  }

  const journalsIn = (machine: MockDriver): string[] => machine.listFiles().filter((name) => name.endsWith('.repair'));

  async function expectKept({ machine, driver }: { machine: MockDriver; driver: Driver }): Promise<void> {
    const [journal = ''] = journalsIn(machine);
    const refused = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(MOVED, { driver }));
    expect(refused.path).toBe(journal);
    machine.rename(journal, `${MOVED}.repair`);
    await expectLoss(machine, MOVED);
  }

  it('no zero is data: open() names the journal, which has to be renamed as well', async () => {
    await expectKept(await renamed());
  });

  it('a new file takes its name: it has no losses, and the journal is kept', async () => {
    const { machine, driver } = await renamed();
    // Zeros where the other one has lost its bytes.
    await (await PmemFile.open(PATH, { driver, create: true, size })).close();
    const fresh = await PmemFile.open(PATH, { driver });
    expect(read(fresh, 0, size)).toEqual(new Uint8Array(size));
    await fresh.close();
    await expectKept({ machine, driver });
  });

  it('a file with other bytes beside it is not hindered', async () => {
    const { machine, driver } = await renamed();
    machine.writeFile('/pmem/beside', whole);
    const beside = await PmemFile.open('/pmem/beside', { driver });
    expect(read(beside, 0, size)).toEqual(whole);
    await beside.close();
    expect(journalsIn(machine)).toEqual([`${PATH}.repair`]);
  });

  it('the bytes of the loss are written by another program: they are data', async () => {
    const { machine, driver } = await renamed();
    machine.overwrite(MOVED, part(whole, page), page.offset);
    const file = await PmemFile.open(MOVED, { driver });
    expect(read(file, 0, size)).toEqual(whole);
    await file.close();
  });
});
