import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { CompleteFile } from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';
import { expect, it } from 'vitest';
import { journalFile, openScratch, PLACE, scratchFolder } from './scratch.js';

async function openBeside(): Promise<{ file: CompleteFile; folder: string; journal: string }> {
  const folder = scratchFolder();
  const file = await openScratch(path.join(folder, 'file'), { sizeBytes: 4096 });
  return { file, folder, journal: path.join(folder, 'file.repair') };
}

it('does not read through a symbolic link', async () => {
  const { file, folder, journal } = await openBeside();
  writeFileSync(path.join(folder, 'secret'), 'secret');
  symlinkSync('secret', journal);
  const failed = { status: 'failed', failure: { errno: Errno.ELOOP, syscall: 'open' } };
  expect(await file.readJournal(PLACE, 100)).toEqual(failed);
  expect(file.readJournalSync(PLACE, 100)).toEqual(failed);
});

it('replaces and removes a symbolic link, not what it points to', async () => {
  const { file, folder, journal } = await openBeside();
  writeFileSync(path.join(folder, 'secret'), 'secret');
  symlinkSync('secret', journal);
  expect(await file.writeJournal(PLACE, journalFile(Buffer.from('journal')))).toBeUndefined();
  expect(lstatSync(journal).isFile()).toBe(true);
  expect(await file.removeJournal(PLACE)).toBeUndefined();
  symlinkSync('secret', journal);
  expect(file.removeJournalSync(PLACE)).toBeUndefined();
  expect(existsSync(journal)).toBe(false);
  expect(readFileSync(path.join(folder, 'secret'), 'utf8')).toBe('secret');
});

it('does not wait for a FIFO and does not read a folder', async () => {
  const { file, journal } = await openBeside();
  execFileSync('mkfifo', [journal]);
  expect(await file.readJournal(PLACE, 100)).toEqual({ status: 'failed', failure: { errno: Errno.EINVAL, syscall: 'open' } });
  execFileSync('rm', [journal]);
  mkdirSync(journal);
  expect(await file.readJournal(PLACE, 100)).toEqual({ status: 'failed', failure: { errno: Errno.EISDIR, syscall: 'open' } });
  expect(await file.writeJournal(PLACE, journalFile(Buffer.from('x')))).toEqual({ errno: Errno.EISDIR, syscall: 'rename' });
  expect(readdirSync(path.dirname(journal))).toEqual(['file', 'file.repair']);
});

it('ends at the last of many writes that were not waited for, and sync ones count', async () => {
  const { file, journal } = await openBeside();
  for (let round = 0; round < 20; round++) {
    const writes = Array.from({ length: 8 }, (_, i) => file.writeJournal(PLACE, journalFile(Buffer.from(`${round}.${i}`))));
    if (round % 2 === 1) expect(file.writeJournalSync(PLACE, journalFile(Buffer.from(`${round}.sync`)))).toBeUndefined();
    expect(await Promise.all(writes)).toEqual(Array<undefined>(8).fill(undefined));
    expect(readFileSync(journal, 'utf8')).toBe(round % 2 === 1 ? `${round}.sync` : `${round}.7`);
  }
  const writing = file.writeJournal(PLACE, journalFile(Buffer.from('removed')));
  expect(file.removeJournalSync(PLACE)).toBeUndefined();
  expect(await writing).toBeUndefined();
  expect(existsSync(journal)).toBe(false);
});

it('gives bytes of its own', async () => {
  const { file } = await openBeside();
  const bytes = Buffer.from('first');
  const writing = file.writeJournal(PLACE, journalFile(bytes));
  bytes.fill(0);
  expect(await writing).toBeUndefined();
  const outcome = file.readJournalSync(PLACE, 5);
  if (outcome.status !== 'present') throw new Error(outcome.status);
  expect(Buffer.from(outcome.bytes).toString()).toBe('first');
  outcome.bytes.fill(0);
  expect(file.readJournalSync(PLACE, 5)).toMatchObject({ status: 'present', bytes: new Uint8Array(Buffer.from('first')) });
});
