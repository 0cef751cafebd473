// A filesystem in user space that keeps marks and makes up inode numbers (mergerfs as it comes): after a mount a file
// has another number, and may have that of its own copy.
// On the mock: packages/mock/test/pmem-file/made-up-inodes.test.ts.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { CompleteFile, Driver } from '@safe-pmem/core';
import { beforeEach, expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { answering } from './answering.js';
import { bareFile, firstByte, journalBytes, LOST, makeLoss, open, refusal, SIZE } from './planted-loss.js';

const SECOND = { offset: 3 * PAGE, length: PAGE };
let name: string;
let copy: string;

/** The files with the numbers that they have got at a mount. */
function mounted(numbers: Readonly<Record<string, bigint>>): Driver<CompleteFile> {
  return answering(nativeDriver(), ({ facts }) => {
    const inode = numbers[path.basename(facts.path)] ?? 99n;
    return { facts: { ...facts, filesystem: 'fuse', birthTimeNs: 0n, keepsInodes: false, inode } };
  });
}

/** A file with the number 2 and two losses, and a copy of it with its mark and without its journal. */
beforeEach(async () => {
  const folder = scratchFolder('disk');
  [name, copy] = [path.join(folder, 'file'), path.join(folder, 'copy')];
  await makeLoss(name, [LOST, SECOND]);
  const file = await bareFile(name);
  const mark = file.readMark();
  if (mark.status !== 'present') throw new Error('the file has no mark');
  const bytes = journalBytes({ inode: 2n, birthTimeNs: 0n }, [LOST, SECOND]);
  const journal = { bytes, mark: mark.bytes, temporary: '.repair-planting.tmp', isNew: false };
  expect(await file.writeJournal('file.repair', journal)).toBeUndefined();
  await file.close();
  execFileSync('cp', ['-a', name, copy]);
});

async function expectBothLost(driver: Driver<CompleteFile>, options: { journal?: 'adopt' } = {}): Promise<void> {
  const file = await open(name, { driver, ...options });
  for (const range of [LOST, SECOND]) {
    const error = await refusal(() => { file.read(new Uint8Array(PAGE), range.offset); });
    expect(error).toMatchObject({ code: 'ERR_PMEM_LOST', ranges: [range] });
  }
  expect([0, 2 * PAGE].map((at) => firstByte(file, at))).toEqual([1, 1]);
  await file.close();
}

it('the copy has the number of its original by now: it is not taken for it', async () => {
  const later = mounted({ copy: 2n, file: 3n });
  expect(await refusal(() => open(copy, { driver: later }))).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
  await expectBothLost(mounted({ file: 2n }));
});

it("a file has another number after a mount: open() asks, and 'adopt' goes on with the losses", async () => {
  const later = mounted({ file: 3n });
  const error = await refusal(() => open(name, { driver: later }));
  expect(error.code).toBe('ERR_PMEM_JOURNAL');
  expect(error.message).toContain('other inode numbers at each mount');
  await expectBothLost(later, { journal: 'adopt' });
  await expectBothLost(later);
  const file = await open(name, { driver: later });
  await file.repair({ offset: 0, length: SIZE }, { fill: 9 });
  expect(firstByte(file, LOST.offset)).toBe(9);
  await file.close();
});
