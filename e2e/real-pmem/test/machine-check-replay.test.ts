/** What the recordings of machine checks have seen on a bus that lists none, on the mock of the same kernel. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Errno, PmemFile, type Driver, type HugePages, type RepairOptions } from '@safe-pmem/core';
import { mockDriver, type KernelName } from '@safe-pmem/mock';
import { describe, expect, it } from 'vitest';
import { badPage, filePages, hugeFilePages, wholeContent } from '../src/machine-check/accesses.js';
import { outcomeOf, pagesOf } from '../src/machine-check/outcome.js';
import { readRecordings } from '../src/matrix-page/files.js';
import { part } from '../src/repair/content.js';
import { page, pageBytes } from '../src/scenarios/file-steps.js';

const tree = path.resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const recordings = readRecordings(tree).filter(({ subject }) => subject.device === 'clearable');
const name = '/pmem/file';
const bad = { offset: page(badPage), length: pageBytes };
const whole = { offset: 0, length: page(filePages) };

/** pread of every page by itself, in the letters of the recordings. */
async function preadPages(driver: Driver): Promise<string> {
  const outcome = await driver.open(name, { readOnly: true, create: false, sizeBytes: undefined, preallocate: false });
  if ('failure' in outcome) throw new Error('cannot open');
  let letters = '';
  for (let index = 0; index < filePages; index++) {
    const { errno } = await outcome.file.pread(new Uint8Array(pageBytes), page(index));
    letters += errno === 0 ? 'o' : errno === Errno.EFAULT ? 'F' : errno === Errno.EIO ? 'E' : '!';
  }
  return letters;
}

describe.each(recordings)('machine checks of $subject.kernel $subject.filesystem, e820', ({ subject, cases }) => {
  const { filesystem } = subject;
  const observed = (of: string, what: string): string | undefined => {
    return cases.find((one) => one.name === of)?.observed[what];
  };

  /** A file on this machine, and a process that has met its bad page by a long read. */
  async function machine() {
    const driver = mockDriver({ kernel: subject.kernel as KernelName, filesystem, listsConsumedErrors: false });
    const file = await PmemFile.open(name, { driver, create: true, size: whole.length });
    file.write(part(wholeContent, whole), 0);
    file.persist();
    driver.poison(name, bad, { latent: true });
    const met = await outcomeOf(() => { file.read(new Uint8Array(3 * pageBytes), page(badPage - 1)); });
    return { driver, file, met };
  }

  function repaired(file: PmemFile, options: RepairOptions = {}): Promise<string> {
    return outcomeOf(async () => {
      const { units } = await file.repair(bad, { rebuild: (range) => part(wholeContent, range), ...options });
      return units.map(({ outcome, strategy }) => `${outcome} by ${strategy ?? 'nothing'}`).join(', ');
    });
  }

  it('a read', async () => {
    const { driver, file, met } = await machine();
    expect(met).toBe(observed('consumed by long read', 'outcome'));
    expect(await preadPages(driver)).toBe(observed('consumed by long read', 'pread of every page'));
    expect((await file.badBlocks()).status).toBe(observed('consumed by long read', 'badBlocks()'));
    const { found, mediaErrors } = await (await PmemFile.open(name, { driver })).scrub();
    const scrubbed = `page ${pagesOf(mediaErrors)}${found.length > 0 ? ', new' : ''}`;
    expect(scrubbed).toBe(observed('found in a file that is not open', 'scrub()'));
  });

  it('a repair', async () => {
    expect(await repaired((await machine()).file)).toBe(observed('repair', 'repair()'));
    const { file: moved } = await machine();
    expect(await repaired(moved, { allowRelocation: true })).toBe(observed('repair, relocation allowed', 'repair()'));
    const { driver, file: listed } = await machine();
    driver.poison(name, bad);
    expect(await repaired(listed)).toBe(observed('repair once root has listed it', 'repair()'));
    expect(await preadPages(driver)).toBe(observed('repair once root has listed it', 'pread of every page'));
  });

  it('2 MiB, mapped by one entry or page by page, once root has listed the page', async () => {
    const huge = page(hugeFilePages);
    const repairedBy = async (hugePages: HugePages): Promise<string> => {
      const driver = mockDriver({
        kernel: subject.kernel as KernelName, filesystem, listsConsumedErrors: false,
        placement: ({ path: file, offset }) => (file === name ? huge + offset : undefined),
      });
      driver.writeFile(name, part(wholeContent, { offset: 0, length: huge }));
      driver.poison(name, bad, { latent: true });
      const file = await PmemFile.open(name, { driver, hugePages });
      const outcome = await outcomeOf(() => { file.read(new Uint8Array(3 * pageBytes), page(badPage - 1)); });
      expect(outcome).toBe(observed('consumed in a page of 2 MiB', 'outcome'));
      driver.poison(name, bad);
      return repaired(file);
    };
    expect(await repairedBy('allow')).toBe(observed('repair in a page of 2 MiB, once root has listed it', 'repair()'));
    const byPage = observed('repair in 2 MiB that are mapped page by page, once root has listed it', 'repair()');
    expect(await repairedBy('avoid')).toBe(byPage);
  });

  it('a new end of the file', async () => {
    const { driver, file } = await machine();
    const other = await PmemFile.open(name, { driver });
    const resized = (opened: PmemFile, end: number): Promise<string> => outcomeOf(() => opened.resize(end));
    const of = 'end of the file moved into the page';
    expect(await resized(other, page(8) + 1000)).toBe(observed(of, 'resize() to an end in another page'));
    expect(await resized(other, bad.offset + 1000)).toBe(observed(of, 'resize() to an end in that page'));
    expect(await resized(file, bad.offset + 1000)).toBe(observed(of, 'resize() of the process that met it'));
  });
});

it('there are recordings to replay', () => {
  expect(recordings.map(({ subject: { kernel, filesystem } }) => `${kernel} ${filesystem}`)).toEqual(
    expect.arrayContaining(['6.12 ext4', '6.12 xfs', '7.3 ext4', '7.3 xfs']),
  );
});
