import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { nativeDriver } from '../src/index.js';
import {
  journalFile, openErrno, openScratch, packageFolder, PLACE, refusingFolder, request, scratchFolder,
} from './scratch.js';

it.each([0o000, 0o022, 0o777])('creates a file that only its owner may read and write, under umask %o', async (mask) => {
  const file = path.join(scratchFolder(), 'file');
  // In a process of its own: threads, and vitest's workers are threads or share a process, have one umask.
  const source = `process.umask(${mask});
    const { nativeDriver } = require(${JSON.stringify(path.join(packageFolder, 'dist', 'index.cjs'))});
    nativeDriver().open(${JSON.stringify(file)}, { readOnly: false, create: true, sizeBytes: 4096, preallocate: false })
      .then(async ({ file }) => { await file.writeJournal('file.repair', { bytes: Buffer.from('x'), mark: Buffer.from('m'), temporary: '.t.tmp', isNew: false }); await file.close(); });`;
  expect(spawnSync(process.execPath, ['-e', source], { encoding: 'utf8' }).stderr).toBe('');
  expect((statSync(file).mode & 0o7777).toString(8)).toBe('600');
  expect((statSync(`${file}.repair`).mode & 0o7777).toString(8)).toBe('600');
  await Promise.resolve();
});

it('gives no descriptor and no mapping to a child process', async () => {
  const file = path.join(scratchFolder(), 'file');
  await openScratch(file, { sizeBytes: 4096 });
  const ours = readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`) === file);
  expect(ours).toHaveLength(1);
  const source = `const { readdirSync, readlinkSync } = require('fs');
    for (const fd of readdirSync('/proc/self/fd')) try { console.log(readlinkSync('/proc/self/fd/' + fd)); } catch {}`;
  const seen = execFileSync(process.execPath, ['-e', source], { encoding: 'utf8' });
  expect(seen).not.toContain(path.dirname(file));
});

function linkOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}

it('follows symbolic links once, at open: the journal lies beside the file itself', async () => {
  const folder = scratchFolder();
  mkdirSync(path.join(folder, 'real'));
  mkdirSync(path.join(folder, 'links'));
  writeFileSync(path.join(folder, 'real', 'file'), 'content');
  symlinkSync('../real/file', path.join(folder, 'links', 'link'));
  const file = await openScratch(path.join(folder, 'links', 'link'), { create: false });
  expect(file.facts.path).toBe(path.join(folder, 'real', 'file'));
  expect(await file.writeJournal(PLACE, journalFile(Buffer.from('journal')))).toBeUndefined();
  expect(readdirSync(path.join(folder, 'real'))).toEqual(['file', 'file.repair']);
  expect(readdirSync(path.join(folder, 'links'))).toEqual(['link']);
});

it('keeps the journal beside the file when their folder is renamed', async () => {
  const folder = scratchFolder();
  mkdirSync(path.join(folder, 'before'));
  const file = await openScratch(path.join(folder, 'before', 'file'), { sizeBytes: 4096 });
  renameSync(path.join(folder, 'before'), path.join(folder, 'after'));
  expect(await file.writeJournal(PLACE, journalFile(Buffer.from('journal')))).toBeUndefined();
  expect(readdirSync(path.join(folder, 'after'))).toEqual(['file', 'file.repair']);
});

it('creates through a symbolic link to a folder, and not through a dangling link to a file', async () => {
  const folder = scratchFolder();
  mkdirSync(path.join(folder, 'real'));
  symlinkSync('real', path.join(folder, 'folder-link'));
  symlinkSync('real/absent', path.join(folder, 'dangling'));
  const file = await openScratch(path.join(folder, 'folder-link', 'file'), { sizeBytes: 10 });
  expect(file.facts.path).toBe(path.join(folder, 'real', 'file'));
  expect(await openErrno(path.join(folder, 'dangling'), { sizeBytes: 10 })).toBe('ENOENT');
  expect(existsSync(path.join(folder, 'real', 'absent'))).toBe(false);
});

it('takes relative paths', async () => {
  const folder = scratchFolder();
  const relative = path.relative(process.cwd(), path.join(folder, 'file'));
  const file = await openScratch(relative, { sizeBytes: 10 });
  expect(file.facts.path).toBe(path.join(folder, 'file'));
});

it('refuses what is not a regular file, and waits for none of it', async () => {
  const folder = scratchFolder();
  execFileSync('mkfifo', [path.join(folder, 'fifo')]);
  const server = createServer().listen(path.join(folder, 'socket'));
  onTestFinished(() => { server.close(); });
  symlinkSync('fifo', path.join(folder, 'link-to-fifo'));
  for (const readOnly of [true, false]) {
    for (const name of ['fifo', 'link-to-fifo', 'socket']) {
      expect(await openErrno(path.join(folder, name), { readOnly, create: false }), name).toBe('ENXIO');
    }
    expect(await openErrno('/dev/zero', { readOnly, create: false })).toBe('ENXIO');
    expect(await openErrno(folder, { readOnly, create: false })).toBe('EISDIR');
  }
});

it('reports the errno of the path', async () => {
  const folder = scratchFolder();
  writeFileSync(path.join(folder, 'file'), 'x');
  symlinkSync('loop', path.join(folder, 'loop'));
  expect(await openErrno(path.join(folder, 'absent'), { create: false })).toBe('ENOENT');
  expect(await openErrno(path.join(folder, 'absent', 'file'))).toBe('ENOENT');
  expect(await openErrno(path.join(folder, 'file', 'below'))).toBe('ENOTDIR');
  expect(await openErrno(path.join(folder, 'loop'))).toBe('ELOOP');
  expect(await openErrno(path.join(folder, 'n'.repeat(300)))).toBe('ENAMETOOLONG');
  expect(await openErrno(path.join(folder, 'trailing/'))).toBe('ENOENT');
  expect(readdirSync(folder)).toEqual(['file', 'loop']);
});

it('leaves nothing behind of a creation that finds no space', async () => {
  const { folder, tooLargeBytes } = refusingFolder();
  const over = { sizeBytes: tooLargeBytes, preallocate: true };
  expect(await openErrno(path.join(folder, 'new'), over)).toBe('ENOSPC');
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(path.join(folder, 'empty'), '');
  expect(await openErrno(path.join(folder, 'empty'), over)).toBe('ENOSPC');
  expect(statSync(path.join(folder, 'empty')).size).toBe(0);
});

it('preallocates every block of a new file', async () => {
  const file = path.join(scratchFolder(), 'file');
  await openScratch(file, { sizeBytes: 1 << 20, preallocate: true });
  expect(statSync(file).blocks * 512).toBeGreaterThanOrEqual(1 << 20);
});

it('says whether it created the file', async () => {
  const file = path.join(scratchFolder(), 'file');
  writeFileSync(file, '');
  expect((await openScratch(file, { create: false })).facts.created).toBe(false);
  expect((await openScratch(file)).facts.created).toBe(false);
  expect((await openScratch(file, { sizeBytes: 4096 })).facts.created).toBe(true);
  expect((await openScratch(file, { sizeBytes: 4096 })).facts.created).toBe(false);
});

it('tells inode, birth time and device as the kernel has them', async () => {
  const file = path.join(scratchFolder(), 'file');
  const { facts } = await openScratch(file, { sizeBytes: 4096 });
  const stat = statSync(file, { bigint: true });
  expect(facts.inode).toBe(stat.ino);
  expect(facts.birthTimeNs).toBe(stat.birthtimeNs);
  const major = (stat.dev >> 8n) & 0xfffn;
  const minor = (stat.dev & 0xffn) | ((stat.dev >> 12n) & 0xfff00n);
  expect(facts.device).toBe(`${major}:${minor}`);
  expect(facts).toMatchObject({ dax: false, mapSync: false, persistMethod: 'msync', persistInstruction: 'msync' });
});

it('creates one file when many create it at once', async () => {
  const file = path.join(scratchFolder(), 'file');
  const outcomes = await Promise.all(
    Array.from({ length: 16 }, () => nativeDriver().open(file, request({ sizeBytes: 4096, preallocate: true }))),
  );
  for (const outcome of outcomes) {
    if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
    await outcome.file.close();
  }
  expect(readFileSync(file)).toEqual(Buffer.alloc(4096));
});

it('throws for a path that is none', async () => {
  for (const wrong of ['', 'a\0b', 5, undefined]) {
    await expect(nativeDriver().open(wrong as string, request())).rejects.toThrow(TypeError);
  }
  await expect(nativeDriver().open('x', request({ sizeBytes: -1 }))).rejects.toThrow(RangeError);
  await expect(nativeDriver().open('x', request({ sizeBytes: 2 ** 53 }))).rejects.toThrow(RangeError);
  expect(existsSync('x')).toBe(false);
});

it('creates nothing through a link to a file or a folder that is not there, or one that leads to itself', async () => {
  const folder = scratchFolder();
  symlinkSync(path.join(folder, 'absent'), path.join(folder, 'dangling'));
  symlinkSync(path.join(folder, 'nowhere', 'app.db'), path.join(folder, 'broken'));
  symlinkSync('loop', path.join(folder, 'loop'));
  for (const [name, code] of [['dangling', 'ENOENT'], ['broken', 'ENOENT'], ['loop', 'ELOOP']] as const) {
    expect(await openErrno(path.join(folder, name), { create: true, sizeBytes: 4096 }), name).toBe(code);
  }
  expect(readdirSync(folder).sort()).toEqual(['broken', 'dangling', 'loop']);
});
