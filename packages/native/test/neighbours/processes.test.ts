/** Several real processes at one file: repairs, stores, resizes, locks and deaths. */
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGE, scratchFolder } from '../scratch.js';
import { lockForReading, Opener } from './opener.js';
import { expectLoss, firstByte, LOST, makeLoss, open, SIZE } from './planted-loss.js';

const SECOND = { offset: 3 * PAGE, length: PAGE };

async function opener(name: string, options: object = {}): Promise<Opener> {
  const process = new Opener();
  expect(await process.call('open', name, options)).toMatchObject({ value: {} });
  return process;
}

async function lossIn(where: 'disk' | 'tmpfs', lost = [LOST, SECOND]): Promise<string> {
  const name = path.join(scratchFolder(where), 'file');
  await makeLoss(name, lost);
  return name;
}

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  it('another process appends after the open: a repair of what was the last page keeps it', async () => {
    const tail = { offset: 3 * PAGE, length: 100 };
    const name = await lossIn(where, [tail]);
    truncateSync(name, 3 * PAGE + 100);
    const file = await open(name);
    appendFileSync(name, Buffer.alloc(2 * PAGE, 77));
    await file.repair(tail, { rebuild: ({ length }) => new Uint8Array(length).fill(5) });
    await file.close();
    const now = readFileSync(name);
    expect(now.byteLength).toBe(5 * PAGE + 100);
    expect(now.subarray(3 * PAGE, 3 * PAGE + 100).every((byte) => byte === 5)).toBe(true);
    expect(now.subarray(3 * PAGE + 100).every((byte) => byte === 77)).toBe(true);
  });

  it('while one process repairs and stores over another loss meanwhile, a second repair and a resize are refused', async () => {
    const name = await lossIn(where);
    const [a, b] = [await opener(name), await opener(name)];
    const [end] = await a.repairing(LOST);
    const refused = async (): Promise<void> => {
      expect(await b.call('repair', LOST, 9)).toMatchObject({ code: 'ERR_PMEM_LOCKED' });
      expect(await b.call('resize', 2 * SIZE)).toMatchObject({ code: 'ERR_PMEM_LOCKED' });
    };
    await refused();
    expect(await a.call('store', SECOND, 3)).toEqual({});
    await refused();
    expect(await a.call('byteAt', LOST.offset)).toMatchObject({ code: 'ERR_PMEM_LOST' });
    await refused();
    expect(statSync(name).size).toBe(SIZE);
    await a.call('supply', 2);
    expect(await end).toMatchObject({ value: [expect.any(String)] });
    expect(await b.call('byteAt', LOST.offset)).toEqual({ value: 2 });
    expect(await b.call('store', LOST, 99)).toEqual({});
    for (const process of [a, b]) await process.call('close');
    const again = await open(name);
    expect([LOST.offset, SECOND.offset].map((at) => firstByte(again, at))).toEqual([99, 3]);
    await again.close();
    expect(readdirSync(path.dirname(name))).toEqual(['file']);
  });

  it('one process resizes what another one has repaired in part: the other loss stays a loss', async () => {
    const name = await lossIn(where);
    const [a, b] = [await opener(name), await opener(name)];
    expect(await b.call('repair', SECOND, 4)).toMatchObject({ value: [expect.any(String)] });
    expect(await a.call('resize', 2 * SIZE)).toEqual({});
    for (const process of [a, b]) await process.call('close');
    const again = await open(name);
    expect(firstByte(again, SECOND.offset)).toBe(4);
    await again.close();
  });

  it('a reader that locks every byte keeps neither store nor repair nor close out, and writers still exclude each other', async () => {
    const name = await lossIn(where);
    await lockForReading(name);
    const [a, b] = [await opener(name), await opener(name)];
    expect(await a.call('store', SECOND, 3)).toEqual({});
    const [end] = await a.repairing(LOST);
    expect(await b.call('repair', LOST, 9)).toMatchObject({ code: 'ERR_PMEM_LOCKED' });
    await a.call('supply', 2);
    expect(await end).toMatchObject({ value: [expect.any(String)] });
    for (const process of [a, b]) expect(await process.call('close')).toEqual({});
    const alone = await opener(name, { exclusive: true });
    expect(await new Opener().call('open', name)).toMatchObject({ code: 'ERR_PMEM_LOCKED' });
    await alone.call('close');
    const again = await open(name);
    expect([LOST.offset, SECOND.offset].map((at) => firstByte(again, at))).toEqual([2, 3]);
    await again.close();
  });

  it('an opener that asked for the file alone keeps writers out until it dies, and readers in', async () => {
    const name = await lossIn(where);
    const alone = await opener(name, { exclusive: true });
    expect(await new Opener().call('open', name)).toMatchObject({ code: 'ERR_PMEM_LOCKED' });
    await opener(name, { readOnly: true });
    await alone.kill();
    const next = await opener(name);
    expect(await new Opener().call('open', name, { exclusive: true })).toMatchObject({ code: 'ERR_PMEM_LOCKED' });
    await next.call('close');
  });

  it('two processes create the file at once, and store at once: no store is cut off', async () => {
    const folder = scratchFolder(where);
    const openers = [new Opener(), new Opener(), new Opener()];
    for (let round = 0; round < 15; round++) {
      const name = path.join(folder, `file-${round}`);
      await Promise.all(openers.map(async (process, i) => {
        expect(await process.call('open', name, { create: true, size: SIZE })).toEqual({ value: { created: SIZE } });
        expect(await process.call('store', { offset: i * PAGE, length: PAGE }, i + 1)).toEqual({});
      }));
      for (const process of openers) await process.call('close');
      const bytes = readFileSync(name);
      expect(bytes.byteLength).toBe(SIZE);
      expect(openers.map((_, i) => bytes[i * PAGE])).toEqual([1, 2, 3]);
    }
  });

  it('a repair that is killed leaves the loss or the repaired bytes, and what others store survives', async () => {
    const seed = Number(process.env.SAFE_PMEM_SEED ?? Date.now() % 1_000_000);
    let state = seed;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 6; round++) {
      const name = await lossIn(where, [LOST]);
      const other = await open(name);
      const dying = await opener(name);
      const [end] = await dying.repairing(LOST);
      void dying.call('supply', 2);
      for (let turns = random(40); turns > 0; turns--) await new Promise((turn) => setTimeout(turn, 0));
      await dying.kill();
      await end;
      other.write(new Uint8Array(PAGE).fill(55), 2 * PAGE);
      other.persist(2 * PAGE, PAGE);
      const next = await open(name);
      const found = await next.salvage(LOST);
      const bytes = found.pieces.map((piece) => piece.bytes[0]);
      expect(bytes.length === 0 ? 'lost' : bytes[0], `seed ${seed}, round ${round}`).toBeOneOf(['lost', 2]);
      next.write(new Uint8Array(PAGE).fill(99), PAGE);
      next.persist(PAGE, PAGE);
      for (const file of [other, next]) await file.close();
      const again = await open(name);
      expect([PAGE, 2 * PAGE].map((at) => firstByte(again, at)), `seed ${seed}, round ${round}`).toEqual([99, 55]);
      await again.close();
    }
  });

  it('a repair that is killed while it waits has changed nothing', async () => {
    const name = await lossIn(where, [LOST]);
    const dying = await opener(name);
    const [end] = await dying.repairing(LOST);
    await dying.kill();
    expect(await end).toEqual({ code: 'died' });
    await expectLoss(name);
  });
});
