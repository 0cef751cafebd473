import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Errno, LOSS_CHANNEL, NO_SPACE_CHANNEL, PERSIST_FAILED_CHANNEL, PmemFile, TRUNCATED_CHANNEL } from '@safe-pmem/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { failure, filled, PAGE, PATH, read } from './opened.js';

const CHANNELS = [LOSS_CHANNEL, NO_SPACE_CHANNEL, PERSIST_FAILED_CHANNEL, TRUNCATED_CHANNEL];
const heard: { channel: string; message: { path: string; error?: Error; ranges?: unknown } }[] = [];
const listener = (message: unknown, channel: string | symbol): void => {
  heard.push({ channel: String(channel), message: message as { path: string } });
};

beforeEach(() => {
  heard.length = 0;
  for (const channel of CHANNELS) subscribe(channel, listener);
});
afterEach(() => {
  for (const channel of CHANNELS) unsubscribe(channel, listener);
});

/** The events, each with whether it carries the error that was thrown. */
function heardOf(error: unknown): [string, string, boolean][] {
  return heard.map(({ channel, message }) => [channel, message.path, message.error === error]);
}

describe('diagnostics channels', () => {
  it('tell of a truncation that a load meets', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.truncate(PATH, PAGE);
    const error = await failure('ERR_PMEM_TRUNCATED', () => read(file, 2 * PAGE, 1));
    expect(heardOf(error)).toEqual([[TRUNCATED_CHANNEL, PATH, true]]);
  });

  it('tell of a store that finds no space, and of a resize and an open that do', async () => {
    const driver = mockDriver({ capacityBytes: 64 * PAGE });
    const file = await PmemFile.open(PATH, { driver, create: true, size: 4 * PAGE });
    driver.exhaust();
    const errors = [
      await failure('ERR_PMEM_NO_SPACE', () => { file.write(new Uint8Array(PAGE), 0); }),
      await failure('ERR_PMEM_NO_SPACE', () => file.resize(128 * PAGE, { preallocate: true })),
      await failure('ERR_PMEM_NO_SPACE', () => PmemFile.open('/pmem/other', { driver, create: true, size: PAGE, preallocate: true })),
    ];
    expect(heard.map(({ channel, message }) => [channel, message.path, message.error])).toEqual([
      [NO_SPACE_CHANNEL, PATH, errors[0]], [NO_SPACE_CHANNEL, PATH, errors[1]], [NO_SPACE_CHANNEL, '/pmem/other', errors[2]],
    ]);
  });

  it('tell of a persist that fails, and of the next one, which cannot make up for it', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, 2 * PAGE);
    let failures = 1;
    driver.observe(({ name }) => (name === 'persist' && failures-- > 0 ? { errno: Errno.EIO } : undefined));
    const first = await failure('ERR_PMEM_IO', () => { file.persist(); });
    const second = await failure('ERR_PMEM_IO', () => file.persistAsync());
    expect(heard.map(({ channel, message }) => [channel, message.error])).toEqual([
      [PERSIST_FAILED_CHANNEL, first], [PERSIST_FAILED_CHANNEL, second],
    ]);
  });

  it('tell of a persist that meets poison or a truncation, once each', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: PAGE, length: 1 });
    const media = await failure('ERR_PMEM_MEDIA', () => { file.persist(0, 2 * PAGE); });
    expect(heardOf(media)).toEqual([[PERSIST_FAILED_CHANNEL, PATH, true]]);
    heard.length = 0;
    driver.truncate(PATH, 2 * PAGE);
    const truncated = await failure('ERR_PMEM_TRUNCATED', () => { file.persist(2 * PAGE, PAGE); });
    expect(heardOf(truncated)).toEqual([[TRUNCATED_CHANNEL, PATH, true], [PERSIST_FAILED_CHANNEL, PATH, true]]);
  });

  it('tell of bytes that a repair could not bring back, once, and not of those that were supplied', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: PAGE, length: 1 });
    await file.repair({ offset: PAGE, length: PAGE }, { fill: 0 });
    expect(heard).toEqual([]);
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
    await file.repair({ offset: 0, length: 4 * PAGE });
    await failure('ERR_PMEM_LOST', () => read(file, 2 * PAGE, 1));
    expect(heard).toEqual([{ channel: LOSS_CHANNEL, message: { path: PATH, ranges: [{ offset: 2 * PAGE, length: PAGE }] } }]);
    await file.close();
    await PmemFile.open(PATH, { driver });
    expect(heard.length).toBe(1);
  });

  it('tell of what an open loses that finishes a repair, and not of what was lost before', async () => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, { offset: PAGE, length: 1 });
    await file.repair({ offset: PAGE, length: PAGE });
    driver.poison(PATH, { offset: 2 * PAGE, length: 1 });
    const remove = driver.observe(({ name, path }) => (name === 'pwrite' && path === PATH ? { crash: true } : undefined));
    await expect(file.repair({ offset: 2 * PAGE, length: PAGE })).rejects.toThrow('power failed');
    remove();
    heard.length = 0;
    await PmemFile.open(PATH, { driver });
    expect(heard).toEqual([{ channel: LOSS_CHANNEL, message: { path: PATH, ranges: [{ offset: 2 * PAGE, length: PAGE }] } }]);
  });

  it('say nothing of a file that was closed, before a persist or during it', async () => {
    const driver = mockDriver({ dax: false });
    const file = await filled(driver, PAGE);
    driver.observe(({ name }) => (name === 'persist' ? { errno: Errno.EBADF } : undefined));
    await failure('ERR_PMEM_CLOSED', () => { file.persist(); });
    await file.close();
    await failure('ERR_PMEM_CLOSED', () => { file.persist(); });
    expect(heard).toEqual([]);
  });
});
