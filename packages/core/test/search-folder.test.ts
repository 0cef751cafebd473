/** Journals of files that are renamed, linked and copied on a filesystem that keeps no marks. */
import { describe, expect, it } from 'vitest';
import type { FileFacts, FileIdentity, FolderOutcome, IdentityOutcome, JournalOutcome } from '../src/index.js';
import { encodeJournal } from '../src/repair/journal/format.js';
import { locate, locateSync } from '../src/repair/journal/locate.js';
import type { Located } from '../src/repair/journal/located.js';
import { newJournalId } from '../src/repair/journal/names.js';
import { facts, scriptedFile } from './scripted-file.js';

const NOTHING = { status: 'none', place: 'file.repair' };
const absent: JournalOutcome = { status: 'absent' };

interface Folder {
  readonly journals: Record<string, JournalOutcome>;
  /** The other files, and which each is. The file itself is there in any case. */
  readonly files?: Record<string, FileIdentity>;
  readonly changed?: Partial<FileFacts>;
  readonly listed?: FolderOutcome;
  readonly identified?: IdentityOutcome;
}

function journal(
  identity: Partial<FileIdentity> = {}, outcome: Partial<JournalOutcome> = {}, id = 'ab'.repeat(16),
): JournalOutcome {
  const { inode, birthTimeNs } = { ...facts, ...identity };
  const bytes = encodeJournal(
    { inode, birthTimeNs, id, bootId: 'boot', writtenBy: 0 },
    { intents: [], lost: [{ offset: 0, length: 8 }] },
  );
  return { status: 'present', modifiedMs: 0, bytes, ownerId: 1000, mark: undefined, ...outcome } as JournalOutcome;
}

async function look({ journals, files = {}, changed, listed, identified }: Folder): Promise<Located> {
  const read = (place: string): JournalOutcome => journals[place] ?? absent;
  const outcome = listed ?? { names: ['file', ...Object.keys(files), ...Object.keys(journals)] };
  const file = scriptedFile({
    facts: { ...facts, ...changed },
    readMark: () => ({ status: 'unsupported' }),
    readJournal: (place) => Promise.resolve(read(place)),
    readJournalSync: read,
    listFolder: () => Promise.resolve(outcome),
    listFolderSync: () => outcome,
    identify: (name) => identified ?? files[name],
    read: (target) => { target.fill(1); return undefined; },
  });
  const located = await locate(file);
  expect(locateSync(file)).toEqual(located);
  return located;
}

describe('a file that has another name than its journal', () => {
  it('was renamed: the journal of its inode and birth is its own', async () => {
    const notes = journal({}, { bytes: Buffer.from('of a garage') });
    const journals = { 'other.repair': journal({ inode: 8n }), 'old.repair': journal(), 'notes.repair': notes };
    const own = { status: 'own', place: 'old.repair' };
    expect(await look({ journals })).toMatchObject(own);
    expect(await look({ journals, files: { old: { inode: 9n, birthTimeNs: 9n } } })).toMatchObject(own);
  });

  it('has several: the later one counts', async () => {
    const journals = { 'a.repair': journal(), 'b.repair': journal({}, { modifiedMs: 1 }), 'c.repair': journal() };
    expect(await look({ journals })).toMatchObject({ status: 'own', place: 'b.repair' });
  });

  it('is not looked for beside a file that open() has just made', async () => {
    const journals = { 'old.repair': journal() };
    expect(await look({ journals, changed: { created: true } })).toMatchObject(NOTHING);
  });

  it('has the inode number of a file that was removed: the birth tells them apart', async () => {
    expect(await look({ journals: { 'old.repair': journal({ birthTimeNs: 2n }) } })).toMatchObject(NOTHING);
  });

  it('is not believed of another user', async () => {
    const planted = look({ journals: { 'old.repair': journal({}, { ownerId: 1001 }) } });
    const message = expect.stringContaining('owned neither') as string;
    await expect(planted).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL', message });
  });

  it('is beside what is no journal, or of another user, or too large: these are passed over', async () => {
    const failed = (errno: number): JournalOutcome => ({ status: 'failed', failure: { errno, syscall: 'open' } });
    const large = { status: 'too-large', sizeBytes: 2 ** 40 } as const;
    const journals = { 'a.repair': failed(40), 'b.repair': failed(13), 'c.repair': large };
    expect(await look({ journals })).toMatchObject(NOTHING);
  });

  it('is refused while a journal cannot be read, or the folder: either may say what is lost', async () => {
    const journals = { 'old.repair': { status: 'failed', failure: { errno: 5, syscall: 'read' } } as const };
    await expect(look({ journals })).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    const many = { 'old.repair': { status: 'failed', failure: { errno: 24, syscall: 'open' } } as const };
    await expect(look({ journals: many })).rejects.toMatchObject({ code: 'ERR_PMEM_TOO_MANY_FILES' });
    const listed = { failure: { errno: 5, syscall: 'readdir' } };
    await expect(look({ journals: {}, listed })).rejects.toMatchObject({ code: 'ERR_PMEM_IO' });
  });

  it.each([13, 1, 2, 20, 95])('is not found in a folder that errno %i does not let it list', async (errno) => {
    const listed = { failure: { errno, syscall: 'readdir' } };
    expect(await look({ journals: { 'old.repair': journal() }, listed })).toMatchObject(NOTHING);
  });
});

describe('without birth times', () => {
  const changed = { birthTimeNs: 0n, filesystem: 'nfs' };
  const journals = { 'old.repair': journal({ birthTimeNs: 0n }) };

  it('a file is reached by two names: the journal of one is its own', async () => {
    const files = { old: { inode: facts.inode, birthTimeNs: 0n } };
    expect(await look({ journals, files, changed })).toMatchObject({ status: 'own', place: 'old.repair' });
  });

  it('a journal of its inode may be of a file that was removed: refused, and the message says what to do', async () => {
    for (const files of [{}, { old: { inode: 9n, birthTimeNs: 0n } }]) {
      await expect(look({ journals, files, changed })).rejects.toMatchObject({
        code: 'ERR_PMEM_JOURNAL',
        path: '/pmem/old.repair',
        message: expect.stringContaining('rename it as well') as string,
      });
    }
  });
});

describe.each(['vfat', 'exfat'])('on %s, where inode numbers pass and births are told to 10 ms', (filesystem) => {
  const changed = { filesystem };
  const twin = { inode: 50n, birthTimeNs: facts.birthTimeNs };
  const journals = { 'old.repair': journal({ inode: 99n }) };

  it('the only file of that birth is the one', async () => {
    expect(await look({ journals, changed })).toMatchObject({ status: 'own', place: 'old.repair' });
    const files = { old: { inode: 50n, birthTimeNs: 2n } };
    expect(await look({ journals, files, changed })).toMatchObject({ status: 'own' });
  });

  it('a file that was made together with it, and still has its name, keeps its journal', async () => {
    expect(await look({ journals, files: { old: twin }, changed })).toMatchObject(NOTHING);
  });

  it('of two files that were made together neither is sure to be it: refused', async () => {
    const looking = look({ journals, files: { another: twin }, changed });
    await expect(looking).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
  });

  it('the file itself, under its name in other letters, is no other file', async () => {
    const files = { FILE: { inode: facts.inode, birthTimeNs: facts.birthTimeNs } };
    expect(await look({ journals, files, changed })).toMatchObject({ status: 'own', place: 'old.repair' });
  });

  it('a file that cannot be asked is not taken for another one', async () => {
    const identified = { failure: { errno: 5, syscall: 'lstat' } };
    const looking = look({ journals, files: { old: twin }, changed, identified });
    await expect(looking).rejects.toMatchObject({ code: 'ERR_PMEM_IO' });
  });
});

describe('a journal of another inode at the name of the file', () => {
  const made = (place: string): JournalOutcome => journal({ inode: 8n }, {}, newJournalId(place));
  const usual = made('file.repair');
  const original = { inode: 8n, birthTimeNs: facts.birthTimeNs };

  it('came with a copy, if its file is not there', async () => {
    expect(await look({ journals: { 'file.repair': usual } })).toMatchObject({ status: 'copied' });
    const files = { 'file.1': { inode: 8n, birthTimeNs: 2n } };
    expect(await look({ journals: { 'file.repair': usual }, files })).toMatchObject({ status: 'copied' });
  });

  it('is that of a file which was rotated away', async () => {
    const found = await look({ journals: { 'file.repair': usual }, files: { 'file.1': original } });
    expect(found).toMatchObject({ status: 'none', place: 'file-7.repair' });
  });

  it('came with a copy, if it was made at another name: whether its file still has its own or not', async () => {
    for (const id of [newJournalId('file.1.repair'), 'ab'.repeat(16)]) {
      const journals = { 'file.repair': journal({ inode: 8n }, {}, id) };
      expect(await look({ journals, files: { 'file.1': original } })).toMatchObject({ status: 'copied' });
    }
  });

  it('hides no journal of its own that has another name', async () => {
    const journals = { 'file.repair': usual, 'old.repair': journal() };
    const found = await look({ journals, files: { 'file.1': original } });
    expect(found).toMatchObject({ status: 'own', place: 'old.repair' });
  });

  it('is that of a file with the same inode number, where no births are kept', async () => {
    const changed = { birthTimeNs: 0n, filesystem: 'nfs' };
    const journals = { 'file.repair': journal({ inode: 8n, birthTimeNs: 0n }, {}, newJournalId('file.repair')) };
    const files = { 'file.1': { inode: 8n, birthTimeNs: 0n } };
    expect(await look({ journals, files, changed })).toMatchObject({ status: 'none' });
  });
});

describe('on FUSE without births, if its daemon keeps inode numbers', () => {
  const changed = { birthTimeNs: 0n, filesystem: 'fuse', keepsInodes: true };
  const journals = { 'old.repair': journal({ birthTimeNs: 0n }) };

  it('a file reached by two names has one journal', async () => {
    const files = { old: { inode: facts.inode, birthTimeNs: 0n } };
    expect(await look({ journals, files, changed })).toMatchObject({ status: 'own', place: 'old.repair' });
  });

  it('a journal of its number at another name may be of a file that was removed: refused', async () => {
    await expect(look({ journals, changed })).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
  });
});

describe.each(['cifs', 'fuse'])('on %s, which may make up its inode numbers and knows no births', (filesystem) => {
  const changed = { birthTimeNs: 0n, filesystem };
  const of = (inode: bigint, place: string): JournalOutcome => {
    return journal({ inode, birthTimeNs: 0n }, {}, newJournalId(place));
  };

  it('a journal at the name of the file stays that of a copy, whichever file has the number by now', async () => {
    const files = { another: { inode: 8n, birthTimeNs: 0n } };
    const found = await look({ journals: { 'file.repair': of(8n, 'file.repair') }, files, changed });
    expect(found).toMatchObject({ status: 'copied' });
  });

  it('a journal at another name that has the number of this file hinders nothing', async () => {
    expect(await look({ journals: { 'old.repair': of(facts.inode, 'old.repair') }, changed })).toMatchObject(NOTHING);
  });
});
