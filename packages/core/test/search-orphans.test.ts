/** Journals beside a file, where FUSE makes up inode numbers and keeps no marks (sshfs). */
import { describe, expect, it } from 'vitest';
import type { CaughtFault, FileFacts, JournalOutcome } from '../src/index.js';
import type { JournalContent } from '../src/repair/journal/content.js';
import { encodeJournal } from '../src/repair/journal/format.js';
import { locate, locateSync } from '../src/repair/journal/locate.js';
import type { Located } from '../src/repair/journal/located.js';
import { placeAside } from '../src/repair/journal/names.js';
import { facts, scriptedFile } from './scripted-file.js';

const PAGE = 4096;
const ID = 'ab'.repeat(16);
const NOTHING = { status: 'none' };
const REFUSED = { code: 'ERR_PMEM_JOURNAL', path: '/pmem/old.repair' };
const lost = { offset: 2 * PAGE, length: 2 * PAGE };

function journal(ownerId = 1000, content: JournalContent = { intents: [], lost: [lost] }): JournalOutcome {
  const bytes = encodeJournal({ inode: 3n, birthTimeNs: 0n, id: ID, bootId: 'boot', writtenBy: 0 }, content);
  return { status: 'present', modifiedMs: 0, bytes, ownerId, mark: undefined };
}

interface Folder {
  readonly journals: Record<string, JournalOutcome>;
  readonly files?: readonly string[];
  readonly changed?: Partial<FileFacts>;
  /** The file's bytes: ones, but for this range. */
  readonly zeros?: { readonly offset: number; readonly length: number };
  readonly mappedBytes?: number;
  readonly fault?: CaughtFault;
}

async function look(folder: Folder): Promise<Located> {
  const { journals, files = [], changed, zeros = lost, mappedBytes = 8 * PAGE, fault } = folder;
  const read = (place: string): JournalOutcome => journals[place] ?? { status: 'absent' };
  const outcome = { names: ['file', ...files, ...Object.keys(journals)] };
  const bytes = new Uint8Array(8 * PAGE).fill(1).fill(0, zeros.offset, zeros.offset + zeros.length);
  const file = scriptedFile({
    facts: { ...facts, filesystem: 'fuse', birthTimeNs: 0n, ...changed },
    mappedBytes,
    readMark: () => ({ status: 'unsupported' }),
    readJournal: (place) => Promise.resolve(read(place)),
    readJournalSync: read,
    listFolder: () => Promise.resolve(outcome),
    listFolderSync: () => outcome,
    read: (target, at) => {
      target.set(bytes.subarray(at, at + target.byteLength));
      return fault;
    },
  });
  const located = await locate(file);
  expect(locateSync(file)).toEqual(located);
  return located;
}

describe('a journal whose file is not there', () => {
  const journals = { 'old.repair': journal() };

  it('may be that of a file with zeros where it says lost', async () => {
    await expect(look({ journals })).rejects.toMatchObject(REFUSED);
  });

  it('may be that of a file that cannot be read there', async () => {
    const fault = { position: lost.offset, signalCode: 2, granuleLog2: 0 };
    await expect(look({ journals, fault, zeros: { offset: 0, length: 0 } })).rejects.toMatchObject(REFUSED);
  });

  it('may be that of any file with a range in which a repair was cut off', async () => {
    const intents = [{ offset: PAGE, length: PAGE, content: new Uint8Array(PAGE).fill(5), fileSizeBytes: 8 * PAGE }];
    const cutOff = { 'old.repair': journal(1000, { intents, lost: [] }) };
    await expect(look({ journals: cutOff, zeros: { offset: 0, length: 0 } })).rejects.toMatchObject(REFUSED);
    expect(await look({ journals: cutOff, mappedBytes: PAGE })).toMatchObject(NOTHING);
  });

  it('is another one\'s if this file has data there, or ends before', async () => {
    expect(await look({ journals, zeros: { offset: 0, length: lost.offset + 1 } })).toMatchObject(NOTHING);
    expect(await look({ journals, zeros: { ...lost, length: PAGE } })).toMatchObject(NOTHING);
    expect(await look({ journals, mappedBytes: lost.offset })).toMatchObject(NOTHING);
  });

  it('is not asked about by a file that open() has just made, nor believed of another user', async () => {
    expect(await look({ journals, changed: { created: true } })).toMatchObject(NOTHING);
    expect(await look({ journals: { 'old.repair': journal(1001) } })).toMatchObject(NOTHING);
  });

  it('is of an earlier file if it was set aside at the name of this one', async () => {
    const aside = placeAside('/pmem/file', ID) ?? '';
    expect(await look({ journals: { [aside]: journal() } })).toMatchObject(NOTHING);
    const refused = { code: 'ERR_PMEM_JOURNAL', path: `/pmem/${aside}` };
    const moved = look({ journals: { [aside]: journal() }, changed: { path: '/pmem/moved' } });
    await expect(moved).rejects.toMatchObject(refused);
  });
});

it.each(['old.repair', 'old-7f.repair'])('a journal whose file is there is of that file: %s', async (place) => {
  expect(await look({ journals: { [place]: journal() }, files: ['old'] })).toMatchObject(NOTHING);
});
