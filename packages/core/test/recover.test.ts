/** What open() takes from a journal: intents of this file and its units, and the size that a repair had left behind. */
import { describe, expect, it } from 'vitest';
import { Hazards } from '../src/hazards.js';
import { encodeJournal } from '../src/repair/journal-format.js';
import { recoverJournal } from '../src/repair/recover.js';
import { facts, scriptedFile } from './scripted-file.js';

const PAGE = 4096;
/** The last unit holds 1000 bytes. */
const SIZE = 5 * PAGE + 1000;

interface Setting {
  readonly offset?: number;
  readonly length?: number;
  readonly owner?: { readonly inode?: bigint; readonly birthTimeNs?: bigint };
  readonly readOnly?: boolean;
  readonly sizeBytes?: number;
}

/** Recovers from one intent. Locking is the first thing that recovery does once it has accepted every intent. */
async function recoverFrom(setting: Setting, hazards = new Hazards()): Promise<unknown> {
  const { offset = 5 * PAGE, length = 1000, owner = {}, readOnly = false, sizeBytes = SIZE } = setting;
  const { inode, birthTimeNs } = facts;
  const intent = { offset, length, content: new Uint8Array(length).fill(1), fileSizeBytes: SIZE };
  const bytes = encodeJournal({ inode, birthTimeNs, ...owner, intents: [intent], tombstones: [] });
  const file = scriptedFile({
    facts: { ...facts, readOnly },
    mappedBytes: sizeBytes,
    readJournal: () => Promise.resolve({ status: 'present', bytes }),
    fileSize: () => Promise.resolve({ sizeBytes }),
    lock: () => {
      throw new Error('accepted');
    },
  });
  return recoverJournal(file, hazards).catch((error: unknown) => error);
}

describe('an intent that recovery acts on is one unit of this file', () => {
  it.each([
    ['the first unit', 0, PAGE],
    ['one in the middle', 3 * PAGE, PAGE],
    ['what there is of the last', 5 * PAGE, 1000],
  ])('%s', async (_, offset, length) => {
    expect(await recoverFrom({ offset, length })).toMatchObject({ message: 'accepted' });
  });

  it.each([
    ['not at the beginning of a unit', PAGE + 512, PAGE],
    ['between two units, as long as one', 100, PAGE],
    ['two units', 0, 2 * PAGE],
    ['from a unit on to the end of the file', 4 * PAGE, PAGE + 1000],
    ['a part of a unit', PAGE, 100],
    ['the end of the last unit only', 5 * PAGE + 500, 500],
    ['less than there is of the last', 5 * PAGE, 999],
    ['more than there is of the last', 5 * PAGE, 1001],
    ['the last as if it were whole', 5 * PAGE, PAGE],
  ])('and not %s', async (_, offset, length) => {
    expect(await recoverFrom({ offset, length })).toMatchObject({
      code: 'ERR_PMEM_JOURNAL',
      path: `${facts.path}.repair`,
      ranges: [{ offset, length }],
    });
  });
});

describe('a journal', () => {
  it('of another inode, or of another file with this inode, is refused', async () => {
    expect(await recoverFrom({})).toMatchObject({ message: 'accepted' });
    for (const owner of [{ inode: facts.inode + 1n }, { birthTimeNs: facts.birthTimeNs + 1n }]) {
      expect(await recoverFrom({ owner })).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    }
  });

  it('of a file that is opened read-only closes its units, and nothing is locked or written', async () => {
    const hazards = new Hazards();
    expect(await recoverFrom({ readOnly: true }, hazards)).toBe(SIZE);
    expect(hazards.unfinished).toMatchObject([{ offset: 5 * PAGE, length: 1000 }]);
  });

  it.each([1, 1000, PAGE - 1000])('undoes the growth of the last unit by %s bytes', async (grownBytes) => {
    expect(await recoverFrom({ readOnly: true, sizeBytes: SIZE + grownBytes })).toBe(SIZE);
  });

  it.each([-1, PAGE - 999, PAGE])('does not take a size that is off by %s bytes for that growth', async (bytes) => {
    expect(await recoverFrom({ readOnly: true, sizeBytes: SIZE + bytes })).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
  });
});
