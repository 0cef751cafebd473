/** Whose a journal is when real files are renamed, linked, rotated and copied, and when others put files beside them. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync, chownSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { aTick, PAGE, scratchFolder } from '../scratch.js';
import { bareFile, expectLoss, firstByte, journalBytes, LOST, makeLoss, open, refusal, SIZE } from './planted-loss.js';

const supplied = { rebuild: ({ length }: { length: number }): Uint8Array => new Uint8Array(length).fill(2) };
const OTHER_USER = 65534;
const SECOND = { offset: 3 * PAGE, length: PAGE };

/** Files of several owners can be made by root alone: these tests do not pass for want of it. */
function expectRoot(): void {
  expect(process.getuid?.(), 'files of other users can only be made by root: run this test as root').toBe(0);
}

describe.each(['disk', 'tmpfs'] as const)('a file on %s with a loss', (where) => {
  it('renamed: lost under the new name, and repairable there', async () => {
    const folder = scratchFolder(where);
    const [before, after] = [path.join(folder, 'file'), path.join(folder, 'moved')];
    await makeLoss(before);
    renameSync(before, after);
    await expectLoss(after);
    const file = await open(after);
    await file.repair(LOST, supplied);
    expect(firstByte(file, PAGE)).toBe(2);
    await file.close();
    expect(readdirSync(folder)).toEqual(['moved']);
  });

  it('renamed while it is open: what is stored over the loss is there under the new name', async () => {
    const folder = scratchFolder(where);
    const [before, after] = [path.join(folder, 'file'), path.join(folder, 'moved')];
    await makeLoss(before);
    const file = await open(before);
    renameSync(before, after);
    file.write(new Uint8Array(PAGE).fill(3), PAGE);
    file.persist(PAGE, PAGE);
    await file.close();
    const again = await open(after);
    expect(firstByte(again, PAGE)).toBe(3);
    await again.close();
    expect(readdirSync(folder)).toEqual(['moved']);
  });

  it('with two names: lost under each, and well under each once repaired', async () => {
    const folder = scratchFolder(where);
    const names = [path.join(folder, 'file'), path.join(folder, 'second')] as const;
    await makeLoss(names[0]);
    linkSync(...names);
    for (const name of names) await expectLoss(name);
    const file = await open(names[1]);
    await file.repair(LOST, supplied);
    await file.close();
    for (const name of names) {
      const again = await open(name);
      expect(firstByte(again, PAGE)).toBe(2);
      await again.close();
    }
  });

  it('rotated: the new file of the old name is as good as new, the old one keeps its loss', async () => {
    const name = path.join(scratchFolder(where), 'app.log');
    await makeLoss(name);
    renameSync(name, `${name}.1`);
    const fresh = await open(name, { create: true, size: SIZE });
    fresh.write(new Uint8Array(SIZE).fill(7), 0);
    fresh.persist();
    await fresh.close();
    await expectLoss(`${name}.1`);
    const again = await open(name);
    expect(firstByte(again, PAGE)).toBe(7);
    await again.close();
  });

  it.each([[], ['-a']])('copied with its journal by cp %s: the loss goes along, and can be adopted or discarded', async (...how) => {
    const folder = scratchFolder(where);
    const [name, copy] = [path.join(folder, 'file'), path.join(folder, 'copy')];
    await makeLoss(name);
    for (const ending of ['', '.repair']) execFileSync('cp', [...how, name + ending, copy + ending]);
    await expectLoss(copy);
    const file = await open(copy);
    const error = await refusal(() => file.repair(LOST, supplied));
    expect(error).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    expect(error.message).toContain("'adopt'");
    file.write(Uint8Array.of(9), 0);
    file.persist(0, 1);
    await file.close();
    const adopted = await open(copy, { journal: 'adopt' });
    expect(firstByte(adopted, 0)).toBe(9);
    await adopted.repair(LOST, supplied);
    await adopted.close();
    const again = await open(copy);
    expect(firstByte(again, PAGE)).toBe(2);
    await again.close();
    await expectLoss(name);

    for (const ending of ['', '.repair']) execFileSync('cp', [...how, name + ending, `${copy}2${ending}`]);
    for (const journal of ['discard', 'require'] as const) {
      const discarded = await open(`${copy}2`, { journal });
      expect(firstByte(discarded, PAGE)).toBe(0);
      await discarded.close();
    }
    await expectLoss(name);
  });

  const storedOver = 'copied by cp %s, and stored over all that is lost: no persist says that it will be found again';
  it.each([[], ['-a']])(storedOver, async (...how) => {
    const folder = scratchFolder(where);
    const [name, copy] = [path.join(folder, 'file'), path.join(folder, 'copy')];
    await makeLoss(name);
    for (const ending of ['', '.repair']) execFileSync('cp', [...how, name + ending, copy + ending]);
    const file = await open(copy);
    const bytes = new Uint8Array(PAGE).fill(9);
    file.write(bytes, LOST.offset);
    const persists: (() => unknown)[] = [
      () => { file.persist(); },
      () => file.persistAsync(),
      () => { file.persistRanges([LOST]); },
      () => { file.writeAndPersist(bytes, LOST.offset); },
      () => file.close(),
    ];
    for (const persist of persists) expect(await refusal(persist)).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    await expectLoss(copy);
    expect(readFileSync(copy).subarray(PAGE, 2 * PAGE).every((byte) => byte === 9)).toBe(true);
  });

  it('in a folder that a copy takes the place of, and renamed: each file keeps its own', async () => {
    const folder = scratchFolder(where);
    const [data, old] = [path.join(folder, 'data'), path.join(folder, 'old')];
    mkdirSync(data);
    await makeLoss(path.join(data, 'file'), [LOST, SECOND]);
    renameSync(data, old);
    // Within one, a journal that came along could be that of the original, changed since: it would be refused.
    await aTick();
    execFileSync('cp', ['-a', old, data]);
    renameSync(path.join(old, 'file'), path.join(old, 'moved'));
    const copied = readFileSync(path.join(data, 'file.repair'));
    const file = await open(path.join(old, 'moved'));
    file.write(new Uint8Array(PAGE).fill(5), LOST.offset);
    file.persist(LOST.offset, PAGE);
    await file.close();
    expect(readFileSync(path.join(data, 'file.repair'))).toEqual(copied);
    const copy = await open(path.join(data, 'file'));
    expect(await refusal(() => firstByte(copy, LOST.offset))).toMatchObject({ code: 'ERR_PMEM_LOST' });
    await copy.close();
    const again = await open(path.join(old, 'moved'));
    expect(firstByte(again, LOST.offset)).toBe(5);
    expect(await refusal(() => firstByte(again, SECOND.offset))).toMatchObject({ code: 'ERR_PMEM_LOST' });
    await again.close();
  });

  it('linked with its journal, by cp -al: the journal that was written last counts, whichever name is opened', async () => {
    const folder = scratchFolder(where);
    const [data, backup] = [path.join(folder, 'data'), path.join(folder, 'backup')];
    mkdirSync(data);
    await makeLoss(path.join(data, 'file'), [LOST, SECOND]);
    execFileSync('cp', ['-al', data, backup]);
    await aTick();
    const file = await open(path.join(data, 'file'));
    file.write(new Uint8Array(PAGE), LOST.offset);
    file.persist(LOST.offset, PAGE);
    await file.close();
    for (const at of [backup, data]) {
      const opened = await open(path.join(at, 'file'));
      expect(firstByte(opened, LOST.offset)).toBe(0);
      expect(await refusal(() => firstByte(opened, SECOND.offset))).toMatchObject({ code: 'ERR_PMEM_LOST' });
      await opened.close();
    }
  });

  it('without its journal: refused, with advice, until the journal is back', async () => {
    const name = path.join(scratchFolder(where), 'file');
    await makeLoss(name);
    renameSync(`${name}.repair`, `${name}.away`);
    const error = await refusal(() => open(name));
    expect(error).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    expect(error.message).toContain('put it back');
    renameSync(`${name}.away`, `${name}.repair`);
    await expectLoss(name);
  });

  it.each([248, 249, 252, 255])('with a name of %i bytes: opened with its loss, repaired, well', async (bytes) => {
    const folder = scratchFolder(where);
    const [short, long] = [path.join(folder, 'file'), path.join(folder, 'n'.repeat(bytes))];
    await makeLoss(short);
    renameSync(short, long);
    await expectLoss(long);
    const file = await open(long);
    await file.repair(LOST, supplied);
    await file.close();
    const again = await open(long);
    expect(firstByte(again, PAGE)).toBe(2);
    await again.close();
  });
});

describe("other people's files beside the file", () => {
  it.each(['require', 'discard', 'adopt'] as const)('(%s) one that has the name of the journal stays as it is', async (journal) => {
    const name = path.join(scratchFolder(), 'car');
    writeFileSync(`${name}.repair`, 'invoice');
    const file = await open(name, { create: true, size: SIZE, journal });
    await file.repair({ offset: 0, length: SIZE });
    await file.close();
    await (await open(name, { journal })).close();
    expect(readFileSync(`${name}.repair`, 'utf8')).toBe('invoice');
  });

  it('a journal that another user has planted is refused, and not a byte of it gets into the file', async () => {
    expectRoot();
    const folder = scratchFolder();
    chmodSync(folder, 0o1777);
    const name = path.join(folder, 'file');
    writeFileSync(name, Buffer.alloc(SIZE, 1), { mode: 0o600 });
    const file = await bareFile(name);
    const { facts } = file;
    await file.close();
    const planted = journalBytes(facts, [], { range: { offset: PAGE, length: PAGE }, byte: 66 });
    writeFileSync(`${name}.repair`, planted);
    chownSync(`${name}.repair`, OTHER_USER, OTHER_USER);
    const error = await refusal(() => open(name));
    expect(error).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    expect(error.message).toContain('owned neither');
    expect(readFileSync(name).every((byte) => byte === 1)).toBe(true);
    expect(readFileSync(`${name}.repair`)).toEqual(planted);
    // The same journal by the file's owner is an interrupted repair, and is finished.
    chownSync(`${name}.repair`, 0, 0);
    await (await open(name)).close();
    expect(readFileSync(name)[PAGE]).toBe(66);
  });

  it('a temporary file that another user has planted neither blocks the journal nor is deleted', async () => {
    expectRoot();
    const folder = scratchFolder();
    const name = path.join(folder, 'file');
    await makeLoss(name, [LOST, { offset: 3 * PAGE, length: PAGE }]);
    const temporary = path.join(folder, `.repair-${statSync(name).ino.toString(16)}.tmp`);
    writeFileSync(temporary, 'planted');
    chownSync(temporary, OTHER_USER, OTHER_USER);
    const file = await open(name);
    await file.repair({ offset: 3 * PAGE, length: PAGE }, supplied);
    await file.close();
    const again = await open(name);
    expect(firstByte(again, 3 * PAGE)).toBe(2);
    await again.close();
    expect(readFileSync(temporary, 'utf8')).toBe('planted');
    unlinkSync(temporary);
  });

  it("a journal that root writes belongs to the file's owner and group, and has its mode", async () => {
    expectRoot();
    const name = path.join(scratchFolder(), 'file');
    await makeLoss(name, [LOST, { offset: 3 * PAGE, length: PAGE }]);
    chownSync(name, 1234, 2345);
    chmodSync(name, 0o660);
    const file = await open(name);
    await file.repair({ offset: 3 * PAGE, length: PAGE }, supplied);
    await file.close();
    const { uid, gid, mode } = statSync(`${name}.repair`);
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 1234, gid: 2345, mode: 0o660 });
  });
});
