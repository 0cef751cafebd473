/** An intent is left beside the file. What others store into its unit before open() is not overwritten unasked. */
import { execFileSync } from 'node:child_process';
import {
  closeSync, openSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync, writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { answering } from './answering.js';
import { firstByte, LOST, makeLoss, open, plantIntent, refusal, SIZE } from './planted-loss.js';

const EARLIER_BOOT = '11111111-2222-4333-8444-555555555555';

afterEach(() => { vi.restoreAllMocks(); });

/** The journal of a repair that was to fill page 1 with twos. */
async function intentIn(
  where: 'disk' | 'tmpfs', bootId: string, secondsAgo: number, bootedSecondsAgo: number, writtenBy = '',
): Promise<string> {
  const name = path.join(scratchFolder(where), 'file');
  await makeLoss(name, []);
  await plantIntent(name, { bootId, writtenBy });
  const then = Date.now() / 1000 - secondsAgo;
  for (const touched of [name, `${name}.repair`]) utimesSync(touched, then, then);
  vi.spyOn(os, 'uptime').mockReturnValue(bootedSecondsAgo);
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

/** What cannot be told apart is the operator's to decide: nothing is changed until then. */
async function expectUndecided(name: string, byte: number): Promise<void> {
  const error = await refusal(() => open(name));
  expect(error).toMatchObject({ code: 'ERR_PMEM_JOURNAL', ranges: [LOST] });
  expect(error.message).toMatch(/'discard'/);
  expect(readFileSync(name)[LOST.offset]).toBe(byte);
  await (await open(name, { journal: 'discard' })).close();
  expect(await byteAfterOpen(name)).toBe(byte);
}

describe.each(['disk', 'tmpfs'] as const)('on %s', (where) => {
  it('the machine was restarted, and another program has stored since: nothing is overwritten', async () => {
    const name = await intentIn(where, EARLIER_BOOT, 3600, 1800);
    store(name, 77);
    await expectUndecided(name, 77);
  });

  it('the machine was restarted within seconds, another program stored since: nothing is overwritten', async () => {
    const name = await intentIn(where, EARLIER_BOOT, 5, 3);
    store(name, 77);
    await expectUndecided(name, 77);
  });

  it('the machine was restarted, an older copy was put back with its times: nothing is overwritten', async () => {
    const name = await intentIn(where, EARLIER_BOOT, 3600, 1800);
    const backup = path.join(scratchFolder('disk'), 'backup');
    writeFileSync(backup, Buffer.alloc(SIZE, 55));
    utimesSync(backup, 1_500_000_000, 1_500_000_000);
    execFileSync('cp', ['-p', backup, name]);
    expect(statSync(name).mtimeMs).toBe(1_500_000_000_000);
    await expectUndecided(name, 55);
  });

  it('the clock was set back, and another program has stored since: nothing is overwritten', async () => {
    const name = await intentIn(where, EARLIER_BOOT, -3600, 1800, EARLIER_BOOT);
    store(name, 77);
    await expectUndecided(name, 77);
  });

  it('a process died in its recovery after a restart: the repair is ended', async () => {
    const name = await intentIn(where, EARLIER_BOOT, 60, 30, bootNow());
    store(name, 66);
    utimesSync(`${name}.repair`, Date.now() / 1000, Date.now() / 1000);
    expect(await byteAfterOpen(name)).toBe(2);
  });

  it("the machine was restarted, and another program has stored since: 'adopt' ends the repair", async () => {
    const name = await intentIn(where, EARLIER_BOOT, 3600, 1800);
    store(name, 77);
    await (await open(name, { journal: 'adopt' })).close();
    expect(await byteAfterOpen(name)).toBe(2);
  });

  it('another program stored long after the repair, then the machine was restarted: the store stays', async () => {
    const name = await intentIn(where, EARLIER_BOOT, 3600, -5);
    store(name, 77);
    expect(await byteAfterOpen(name)).toBe(77);
  });

  it('a process was killed, and another one has stored since: the store stays', async () => {
    const name = await intentIn(where, bootNow(), 0, 1800);
    store(name, 77);
    expect(await byteAfterOpen(name)).toBe(77);
  });

  it('the machine was restarted in the repair, and the file is as it was: the intent is finished', async () => {
    const name = await intentIn(where, EARLIER_BOOT, 0, -5);
    store(name, 66);
    expect(await byteAfterOpen(name)).toBe(2);
  });
});

it('the filesystem has one time for both, and an older copy is put back with it: nothing is overwritten', async () => {
  const name = await intentIn('disk', EARLIER_BOOT, 3600, 1800);
  writeFileSync(name, Buffer.alloc(SIZE, 55));
  utimesSync(name, 1_500_000_000, 1_500_000_000);
  // As sshfs has it: SFTP tells no other time.
  const driver = answering(nativeDriver(), ({ facts }) => {
    return { facts: { ...facts, filesystem: 'fuse', changedMs: facts.modifiedMs } };
  });
  const error = await refusal(() => open(name, { driver }));
  expect(error).toMatchObject({ code: 'ERR_PMEM_JOURNAL', ranges: [LOST] });
  expect(readFileSync(name)[LOST.offset]).toBe(55);
});
