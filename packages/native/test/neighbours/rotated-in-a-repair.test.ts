/** Rotation gives file and journal other names while a repair waits, and a new file with a loss takes the old ones. */
import { createHash, randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import path from 'node:path';
import type { CompleteFile } from '@safe-pmem/core';
import { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { answering } from './answering.js';
import { bareFile, expectLoss, journalBytes, LOST, makeLoss, refusal, SIZE } from './planted-loss.js';

const THIRD = { offset: 3 * PAGE, length: PAGE };
const native = nativeDriver();
const withoutMarks = answering(native, (): Partial<CompleteFile> => ({
  readMark: () => ({ status: 'unsupported' }),
  writeMark: () => Promise.resolve({ errno: 95, syscall: 'fsetxattr' }),
  writeMarkSync: () => ({ errno: 95, syscall: 'fsetxattr' }),
}));

/** Takes the mark off a file that makeLoss() has made, and gives its journal an id and no mark. */
async function unmark(name: string, lost = [LOST]): Promise<void> {
  const file = await bareFile(name);
  const place = `${path.basename(name)}.repair`;
  const id = randomBytes(8).toString('hex') + createHash('sha256').update(place).digest('hex').slice(0, 16);
  const bytes = journalBytes(file.facts, lost, undefined, '', '', id);
  const journal = { bytes, mark: Buffer.alloc(0), temporary: '.repair-planting.tmp', isNew: false };
  expect(file.writeJournalSync(place, journal)).toBeUndefined();
  expect(file.writeMarkSync(new Uint8Array(0))).toBeUndefined();
  await file.close();
}

describe.each([true, false])('marks: %s', (marks) => {
  const driver = marks ? native : withoutMarks;

  it('the new file has its loss still, and the old one those that were not rebuilt', async () => {
    const name = path.join(scratchFolder(), 'file');
    const rotated = `${name}.1`;
    await makeLoss(name, [LOST, THIRD]);
    if (!marks) await unmark(name, [LOST, THIRD]);
    const file = await PmemFile.open(name, { driver });
    const rebuild = async ({ length }: { length: number }): Promise<Uint8Array> => {
      renameSync(name, rotated);
      renameSync(`${name}.repair`, `${rotated}.repair`);
      await makeLoss(name);
      if (!marks) await unmark(name);
      return new Uint8Array(length).fill(1);
    };
    const repaired = file.repair(THIRD, { rebuild });
    if (marks) await expect(repaired).rejects.toMatchObject({ code: 'ERR_PMEM_REPAIR_FAILED' });
    else await repaired;
    await file.close();
    await expectLoss(name);
    const old = await PmemFile.open(rotated, { driver });
    const { ranges } = await refusal(() => { old.read(new Uint8Array(SIZE), 0); });
    expect(ranges).toEqual(marks ? [LOST, THIRD] : [LOST]);
    await old.close();
  });
});
