// Another process truncates the file inside a page. The kernel fills the rest of that page with zeros, which load
// without a fault: they are not bytes of the file, and are never returned for any.
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nativeDriver } from '../src/index.js';
import { PAGE, scratchFolder } from './scratch.js';

const SIZE = 2 * PAGE + 1000;
const CUT = 2 * PAGE + 300;
/** So many accesses are compiled ones, which go through the window without a call. */
const WARM = 20_000;

async function open(where: 'disk' | 'tmpfs', bytes: Uint8Array): Promise<PmemFile> {
  const name = path.join(scratchFolder(where), 'file');
  writeFileSync(name, bytes);
  const file = await PmemFile.open(name, { driver: nativeDriver() });
  onTestFinished(() => file.close());
  return file;
}

const cutFrom = (offset: number, end: number): object => {
  return { code: 'ERR_PMEM_TRUNCATED', ranges: [{ offset, length: end - offset }] };
};

describe.each(['disk', 'tmpfs'] as const)('on %s: a file that another process has cut off inside a page', (where) => {
  it('reads end where the file does, whatever their length, and number reads with them', async () => {
    const file = await open(where, new Uint8Array(SIZE).fill(7));
    const eight = new Uint8Array(8);
    const whole = new Uint8Array(SIZE);
    for (let i = 0; i < WARM; i++) {
      file.read(eight, SIZE - 8);
      if (file.readUInt32LE(SIZE - 8) !== 0x07070707) throw new Error('the file is whole');
    }
    truncateSync(file.path, CUT);
    expect(() => { file.read(eight, SIZE - 8); }).toThrow(expect.objectContaining(cutFrom(SIZE - 8, SIZE)));
    expect(() => { file.read(eight, CUT - 4); }).toThrow(expect.objectContaining(cutFrom(CUT, CUT + 4)));
    expect(() => { file.read(whole, 0); }).toThrow(expect.objectContaining(cutFrom(CUT, SIZE)));
    expect(() => file.readUInt32LE(SIZE - 8)).toThrow(expect.objectContaining(cutFrom(SIZE - 8, SIZE - 4)));
    expect(() => file.readDoubleBE(CUT - 4)).toThrow(expect.objectContaining(cutFrom(CUT, CUT + 4)));
    file.read(eight, CUT - 8);
    expect([...eight]).toEqual(Array(8).fill(7));
    truncateSync(file.path, SIZE);
    expect(file.readUInt32LE(SIZE - 8)).toBe(0);
    file.read(whole, 0);
    expect(whole.subarray(CUT).every((byte) => byte === 0)).toBe(true);
  });

  it('a cut in the middle, beyond which whole pages are gone', async () => {
    const file = await open(where, new Uint8Array(16 * PAGE).fill(7));
    truncateSync(file.path, 3 * PAGE + 10);
    expect(() => file.readUInt8(3 * PAGE + 10)).toThrow(expect.objectContaining(cutFrom(3 * PAGE + 10, 3 * PAGE + 11)));
    expect(file.readUInt8(3 * PAGE + 9)).toBe(7);
    const cut = expect.objectContaining(cutFrom(3 * PAGE + 10, 4 * PAGE)) as Error;
    expect(() => { file.read(new Uint8Array(PAGE), 3 * PAGE); }).toThrow(cut);
    const { pieces, gaps } = await file.salvage();
    expect(gaps).toEqual([{ offset: 3 * PAGE + 10, length: 13 * PAGE - 10, reason: 'truncated' }]);
    expect(pieces.map(({ bytes }) => bytes.byteLength)).toEqual([3 * PAGE + 10]);
  });

  it('a view over the cut is not verified, and one before it is', async () => {
    const file = await open(where, new Uint8Array(SIZE).fill(7));
    const view = file.view({ offset: 0, length: SIZE });
    view.verify();
    truncateSync(file.path, CUT);
    expect(view[SIZE - 1]).toBe(0);
    expect(() => { view.verify(); }).toThrow(expect.objectContaining(cutFrom(CUT, SIZE)));
    expect(file.withView({ offset: 0, length: CUT }, (bytes) => bytes[CUT - 1])).toBe(7);
  });

  it('zeros that are the file\'s own are read: sparse pages, small numbers, the last byte', async () => {
    const bytes = new Uint8Array(3 * PAGE);
    bytes.fill(9, PAGE, PAGE + 4);
    const file = await open(where, bytes);
    const page = new Uint8Array(PAGE).fill(1);
    for (let i = 0; i < WARM; i++) {
      file.read(page, 0);
      const [small, last] = [file.readBigUInt64LE(PAGE), file.readUInt8(3 * PAGE - 1)];
      if (page[PAGE - 1] !== 0 || small !== 0x09090909n || last !== 0) throw new Error('zeros');
    }
  });
});
