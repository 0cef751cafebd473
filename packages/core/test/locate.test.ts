/** Which journal is whose: by the mark of the file, by what a journal says of itself, and by who owns it. */
import { describe, expect, it } from 'vitest';
import type { FileFacts, JournalOutcome, MarkOutcome } from '../src/index.js';
import { encodeJournal } from '../src/repair/journal/format.js';
import { locate, locateSync } from '../src/repair/journal/locate.js';
import type { Located } from '../src/repair/journal/located.js';
import { encodeMark, placeByInode, usualPlace } from '../src/repair/journal/names.js';
import { facts, scriptedFile } from './scripted-file.js';

const ID = 'ab'.repeat(16);
const OTHER_ID = 'cd'.repeat(16);
const USUAL = 'file.repair';
const BY_INODE = 'file-7.repair';

interface Written {
  readonly inode?: bigint;
  readonly id?: string;
  readonly ownerId?: number;
  /** The id in the mark of the journal itself. */
  readonly marked?: string;
}

function journal({ inode = facts.inode, id = ID, ownerId = 1000, marked }: Written = {}): JournalOutcome {
  const bytes = encodeJournal({ inode, birthTimeNs: facts.birthTimeNs, id, bootId: 'boot', writtenBy: 0 }, { intents: [], lost: [{ offset: 0, length: 8 }] });
  const mark = marked === undefined ? undefined : encodeMark({ id: marked, ownerId, path: '/pmem/file.repair' });
  return { status: 'present', modifiedMs: 0, bytes, ownerId, mark };
}

function markOf(id = ID, path = '/pmem/file.repair', ownerId = 1000): MarkOutcome {
  return { status: 'present', bytes: encodeMark({ id, ownerId, path }) };
}

/** Looks for the journal among `files`, both ways. */
async function look(mark: MarkOutcome, files: Record<string, JournalOutcome>, changed: Partial<FileFacts> = {}): Promise<Located> {
  const read = (place: string): JournalOutcome => files[place] ?? { status: 'absent' };
  const file = scriptedFile({
    facts: { ...facts, ...changed }, readMark: () => mark, readJournal: (place) => Promise.resolve(read(place)), readJournalSync: read,
    listFolder: () => Promise.resolve({ names: Object.keys(files) }), listFolderSync: () => ({ names: Object.keys(files) }),
    identify: () => undefined,
  });
  const located = await locate(file);
  expect(locateSync(file)).toEqual(located);
  return located;
}

const absent: MarkOutcome = { status: 'absent' };
const foreign: JournalOutcome = { status: 'present', modifiedMs: 0, bytes: Buffer.from('the notes of a garage'), ownerId: 1000, mark: undefined };

describe('a file without a mark', () => {
  it('has none', async () => {
    expect(await look(absent, {})).toEqual({ status: 'none', place: USUAL, marked: false, isStale: false });
  });

  it('has none beside four bytes of others if it is new; without marks an older file may have', async () => {
    const short = { ...foreign, bytes: Buffer.from('mine') } as JournalOutcome;
    const unsupported: MarkOutcome = { status: 'unsupported' };
    const made = await look(unsupported, { [USUAL]: short }, { created: true });
    expect(made).toMatchObject({ status: 'none', place: BY_INODE });
    expect(await look(absent, { [USUAL]: short })).toMatchObject({ status: 'none', place: BY_INODE });
    await expect(look(unsupported, { [USUAL]: short })).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
  });

  it('has its own, by inode and birth time', async () => {
    expect(await look(absent, { [USUAL]: journal() })).toMatchObject({ status: 'own', place: USUAL, marked: false });
  });

  it.each(['vfat', 'exfat'])('has its own by birth time alone on %s, where inode numbers pass', async (filesystem) => {
    const unsupported: MarkOutcome = { status: 'unsupported' };
    const files = { [USUAL]: journal({ inode: 99n }) };
    expect(await look(unsupported, files, { filesystem })).toMatchObject({ status: 'own', place: USUAL });
    expect(await look(unsupported, files, { filesystem, birthTimeNs: 2n })).toMatchObject({ status: 'copied' });
    expect(await look(unsupported, files)).toMatchObject({ status: 'copied' });
  });

  it('has none in force if its journal is marked and it is not: nothing was changed yet, or all is done', async () => {
    expect(await look(absent, { [USUAL]: journal({ marked: ID }) })).toMatchObject({ status: 'none', isStale: true });
    expect(await look({ status: 'unsupported' }, { [USUAL]: journal({ marked: ID }) })).toMatchObject({ status: 'own' });
  });

  it.each([
    ['a file of somebody else', foreign],
    ['the journal of a file that was renamed away', journal({ inode: 8n, marked: ID })],
    ['a symbolic link', { status: 'failed', failure: { errno: 40, syscall: 'open' } } as const],
    ['a directory', { status: 'failed', failure: { errno: 21, syscall: 'open' } } as const],
    ['a file of gigabytes', { status: 'too-large', sizeBytes: 2 ** 32 } as const],
  ])('leaves %s alone, and keeps its own elsewhere', async (_, usual) => {
    expect(await look(absent, { [USUAL]: usual })).toEqual({ status: 'none', place: BY_INODE, marked: false, isStale: false });
    expect(await look(absent, { [USUAL]: usual, [BY_INODE]: journal() })).toMatchObject({ status: 'own', place: BY_INODE });
  });

  it('is a copy if the journal is one: of another inode, without a mark of its own', async () => {
    expect(await look(absent, { [USUAL]: journal({ inode: 8n }) })).toMatchObject({ status: 'copied', place: USUAL });
  });

  it('that open() has just made is no copy', async () => {
    expect(await look(absent, { [USUAL]: journal({ inode: 8n }) }, { created: true })).toMatchObject({ status: 'none', place: BY_INODE });
  });

  it('refuses a journal that neither its owner nor root wrote', async () => {
    await expect(look(absent, { [USUAL]: journal({ ownerId: 1001 }) })).rejects.toMatchObject({
      code: 'ERR_PMEM_JOURNAL', path: '/pmem/file.repair',
    });
    expect(await look(absent, { [USUAL]: journal({ ownerId: 0 }) })).toMatchObject({ status: 'own' });
  });

  it('refuses a journal whose owner no user namespace maps, though the file has such an owner, too', async () => {
    const planted = { [USUAL]: journal({ ownerId: -1 }) };
    for (const ownerId of [-1, 1000]) {
      await expect(look(absent, planted, { ownerId })).rejects.toMatchObject({
        code: 'ERR_PMEM_JOURNAL', message: expect.stringContaining('user namespace') as string,
      });
      await expect(look(markOf(), planted, { ownerId })).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    }
    expect(await look(markOf(), { [USUAL]: journal() }, { ownerId: -1 })).toMatchObject({ status: 'own' });
  });

  it('refuses one that is damaged or cannot be read', async () => {
    const cut = journal();
    const damaged = cut.status === 'present' ? { ...cut, bytes: cut.bytes.subarray(0, 100) } : cut;
    for (const outcome of [damaged, { status: 'failed', failure: { errno: 5, syscall: 'read' } } as const]) {
      await expect(look(absent, { [USUAL]: outcome })).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    }
  });
});

describe('a file with a mark', () => {
  it('finds its journal at its name, or where the mark says it was written', async () => {
    expect(await look(markOf(), { [USUAL]: journal() })).toMatchObject({ status: 'own', place: USUAL, marked: true });
    const old = '/elsewhere/old.repair';
    const there = { [old]: journal({ marked: ID }) };
    expect(await look(markOf(ID, old), there)).toMatchObject({ status: 'own', place: old, marked: true });
    // In the same directory it is looked up by that, wherever the directory is now.
    const beside = { 'old.repair': journal() };
    expect(await look(markOf(ID, '/pmem/old.repair'), beside)).toMatchObject({ status: 'own', place: 'old.repair' });
    // The directory was renamed as well.
    expect(await look(markOf(ID, '/gone/old.repair'), { 'old.repair': journal() })).toMatchObject({ status: 'own', place: 'old.repair' });
  });

  it('has several of its inode: the later one counts, and the one beside it if both are as old', async () => {
    const old = '/elsewhere/file.repair';
    const later = { ...journal({ marked: ID }), modifiedMs: 1 } as JournalOutcome;
    const mark = markOf(ID, old);
    expect(await look(mark, { [USUAL]: journal(), [old]: later })).toMatchObject({ status: 'own', place: old });
    const asOld = { [USUAL]: journal(), [old]: journal({ marked: ID }) };
    expect(await look(mark, asOld)).toMatchObject({ status: 'own', place: USUAL });
    const copy = { ...journal({ inode: 8n }), modifiedMs: 1 } as JournalOutcome;
    expect(await look(mark, { ...asOld, [USUAL]: copy })).toMatchObject({ status: 'own', place: old });
  });

  it('is a copy if its journal is on another filesystem, as that of a snapshot is', async () => {
    const old = '/elsewhere/file.repair';
    const elsewhere = { ...journal({ marked: ID }), isElsewhere: true } as JournalOutcome;
    expect(await look(markOf(ID, old), { [old]: elsewhere })).toMatchObject({ status: 'copied', place: old });
  });

  it('is a copy if its journal lies where it once was and has no mark, as that of a copy', async () => {
    const old = '/elsewhere/file.repair';
    expect(await look(markOf(ID, old), { [old]: journal() })).toMatchObject({ status: 'copied', place: old });
    const own = { [old]: journal({ marked: ID }), [USUAL]: journal() };
    expect(await look(markOf(ID, old), own)).toMatchObject({ status: 'own', place: USUAL });
  });

  it('passes over journals with another id', async () => {
    const old = '/elsewhere/old.repair';
    const files = { [USUAL]: journal({ id: OTHER_ID, inode: 8n }), [old]: journal({ marked: ID }) };
    expect(await look(markOf(ID, old), files)).toMatchObject({ status: 'own', place: old });
  });

  it('is a copy if its journal names another inode, and was written before the file was made', async () => {
    const files = { [USUAL]: journal({ inode: 8n }) };
    const made = { birthTimeNs: 5_000_000n };
    expect(await look(markOf(), files, made)).toMatchObject({ status: 'copied', marked: true });
  });

  it.each([
    ['was written at that time, or later', 500_000n],
    ['may have been, as the file has no time of birth', 0n],
  ])('is refused if the journal of its original %s', async (_, birthTimeNs) => {
    const there = { [USUAL]: journal({ inode: 8n }) };
    const refused = { code: 'ERR_PMEM_JOURNAL', message: expect.stringContaining('changed since') as string };
    await expect(look(markOf(), there, { birthTimeNs })).rejects.toMatchObject(refused);
  });

  it('is a copy, whenever the journal that came with it was written', async () => {
    const files = { [USUAL]: journal({ inode: 8n }) };
    expect(await look(markOf(ID, '/elsewhere/file.repair'), files)).toMatchObject({ status: 'copied', place: USUAL });
  });

  it('is refused without its journal: what was lost cannot be told', async () => {
    await expect(look(markOf(), {})).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL', path: '/pmem/file.repair' });
    await expect(look(markOf(), { [USUAL]: journal({ id: OTHER_ID }) })).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    await expect(look(markOf(), { [USUAL]: foreign })).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
  });

  it('believes the user who set the mark, and no other one who knows its id', async () => {
    expect(await look(markOf(ID, '/pmem/file.repair', 1002), { [USUAL]: journal({ ownerId: 1002 }) })).toMatchObject({ status: 'own' });
    await expect(look(markOf(), { [USUAL]: journal({ ownerId: 1001 }) })).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
  });

  it('that says something else is refused', async () => {
    await expect(look({ status: 'present', bytes: Buffer.from('2 x') }, {})).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
  });
});

describe('names', () => {
  it('of journals fit into 255 bytes, whatever the file is called', () => {
    for (const name of ['n'.repeat(255), 'ü'.repeat(127), '€'.repeat(85), 'n'.repeat(248)]) {
      for (const place of [usualPlace(`/pmem/${name}`), placeByInode(`/pmem/${name}`, 2n ** 64n - 1n)]) {
        expect(Buffer.byteLength(place)).toBeLessThanOrEqual(255);
        expect(place.endsWith('.repair')).toBe(true);
      }
    }
    expect(usualPlace('/pmem/app.db')).toBe('app.db.repair');
    expect(usualPlace(`/pmem/${'n'.repeat(254)}a`)).not.toBe(usualPlace(`/pmem/${'n'.repeat(254)}b`));
  });
});

describe('a file with a mark, where FUSE makes up the inode numbers', () => {
  const madeUp = { birthTimeNs: 0n, filesystem: 'fuse' };
  const renamed = { ...madeUp, path: '/pmem/other' };
  const doubt = { code: 'ERR_PMEM_JOURNAL', message: expect.stringContaining("'adopt'") as string };

  it('has the journal at its name that names its number', async () => {
    expect(await look(markOf(), { [USUAL]: journal() }, madeUp)).toMatchObject({ status: 'own' });
  });

  it('is a file of before the last mount, or an older copy: the journal at its name has another number', async () => {
    const found = await look(markOf(), { [USUAL]: journal({ inode: 8n }) }, madeUp);
    expect(found).toMatchObject({ status: 'copied', place: USUAL, doubt });
  });

  it('is one that was renamed, or a copy that has got the number of its original', async () => {
    const found = await look(markOf(), { [USUAL]: journal() }, renamed);
    expect(found).toMatchObject({ status: 'copied', place: USUAL, doubt });
  });

  it('is a copy beyond doubt if a journal has come with it', async () => {
    const files = { 'other.repair': journal({ inode: 8n }), [USUAL]: journal() };
    const found = await look(markOf(), files, renamed);
    expect(found).toMatchObject({ status: 'copied', place: 'other.repair' });
    expect(found).not.toHaveProperty('doubt');
  });

  it('was renamed, if the filesystem keeps its numbers', async () => {
    const found = await look(markOf(), { [USUAL]: journal() }, { ...renamed, keepsInodes: true });
    expect(found).toMatchObject({ status: 'own', place: USUAL });
  });
});

it('a sandbox knows no birth time of a file whose mark names the journal: it is its own', async () => {
  const found = await look(markOf(), { 'file.repair': journal() }, { birthTimeNs: 0n });
  expect(found.status).toBe('own');
  const copied = await look(markOf(), { 'file.repair': journal() }, { birthTimeNs: facts.birthTimeNs + 1n });
  expect(copied.status).toBe('copied');
});
