/** PmemFile on ordinary files without a mapping, over a disk that goes bad. */
import fs, { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ByteRange } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nodeFsDriver } from '../../src/node-fs/index.js';
import { installBadDisk, makeBad, makeGood } from './bad-disk.js';

const PAGE = 4096;
const text = new Uint8Array(4 * PAGE).fill(0x61);
let folder: string;
let file: PmemFile;

beforeEach(async () => {
  folder = mkdtempSync(path.join(realpathSync(os.tmpdir()), 'safe-pmem-bad-disk-'));
  installBadDisk();
  const driver = nodeFsDriver({ soleProcess: true });
  file = await PmemFile.open(path.join(folder, 'file'), { driver, create: true, size: 4 * PAGE });
  file.writeAndPersist(text, 0);
});

afterEach(async () => {
  vi.restoreAllMocks();
  makeGood();
  await file.close();
  rmSync(folder, { recursive: true, force: true });
});

function errorWith(syscall: string, code: string): Error {
  return Object.assign(new Error(code), { code, syscall });
}

describe('a file on a disk with a bad page', () => {
  it('reads everything else, names the page, and has it repaired from a replica', async () => {
    makeBad(file.path, 2 * PAGE, 1);
    const bytes = new Uint8Array(4 * PAGE);
    const page = { offset: 2 * PAGE, length: PAGE };
    expect(() => { file.read(bytes, 0); }).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA', ranges: [page] }));
    expect([bytes[2 * PAGE - 1], bytes[3 * PAGE]]).toEqual([0x61, 0x61]);
    expect((await file.salvage()).gaps).toEqual([{ ...page, reason: 'media' }]);
    const rebuild = ({ offset, length }: ByteRange): Uint8Array => text.subarray(offset, offset + length);
    const { units } = await file.repair(page, { rebuild });
    expect(units.map(({ outcome, rebuilt }) => [outcome, rebuilt])).toEqual([['unverifiable', [page]]]);
    file.read(bytes, 0);
    expect(Buffer.compare(bytes, text)).toBe(0);
  });

  it('scrub finds the page before anything needs it', async () => {
    makeBad(file.path, PAGE, 1);
    expect((await file.scrub()).found).toEqual([{ offset: PAGE, length: PAGE }]);
  });
});

describe('a file that cannot be written', () => {
  it('tells a full disk, a quota and a failing write apart, and calls none of them a media error', () => {
    const refusals = [['ENOSPC', 'NO_SPACE'], ['EDQUOT', 'NO_SPACE'], ['EFBIG', 'IO'], ['EIO', 'IO']] as const;
    for (const [errno, code] of refusals) {
      const write = vi.spyOn(fs, 'writeSync').mockImplementation(() => { throw errorWith('write', errno); });
      expect(() => { file.write(text, 0); }, errno).toThrow(expect.objectContaining({ code: `ERR_PMEM_${code}` }));
      write.mockRestore();
    }
  });
});

describe('a filesystem that has shut down', () => {
  it('has no bad pages, though each read is EIO', () => {
    vi.spyOn(fs, 'readSync').mockImplementation(() => { throw errorWith('read', 'EIO'); });
    vi.spyOn(fs, 'openSync').mockImplementation(() => { throw errorWith('open', 'EIO'); });
    expect(() => { file.read(new Uint8Array(8), 0); }).toThrow(expect.objectContaining({ code: 'ERR_PMEM_IO' }));
    vi.restoreAllMocks();
    file.read(new Uint8Array(8), 0);
  });
});
