/** The formats have pages of 4096 bytes; a machine that loses 16 or 64 KiB at once takes several of them. */
import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { describe, expect, it } from 'vitest';
import { PageStore } from '../../src/pages/index.js';
import { Wal } from '../../src/wal/index.js';

const MIB = 1024 ** 2;
const COUNT = 200;
const payloadOf = (number: number): Buffer => Buffer.alloc(1000, number);

describe.each([16_384, 65_536])('on pages of %i bytes', (pageBytes) => {
  it.each([true, false])('a log (mirror: %s) returns each record intact, or says that it is lost', async (mirrored) => {
    const driver = mockDriver({ pageBytes, capacityBytes: 64 * MIB });
    const open = (path: string): Promise<PmemFile> => PmemFile.open(path, { driver, create: true, size: MIB });
    const members = async () => ({
      file: await open('/pmem/log'),
      ...(mirrored ? { mirror: await open('/pmem/mirror') } : {}),
    });
    const wal = await Wal.open({ ...(await members()), create: true });
    for (let number = 1; number <= COUNT; number++) wal.append(payloadOf(number));
    wal.commit();
    wal.close();

    driver.poison('/pmem/log', { offset: pageBytes + 100, length: 1 });
    const again = await Wal.open(await members());
    await again.repair();
    let next = 1;
    let lost = 0;
    for await (const item of again.replay()) {
      if (item.type === 'record') {
        expect(item.sequence).toBe(next);
        expect(item.payload.every((byte) => byte === item.sequence % 256)).toBe(true);
        next++;
      } else {
        const { first, last = COUNT } = item;
        expect(first).toBe(next);
        lost += last - first + 1;
        next = last + 1;
      }
    }
    expect(next).toBe(COUNT + 1);
    if (mirrored) expect(lost).toBe(0);
    else expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThanOrEqual(pageBytes / 1000 + 2);
    again.append(payloadOf(1));
    again.commit();
    again.close();
  });

  it('a store gets its pages back from the mirror', async () => {
    const driver = mockDriver({ pageBytes, capacityBytes: 64 * MIB });
    const open = (name: string) => PmemFile.open(`/pmem/${name}`, { driver, create: true, size: MIB });
    const files = async () => ({
      file: await open('pages'),
      mirror: await open('pages-mirror'),
      log: await open('log'),
      logMirror: await open('log-mirror'),
    });
    const keyOf = (number: number): Buffer => Buffer.from(String(number).padStart(6, '0'));
    const store = await PageStore.open({ ...(await files()), create: true });
    const puts = Array.from({ length: COUNT }, (_, number) => ({ key: keyOf(number), value: payloadOf(number) }));
    await store.batch(puts.map((put) => ({ type: 'put' as const, ...put })));
    await store.checkpoint();
    await store.close();

    driver.poison('/pmem/pages', { offset: pageBytes + 100, length: 1 });
    const again = await PageStore.open(await files());
    await again.repair();
    expect(again.damage).toEqual([]);
    for (const { key, value } of puts) expect(Buffer.compare(again.get(key) as Uint8Array, value)).toBe(0);
    await again.close();
  });
});
