import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { BIN, firstBlockOf, onRealFiles, quoted, safePmem, scratchFolder, startSafePmem } from './scratch.js';

const MANY = 1000;

/** No control character, and nothing that reverses the direction of text. */
const HARMLESS = /^[^\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]*$/u;

describe('a tree of real files', () => {
  it.each([
    ['a newline and a forged line', 'a\n0 of 812 files damaged\r'],
    ['escapes', '\u001b[31m\u001b]0;title\u0007red'],
    ['eight-bit escapes', '\u009b31m'],
    ['reversed text', '\u202egnp.exe\u200f'],
    ['a leading dash', '--yes'],
    ['255 bytes', 'x'.repeat(255)],
    ['quotes and dollars', '\'"$(touch hacked)`'],
  ])('is shown harmlessly with %s in a name', async (_, name) => {
    const folder = scratchFolder();
    const file = path.join(folder, name);
    writeFileSync(file, Buffer.alloc(8192, 1));
    const line = onRealFiles([await firstBlockOf(file)]);
    for (const argv of [
      ['check', folder],
      ['check', '--', file],
      ['map', '--', file],
      ['info', file],
      ['journal', file],
      ['scrub', file],
    ]) {
      const { stdout, stderr } = await line.run(...argv);
      for (const text of `${stdout}\n${stderr}`.split('\n')) expect(text).toMatch(HARMLESS);
    }
    const { stdout } = await line.run('check', '--json', folder);
    expect(stdout.split('\n').every((text) => HARMLESS.test(text))).toBe(true);
    const [damage] = stdout.split('\n').map((text) => (text === '' ? {} : (JSON.parse(text) as { path?: string })));
    expect(damage?.path).toBe(file);
  });

  it('is looked at whatever bytes are in a name, and the exact bytes are in the JSON', async () => {
    const folder = scratchFolder();
    const name = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff, 0xfe])]);
    writeFileSync(name, Buffer.alloc(8192, 1));
    const known = path.join(folder, 'known');
    linkSync(name, known);
    const line = onRealFiles([await firstBlockOf(known)]);
    const { stdout, status } = await line.run('check', folder);
    expect(stdout).toContain('f\\xff\\xfe   [0, 4096)');
    expect(stdout).toContain('2 of 2 files damaged');
    expect(status).toBe(1);
    const json = await line.run('check', folder, '--json');
    const bytes = json.stdout
      .split('\n')
      .filter((text) => text.includes('pathBase64'))
      .map((text) => Buffer.from((JSON.parse(text) as { pathBase64: string }).pathBase64, 'base64'));
    expect(bytes).toEqual([name]);
  });

  it('is walked once, with a question for those alone that have storage', async () => {
    const folder = scratchFolder();
    for (let i = 0; i < MANY; i++) {
      const below = path.join(folder, `d${i % 10}`);
      if (i < 10) mkdirSync(below);
      const file = path.join(below, `sparse-${i}`);
      writeFileSync(file, '');
      truncateSync(file, 1 << 30);
    }
    const file = path.join(folder, 'd3', 'with data');
    writeFileSync(file, Buffer.alloc(8192, 1));
    const line = onRealFiles([await firstBlockOf(file)]);
    const { stdout, status } = await line.run('check', folder);
    expect(stdout).toContain(`1 of ${MANY + 1} files damaged`);
    expect({ status, opened: line.opened }).toEqual({ status: 1, opened: [file] });
    expect((await onRealFiles([]).run('check', folder)).status).toBe(0);
  });

  it('is not left by a link, and devices, pipes and sockets in it are left alone', async () => {
    const folder = scratchFolder();
    const outside = path.join(scratchFolder(), 'outside');
    writeFileSync(outside, Buffer.alloc(8192, 1));
    symlinkSync(outside, path.join(folder, 'link'));
    symlinkSync(folder, path.join(folder, 'circle'));
    execFileSync('mkfifo', [path.join(folder, 'pipe')]);
    const line = onRealFiles([await firstBlockOf(outside)]);
    const { stdout, status } = await line.run('check', folder);
    expect(stdout).toContain('0 of 0 files damaged; 1 bad block');
    expect({ status, opened: line.opened }).toEqual({ status: 0, opened: [] });
  });

  it('has its parts counted that this user may not look at: that is not healthy', async () => {
    const folder = scratchFolder();
    const closed = path.join(folder, 'closed');
    mkdirSync(closed);
    writeFileSync(path.join(folder, 'file'), Buffer.alloc(4096, 1));
    chmodSync(closed, 0);
    const line = onRealFiles([{ offset: 0, length: 512 }]);
    const ran = await asNobody(() => line.run('check', folder));
    chmodSync(closed, 0o700);
    expect(ran).toMatchObject({ status: 2, stderr: expect.stringMatching(/EACCES|ERR_PMEM_ACCESS/) as string });
  });
});

describe('the built command', () => {
  it('ends with 2 on a device without a list, and says so in JSON', () => {
    const folder = scratchFolder();
    const { status, stdout } = safePmem(['check', '--json', folder]);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, type: 'summary', status: 'unknown' });
    expect(status).toBe(2);
  });

  it('copies a file byte by byte, and leaves nothing else', () => {
    const folder = scratchFolder();
    const bytes = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 31) & 255));
    writeFileSync(path.join(folder, 'file'), bytes);
    expect(safePmem(['salvage', path.join(folder, 'file'), path.join(folder, 'copy')]).status).toBe(0);
    expect(readFileSync(path.join(folder, 'copy'))).toEqual(bytes);
    expect(readdirSync(folder).sort()).toEqual(['copy', 'file']);
    writeFileSync(path.join(folder, 'copy'), 'precious');
    expect(safePmem(['salvage', path.join(folder, 'file'), path.join(folder, 'copy')]).status).toBe(2);
    expect(readFileSync(path.join(folder, 'copy'), 'utf8')).toBe('precious');
  });

  it('leaves no copy when it is killed in the middle, and the next run makes it', async () => {
    const folder = scratchFolder();
    const file = path.join(folder, 'file');
    writeFileSync(file, 'begin');
    truncateSync(file, 200 << 20);
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const before = readdirSync(folder).length;
      const { child, ended } = startSafePmem(['salvage', file, path.join(folder, 'copy')]);
      while (child.exitCode === null && readdirSync(folder).length < before + 2) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      child.kill(signal);
      const { status, stdout } = await ended;
      if (status === 0) throw new Error('it ended before it was killed: make the file larger');
      expect(existsSync(path.join(folder, 'copy'))).toBe(false);
      if (signal === 'SIGINT')
        expect({ status, stdout }).toMatchObject({
          status: 2,
          stdout: expect.stringContaining('interrupted') as string,
        });
    }
    expect(safePmem(['salvage', file, path.join(folder, 'copy')]).status).toBe(0);
    expect(readFileSync(path.join(folder, 'copy')).subarray(0, 5).toString()).toBe('begin');
  });

  it('says how far a scrub came that is interrupted by ^C', async () => {
    const folder = scratchFolder();
    const file = path.join(folder, 'file');
    writeFileSync(file, Buffer.alloc(1 << 20, 1));
    const { child, ended } = startSafePmem(['scrub', file, '--rate', '64K']);
    // Node is up, and its handlers are, when the file is open.
    while (child.exitCode === null && !openFilesOf(child.pid).includes(file))
      await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({
      status: 2,
      stdout: expect.stringMatching(/interrupted after \d+ of 1048576 bytes/) as string,
    });
  });

  it('ends quietly when its reader has gone away', () => {
    const { stderr } = spawnSync('sh', ['-c', `${quoted(process.execPath)} ${quoted(BIN)} --help | true`], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
  });

  it('repairs nothing on a healthy file, and does not change it', () => {
    const folder = scratchFolder();
    const file = path.join(folder, 'file');
    writeFileSync(file, Buffer.alloc(10_000, 5));
    const { status, stdout } = safePmem(['repair', file, '--fill', '0', '--range', '0:8192', '--yes']);
    expect({ status, stdout: stdout.split('\n').at(-2) }).toEqual({ status: 0, stdout: '0 units repaired' });
    expect(readFileSync(file)).toEqual(Buffer.alloc(10_000, 5));
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

function openFilesOf(pid: number | undefined): string[] {
  const folder = `/proc/${pid ?? 0}/fd`;
  return readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(path.join(folder, fd));
    } catch {
      return '';
    }
  });
}

/** Root may look at everything: a test of what others may not look at puts that aside. */
async function asNobody<T>(body: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return body();
  process.seteuid?.(65534);
  try {
    return await body();
  } finally {
    process.seteuid?.(0);
  }
}
