// The application stores over what is lost, and the flush of it fails, on a real file: what did not reach the medium
// stays lost in the journal. On the mock: packages/mock/test/pmem-file/failed-flush.test.ts.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Errno, type PersistProblem, type PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { answering } from './answering.js';
import { expectLoss, firstByte, LOST, makeLoss, open, refusal } from './planted-loss.js';

const nines = new Uint8Array(PAGE).fill(9);
const failed: PersistProblem = { errno: Errno.EIO, syscall: 'msync' };

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  /** A file whose page 1 was lost and is stored over, and whose first flush, by whichever call, fails. */
  async function storedOver(): Promise<{ name: string; file: PmemFile }> {
    const name = path.join(scratchFolder(where), 'file');
    await makeLoss(name);
    let flushes = 0;
    const file = await open(name, { driver: answering(nativeDriver(), (own) => ({
      persist: (position, length) => (flushes++ === 0 ? failed : own.persist(position, length)),
      persistRanges: (ranges) => (flushes++ === 0 ? failed : own.persistRanges(ranges)),
      persistAsync: async (position, length) => (flushes++ === 0 ? failed : own.persistAsync(position, length)),
    })) });
    file.write(nines, LOST.offset);
    return { name, file };
  }

  const flushes: [string, (file: PmemFile) => unknown][] = [
    ['persist()', (file) => { file.persist(LOST.offset, LOST.length); }],
    ['persistRanges()', (file) => { file.persistRanges([LOST]); }],
    ['persistAsync()', (file) => file.persistAsync(LOST.offset, LOST.length)],
  ];
  it.each(flushes)('%s fails: none succeeds before it is stored again, and it is lost until then', async (_, flush) => {
    const { name, file } = await storedOver();
    expect(await refusal(() => flush(file))).toMatchObject({ code: 'ERR_PMEM_IO' });
    expect(await refusal(() => flush(file))).toMatchObject({ code: 'ERR_PMEM_IO', ranges: [LOST] });
    expect(firstByte(file, LOST.offset)).toBe(9);
    // Another opener is told what the medium is sure to hold.
    await expectLoss(name);
    file.write(nines, LOST.offset);
    await flush(file);
    expect(existsSync(`${name}.repair`)).toBe(false);
    await file.close();
  });

  it('close() fails to flush it, and says so: it is lost in the journal still', async () => {
    const { name, file } = await storedOver();
    expect(await refusal(() => file.close())).toMatchObject({ code: 'ERR_PMEM_IO' });
    expect(existsSync(`${name}.repair`)).toBe(true);
  });

  it('nothing was stored over it: it stays lost', async () => {
    const name = path.join(scratchFolder(where), 'file');
    await makeLoss(name);
    const file = await open(name);
    file.write(Uint8Array.of(1), 0);
    file.persist();
    await file.close();
    await expectLoss(name);
  });
});
