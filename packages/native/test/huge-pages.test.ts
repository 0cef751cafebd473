/** Files on hugetlbfs, where a single page can neither be replaced nor mapped again. */
import { closeSync, fstatSync, ftruncateSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { nativeDriver } from '../src/index.js';
import { refuseHugePages } from '../src/refuse-huge-pages.js';
import { hugeFile } from './fault-injector.mjs';
import { request } from './scratch.js';

const HUGE_PAGE = 2 ** 21;
const HUGETLBFS = 0x958458f6;
const TMPFS = 0x01021994;

it.each([{ readOnly: true }, { readOnly: false }, { create: true, sizeBytes: HUGE_PAGE }])('is refused, with the reason: %o', async (options) => {
  const fd = hugeFile();
  onTestFinished(() => { closeSync(fd); });
  if (options.create === undefined) ftruncateSync(fd, HUGE_PAGE);
  const path = `/proc/self/fd/${fd}`;
  const size = fstatSync(fd).size;
  await expect(nativeDriver().open(path, request(options))).rejects.toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED', path });
  await expect(nativeDriver().open(path, request(options))).rejects.toThrow('hugetlbfs');
  expect(fstatSync(fd).size).toBe(size);
});

it('is refused before a new file is made there', () => {
  const missing = new Error('ENOENT');
  const folderIs = (type: number) => (path: string): { type: number } => {
    if (path !== '/mnt') throw missing;
    return { type };
  };
  expect(() => { refuseHugePages('/mnt/new', folderIs(HUGETLBFS)); }).toThrow(expect.objectContaining({ code: 'ERR_PMEM_NOT_SUPPORTED' }) as Error);
  refuseHugePages('/mnt/new', folderIs(TMPFS));
});

it('what cannot be asked is left to the open', () => {
  refuseHugePages('/mnt/new', () => {
    throw new Error('EACCES');
  });
});
