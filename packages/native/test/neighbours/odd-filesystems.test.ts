/** Filesystems that answer as no local one does: no locks, reads interrupted for ever, writes refused. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGE, scratchFolder } from '../scratch.js';
import { refusing } from '../shim/refusing.js';
import { Opener } from './opener.js';
import { firstByte, LOST, makeLoss, open, SIZE } from './planted-loss.js';

const SECOND = { offset: 3 * PAGE, length: PAGE };
const [EINTR, EIO, ENOLCK] = [4, 5, 37];

async function lossIn(where: 'disk' | 'tmpfs' = 'disk', lost = [LOST, SECOND]): Promise<string> {
  const name = path.join(scratchFolder(where), 'file');
  await makeLoss(name, lost);
  return name;
}

async function opener(name: string, asked: string, options: object = {}): Promise<Opener> {
  const process = new Opener(refusing(asked));
  expect(await process.call('open', name, options)).toMatchObject({ value: {} });
  return process;
}

describe('a filesystem without locks', () => {
  it('a repair says so, and not that another repair runs; nothing is touched', async () => {
    const name = await lossIn();
    const process = await opener(name, `fcntl ${ENOLCK}`);
    const answer = await process.call('repair', LOST, 5);
    expect(answer).toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED' });
    expect(answer.message).toContain('has no locks');
    expect(await process.call('byteAt', LOST.offset)).toMatchObject({ code: 'ERR_PMEM_LOST' });
    expect(await process.call('store', { offset: 0, length: 8 }, 9)).toEqual({});
    expect(await process.call('resize', 2 * SIZE)).toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED' });
    await process.call('close');
    expect(readFileSync(name)[0]).toBe(9);
  });

  it('who asks for the file alone is refused, and who does not may write', async () => {
    const name = path.join(scratchFolder(), 'file');
    const alone = new Opener(refusing(`fcntl ${ENOLCK}`));
    const refused = await alone.call('open', name, { create: true, size: SIZE, exclusive: true });
    expect(refused).toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED' });
    const process = await opener(name, `fcntl ${ENOLCK}`, { create: true, size: SIZE });
    expect(await process.call('store', LOST, 3)).toEqual({});
    expect(await process.call('resize', 2 * SIZE)).toEqual({});
    await process.call('close');
  });
});

describe('a filesystem that interrupts every call of a kind, for ever', () => {
  it.each(['pread', 'pwrite', 'fdatasync'])('%s: each call ends with an error, and nothing is lost', async (call) => {
    const name = await lossIn();
    const process = await opener(name, `${call} ${EINTR}`);
    const answer = call === 'pread' ? await process.call('scrub') : await process.call('repair', LOST, 5);
    expect(answer.code).toBe(call === 'pread' ? 'ERR_PMEM_IO' : 'ERR_PMEM_REPAIR_FAILED');
    expect(answer.message).toContain('EINTR');
    await process.kill();
    const file = await open(name);
    await file.repair([LOST, SECOND], { rebuild: ({ length }) => new Uint8Array(length).fill(5) });
    expect([0, LOST.offset, 2 * PAGE, SECOND.offset].map((at) => firstByte(file, at))).toEqual([1, 5, 1, 5]);
    await file.close();
  });
});

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  it('a unit whose write is refused does not hide the others: the error carries what became of each', async () => {
    const name = await lossIn(where);
    const process = await opener(name, `pwrite ${EIO} ${SECOND.offset}`);
    const { value } = await process.call('repairSome', [LOST, SECOND], [LOST.offset, SECOND.offset], 5);
    expect(value).toMatchObject({ code: 'ERR_PMEM_REPAIR_FAILED', ranges: [SECOND] });
    const { units } = value as { units: { at: number; outcome: string; rebuilt: unknown }[] };
    expect(units.find(({ at }) => at === LOST.offset)).toMatchObject({ outcome: 'unverifiable', rebuilt: [LOST] });
    expect(units.find(({ at }) => at === SECOND.offset)).toMatchObject({ outcome: 'failed', rebuilt: [] });
    expect(await process.call('byteAt', LOST.offset)).toEqual({ value: 5 });
    await process.call('close');
    const file = await open(name);
    expect(firstByte(file, LOST.offset)).toBe(5);
    expect((await file.salvage()).gaps).toEqual([{ ...SECOND, reason: 'lost' }]);
    await file.close();
  });

  it('a rebuild that does not have a range leaves it lost, and repairs the rest', async () => {
    const name = await lossIn(where);
    const process = new Opener();
    expect(await process.call('open', name, {})).toMatchObject({ value: {} });
    const { value } = await process.call('repairSome', [LOST, SECOND], [SECOND.offset], 5);
    const units = [{ at: LOST.offset, tombstoned: [LOST] }, { at: SECOND.offset, rebuilt: [SECOND], tombstoned: [] }];
    expect(value).toMatchObject({ units });
    expect(await process.call('byteAt', LOST.offset)).toMatchObject({ code: 'ERR_PMEM_LOST' });
    expect(await process.call('byteAt', SECOND.offset)).toEqual({ value: 5 });
    await process.call('close');
    const file = await open(name);
    expect((await file.salvage()).gaps).toEqual([{ ...LOST, reason: 'lost' }]);
    await file.close();
  });
});
