/** An intent is left beside the file. What others store into its unit before the next open() stays. */
import { closeSync, openSync, readFileSync, readdirSync, statSync, utimesSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGE, scratchFolder } from '../scratch.js';
import { bareFile, firstByte, journalBytes, LOST, makeLoss, open } from './planted-loss.js';

const EARLIER_BOOT = '11111111-2222-4333-8444-555555555555';

/** The journal of a repair that was to fill page 1 with twos, `secondsAgo`. */
async function intentIn(where: 'disk' | 'tmpfs', bootId: string, secondsAgo: number): Promise<string> {
  const name = path.join(scratchFolder(where), 'file');
  await makeLoss(name, []);
  const file = await bareFile(name);
  const bytes = journalBytes(file.facts, [], { range: LOST, byte: 2 }, bootId);
  const mark = file.readMark();
  if (mark.status !== 'present') throw new Error('the file has no mark');
  const journal = { bytes, mark: mark.bytes, temporary: '.repair-planting.tmp', isNew: false };
  expect(await file.writeJournal('file.repair', journal)).toBeUndefined();
  await file.close();
  const then = Date.now() / 1000 - secondsAgo;
  for (const touched of [name, `${name}.repair`]) utimesSync(touched, then, then);
  return name;
}

function store(name: string, byte: number): void {
  const fd = openSync(name, 'r+');
  writeSync(fd, Buffer.alloc(PAGE, byte), 0, PAGE, LOST.offset);
  closeSync(fd);
}

async function byteAfterOpen(name: string): Promise<number> {
  const file = await open(name);
  const found = firstByte(file, LOST.offset);
  await file.close();
  expect(readdirSync(path.dirname(name))).toEqual(['file']);
  expect(readFileSync(name)[LOST.offset]).toBe(found);
  return found;
}

const bootNow = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  it('the machine was restarted, and another program has stored since: the store stays', async () => {
    const name = await intentIn(where, EARLIER_BOOT, 3600);
    store(name, 77);
    expect(await byteAfterOpen(name)).toBe(77);
  });

  it('a process was killed, and another one has stored since: the store stays', async () => {
    const name = await intentIn(where, bootNow(), 0);
    store(name, 77);
    expect(await byteAfterOpen(name)).toBe(77);
  });

  it('the machine was restarted in the repair, and the file is as it was: the intent is finished', async () => {
    const name = await intentIn(where, EARLIER_BOOT, 3600);
    const { atimeMs, mtimeMs } = statSync(name);
    store(name, 66);
    utimesSync(name, atimeMs / 1000, mtimeMs / 1000 + 2);
    expect(await byteAfterOpen(name)).toBe(2);
  });
});
