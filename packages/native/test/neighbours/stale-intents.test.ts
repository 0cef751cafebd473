// An intent of a repair that is gone is found by a repair, and not by open(). What others have stored into its page
// since is not written over. On the mock, with every filesystem: packages/mock/test/pmem-file/stored-over.test.ts and
// intents-of-an-earlier-boot.test.ts.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { PmemFile } from '@safe-pmem/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { poisonableDriver } from '../../src/testing/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { bareFile, firstByte, LOST, makeLoss, open, plantIntent, refusal, SIZE } from './planted-loss.js';

const EARLIER_BOOT = '11111111-2222-4333-8444-555555555555';
const REPAIR_LOCK = Number.MAX_SAFE_INTEGER - 1;
const SECOND = { offset: 3 * PAGE, length: PAGE };

afterEach(() => { vi.restoreAllMocks(); });

const thisBoot = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

/** Another program rewrites the whole file in place: page 1 holds `byte`. */
function rewrite(name: string, byte: number): void {
  writeFileSync(name, Buffer.alloc(SIZE, 1).fill(byte, LOST.offset, 2 * PAGE));
}

function byteIn(name: string): number | undefined {
  return readFileSync(name)[LOST.offset];
}

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  /** The machine died in a repair of page 1. The file is opened while another process has the lock of repairs. */
  async function openedMeanwhile(): Promise<{ name: string; file: PmemFile }> {
    const name = path.join(scratchFolder(where), 'file');
    await makeLoss(name, []);
    await plantIntent(name, { bootId: EARLIER_BOOT });
    vi.spyOn(os, 'uptime').mockReturnValue(-5);
    const first = await bareFile(name);
    expect(first.lock(REPAIR_LOCK, 1)).toBeUndefined();
    const file = await open(name);
    await first.close();
    return { name, file };
  }

  it.each([{ fill: 5 }, { rebuild: () => new Uint8Array(PAGE).fill(5) }, {}])(
    'the machine died in a repair, the file is open, and others rewrite the page: it stays: %o', async (options) => {
      const { name, file } = await openedMeanwhile();
      rewrite(name, 77);
      const error = await refusal(() => file.repair(LOST, options));
      expect(error).toMatchObject({ code: 'ERR_PMEM_JOURNAL', ranges: [LOST] });
      expect(byteIn(name)).toBe(77);
      const met = await refusal(() => firstByte(file, LOST.offset));
      expect(met).toMatchObject({ code: 'ERR_PMEM_MEDIA', source: 'unfinished' });
      await file.close();
    },
  );

  it('the machine died in a repair, and the page was not touched since: the next open() ends it', async () => {
    const { name, file } = await openedMeanwhile();
    expect(await refusal(() => file.repair(LOST, { fill: 5 }))).toMatchObject({ code: 'ERR_PMEM_JOURNAL' });
    await file.close();
    const again = await open(name);
    expect(firstByte(again, LOST.offset)).toBe(2);
    await again.close();
    expect(readdirSync(path.dirname(name))).toEqual(['file']);
  });

  it('a killed repair has reset its page, others rewrite it while another waits for rebuild: it stays', async () => {
    const name = path.join(scratchFolder(where), 'file');
    await makeLoss(name, [SECOND]);
    const file = await open(name);
    rewrite(name, 0);
    await plantIntent(name, { bootId: thisBoot(), lost: [SECOND] });
    const rebuild = ({ length }: { readonly length: number }): Uint8Array => {
      rewrite(name, 77);
      return new Uint8Array(length).fill(5);
    };
    const { units } = await file.repair([LOST, SECOND], { rebuild });
    expect(units.find(({ range }) => range.offset === LOST.offset)).toMatchObject({ outcome: 'healthy' });
    expect(byteIn(name)).toBe(77);
    expect(firstByte(file, LOST.offset)).toBe(77);
    await file.close();
    const again = await open(name);
    expect(firstByte(again, LOST.offset)).toBe(77);
    await again.close();
  });

  it('a repair was killed after its write, others have stored since: who was there keeps it', async () => {
    const name = path.join(scratchFolder(where), 'file');
    await makeLoss(name, [SECOND]);
    const file = await open(name);
    await plantIntent(name, { bootId: thisBoot(), lost: [SECOND] });
    rewrite(name, 77);
    const { units } = await file.repair(LOST, { fill: 5 });
    expect(units).toMatchObject([{ outcome: 'healthy' }]);
    expect([byteIn(name), firstByte(file, LOST.offset)]).toEqual([77, 77]);
    await file.close();
  });
});

it('the page is bad still: a repair by who was there ends the one that was killed', async () => {
  const name = path.join(scratchFolder('tmpfs'), 'file');
  await makeLoss(name, [SECOND]);
  const driver = poisonableDriver(nativeDriver());
  const file = await open(name, { driver });
  await plantIntent(name, { bootId: thisBoot(), lost: [SECOND] });
  driver.poison(name, LOST);
  await file.repair(LOST, { fill: 5 });
  expect([byteIn(name), firstByte(file, LOST.offset)]).toEqual([2, 2]);
  await file.close();
});
