// Another file is renamed over the name in the middle of open(): each inode keeps its own losses and its own journal.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { scratchFolder } from '../scratch.js';
import { answering } from './answering.js';
import { firstByte, LOST, makeLoss, open, plantIntent, refusal, SIZE } from './planted-loss.js';

const fives = ({ length }: { readonly length: number }): Uint8Array => new Uint8Array(length).fill(5);

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  function places(): { name: string; other: string } {
    const folder = scratchFolder(where);
    mkdirSync(path.join(folder, 'new'));
    return { name: path.join(folder, 'file'), other: path.join(folder, 'new', 'file') };
  }

  it('the file that is opened has a loss, and the new one none', async () => {
    const { name, other } = places();
    await makeLoss(name);
    writeFileSync(other, Buffer.alloc(SIZE, 8));
    const driver = answering(nativeDriver(), () => ({}), () => { renameSync(other, name); });
    const file = await open(name, { driver });
    expect(await refusal(() => firstByte(file, LOST.offset))).toMatchObject({ code: 'ERR_PMEM_LOST' });
    const fresh = await open(name);
    expect(firstByte(fresh, LOST.offset)).toBe(8);
    await file.repair(LOST, { rebuild: fives });
    expect([firstByte(file, LOST.offset), firstByte(fresh, LOST.offset)]).toEqual([5, 8]);
    for (const each of [file, fresh]) await each.close();
    expect(readFileSync(name)).toEqual(Buffer.alloc(SIZE, 8));
  });

  it('the new file has a loss, and a repair that was cut off: neither is that of the file which is open', async () => {
    const { name, other } = places();
    writeFileSync(name, Buffer.alloc(SIZE, 1));
    await makeLoss(other, []);
    await plantIntent(other, { bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim() });
    const replace = (): void => { for (const ending of ['', '.repair']) renameSync(other + ending, name + ending); };
    const file = await open(name, { driver: answering(nativeDriver(), () => ({}), replace) });
    expect(firstByte(file, LOST.offset)).toBe(1);
    await file.repair(LOST, { rebuild: fives });
    expect(firstByte(file, LOST.offset)).toBe(1);
    await file.close();
    const fresh = await open(name);
    expect([1, 2]).toContain(firstByte(fresh, LOST.offset));
    await fresh.close();
  });

  it('both have a loss: each keeps its own', async () => {
    const { name, other } = places();
    await makeLoss(name);
    await makeLoss(other, [{ offset: 0, length: LOST.length }]);
    const replace = (): void => { for (const ending of ['', '.repair']) renameSync(other + ending, name + ending); };
    // The journal of the old file is gone with that, and its mark says so.
    const driver = answering(nativeDriver(), () => ({}), replace);
    expect(await refusal(() => open(name, { driver }))).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    const fresh = await open(name);
    expect((await fresh.salvage()).gaps).toMatchObject([{ offset: 0, reason: 'lost' }]);
    await fresh.close();
  });
});
