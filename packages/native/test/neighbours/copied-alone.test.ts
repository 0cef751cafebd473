// cp -a of a file with losses, without its journal: the copy has the mark of the original, whose journal goes on.
// On the mock: packages/mock/test/pmem-file/copied-alone.test.ts.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { PmemFile } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { aTick, PAGE, scratchFolder } from '../scratch.js';
import { firstByte, LOST, makeLoss, open, refusal } from './planted-loss.js';

const SECOND = { offset: 3 * PAGE, length: PAGE };
const both = [LOST, SECOND].map((range) => ({ ...range, reason: 'lost' }));
const fives = ({ length }: { readonly length: number }): Uint8Array => new Uint8Array(length).fill(5);

async function lostIn(file: PmemFile): Promise<unknown> {
  return (await file.salvage()).gaps;
}

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  async function copied(): Promise<{ name: string; copy: string }> {
    const [name, copy] = [path.join(scratchFolder(where), 'file'), path.join(scratchFolder(where), 'copy')];
    await makeLoss(name, [LOST, SECOND]);
    await aTick();
    execFileSync('cp', ['-a', name, copy]);
    await aTick();
    return { name, copy };
  }

  it('the original is as it was: what is lost there is lost in the copy', async () => {
    const { copy } = await copied();
    const file = await open(copy);
    expect(await lostIn(file)).toEqual(both);
    await file.close();
  });

  it('the original gets a loss back: no zero of the copy is data', async () => {
    const { name, copy } = await copied();
    const held = await open(copy);
    const file = await open(name);
    await file.repair(LOST, { rebuild: fives });
    expect(await lostIn(held)).toEqual(both);
    expect(await refusal(() => firstByte(held, LOST.offset))).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    expect(firstByte(held, 2 * PAGE)).toBe(1);
    await held.close();
    const error = await refusal(() => open(copy));
    expect(error.code).toBe('ERR_PMEM_JOURNAL');
    expect(error.message).toContain('a copy of, and was changed since');
    await (await open(copy, { journal: 'discard' })).close();
    expect(firstByte(file, LOST.offset)).toBe(5);
    await file.close();
  });
});
