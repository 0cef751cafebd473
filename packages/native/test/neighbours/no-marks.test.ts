/** Renames, links, rotations and copies of real files, as on a filesystem that keeps no extended attributes. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, linkSync, readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CompleteFile } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { scratchFolder } from '../scratch.js';
import { answering } from './answering.js';
import { journalBytes, LOST, refusal, SIZE } from './planted-loss.js';

const native = nativeDriver();
const unmarked = (): Partial<CompleteFile> => ({
  readMark: () => ({ status: 'unsupported' }),
  writeMark: () => Promise.resolve({ errno: 95, syscall: 'fsetxattr' }),
  writeMarkSync: () => ({ errno: 95, syscall: 'fsetxattr' }),
});
const driver = answering(native, unmarked);
/** Nor does it tell births. */
const nfs = answering(driver, ({ facts }) => ({ facts: { ...facts, filesystem: 'nfs', birthTimeNs: 0n } }));

/** Nor inode numbers that stay: sshfs. */
const sshfs = answering(driver, ({ facts }) => {
  return { facts: { ...facts, filesystem: 'fuse', birthTimeNs: 0n, keepsInodes: false } };
});

const request = { create: false, readOnly: false, preallocate: false, sizeBytes: undefined };

let folder: string;
let file: string;
let moved: string;

const open = (name: string): Promise<PmemFile> => PmemFile.open(name, { driver });

async function expectLoss(name: string): Promise<void> {
  const opened = await open(name);
  const error = await refusal(() => { opened.read(new Uint8Array(SIZE), 0); });
  expect(error).toMatchObject({ code: 'ERR_PMEM_LOST', ranges: [LOST] });
  expect(opened.readUInt8(0)).toBe(1);
  await opened.close();
}

async function expectReadable(name: string): Promise<void> {
  const opened = await open(name);
  opened.read(new Uint8Array(SIZE), 0);
  await opened.close();
}

async function rebuild(name: string): Promise<void> {
  const opened = await open(name);
  opened.write(new Uint8Array(LOST.length).fill(2), LOST.offset);
  opened.persist();
  expect(opened.readUInt8(LOST.offset)).toBe(2);
  await opened.close();
}

/** A file of ones whose page 1 is lost, and its journal as a repair there leaves it. */
beforeEach(async () => {
  folder = scratchFolder();
  file = path.join(folder, 'file');
  moved = path.join(folder, 'moved');
  const bytes = Buffer.alloc(SIZE, 1);
  writeFileSync(file, bytes.fill(0, LOST.offset, LOST.offset + LOST.length));
  const outcome = await native.open(file, request);
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  const id = `0123456789abcdef${createHash('sha256').update('file.repair').digest('hex').slice(0, 16)}`;
  const journal = journalBytes(outcome.file.facts, [LOST], undefined, '', '', id);
  const planted = { bytes: journal, mark: Buffer.alloc(0), temporary: '.repair-planting.tmp', isNew: true };
  expect(outcome.file.writeJournalSync('file.repair', planted)).toBeUndefined();
  await outcome.file.close();
});

describe('a file with a loss gets another name while it is closed', () => {
  it('by rename: lost under the new name, until the bytes are written there', async () => {
    renameSync(file, moved);
    await expectLoss(moved);
    await rebuild(moved);
    expect(readdirSync(folder)).toEqual(['moved']);
  });

  it('by a link: lost under each name, and written under each', async () => {
    linkSync(file, moved);
    for (const name of [file, moved]) await expectLoss(name);
    unlinkSync(file);
    await expectLoss(moved);
    await rebuild(moved);
    expect(readdirSync(folder)).toEqual(['moved']);
  });

  it.each([
    ['open()', async () => { await (await PmemFile.open(file, { driver, create: true, size: SIZE })).close(); }],
    ['another program', () => writeFile(file, Buffer.alloc(SIZE, 3))],
  ])('by rotation, and %s makes a new one: one has the loss, the other is as good as new', async (_, make) => {
    renameSync(file, moved);
    await make();
    await expectReadable(file);
    await expectLoss(moved);
    await rebuild(moved);
    await expectReadable(file);
  });

  it('without birth times, as on NFS 3: refused, and its journal has to be renamed as well', async () => {
    renameSync(file, moved);
    const outcome = await driver.open(moved, request);
    if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
    const unborn = { ...outcome.file.facts, birthTimeNs: 0n };
    outcome.file.writeJournalSync('file.repair', {
      bytes: journalBytes(unborn, [LOST]), mark: Buffer.alloc(0), temporary: '.repair-planting.tmp', isNew: false,
    });
    await outcome.file.close();
    const refused = await refusal(() => PmemFile.open(moved, { driver: nfs }));
    expect(refused).toMatchObject({ code: 'ERR_PMEM_JOURNAL', path: `${file}.repair` });
    renameSync(`${file}.repair`, `${moved}.repair`);
    const found = await PmemFile.open(moved, { driver: nfs });
    expect((await refusal(() => { found.read(new Uint8Array(SIZE), 0); })).code).toBe('ERR_PMEM_LOST');
    await found.close();
  });
});

describe('a file with a loss is renamed while it is closed, where inode numbers are made up', () => {
  it.each([
    ['nothing else happens', () => Promise.resolve()],
    ['open() makes a new one', async () => {
      await (await PmemFile.open(file, { driver: sshfs, create: true, size: SIZE })).close();
      const fresh = await PmemFile.open(file, { driver: sshfs });
      expect(fresh.readUInt8(LOST.offset)).toBe(0);
      await fresh.close();
    }],
  ])('%s: no zero is data, and its journal has to be renamed as well', async (_, then) => {
    renameSync(file, moved);
    await then();
    const [journal = ''] = readdirSync(folder).filter((name) => name.endsWith('.repair'));
    const refused = await refusal(() => PmemFile.open(moved, { driver: sshfs }));
    expect(refused).toMatchObject({ code: 'ERR_PMEM_JOURNAL', path: path.join(folder, journal) });
    renameSync(path.join(folder, journal), `${moved}.repair`);
    const found = await PmemFile.open(moved, { driver: sshfs });
    expect((await refusal(() => { found.read(new Uint8Array(SIZE), 0); })).code).toBe('ERR_PMEM_LOST');
    await found.close();
  });
});

describe('a file and its journal are copied into the same folder', () => {
  it('what is lost in the one is lost in the other, also when that one is whole again', async () => {
    copyFileSync(file, moved);
    copyFileSync(`${file}.repair`, `${moved}.repair`);
    for (const name of [file, moved]) await expectLoss(name);
    await rebuild(file);
    expect(existsSync(`${file}.repair`)).toBe(false);
    await expectLoss(moved);
  });
});
