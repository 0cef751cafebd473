// A filesystem in user space that answers EINTR to every read or write, however often it is asked.
import { Errno, PmemFile } from '@safe-pmem/core';
import { expect, it } from 'vitest';
import { mockDriver, type OperationName } from '../../src/index.js';
import { content, failure, filled, PAGE, PATH, read } from './opened.js';

const bad = { offset: PAGE, length: PAGE };
const rebuild = ({ offset, length }: { offset: number; length: number }): Uint8Array =>
  content(4 * PAGE).slice(offset, offset + length);

it.each(['pread', 'pwrite', 'sync', 'fileSize', 'lock', 'readJournal'] as const)(
  'every %s is interrupted: each call ends with an error that says so, and nothing of it is remembered',
  async (operation: OperationName) => {
    const driver = mockDriver();
    const file = await filled(driver, 4 * PAGE);
    driver.poison(PATH, bad);
    const stop = driver.observe(({ name }) => (name === operation ? { errno: Errno.EINTR } : undefined));
    const errors: unknown[] = [];
    await file.repair(bad, { rebuild }).catch((error: unknown) => errors.push(error));
    await file.scrub({ range: { offset: 0, length: PAGE } }).catch((error: unknown) => errors.push(error));
    await PmemFile.open(PATH, { driver }).then((again) => again.close(), (error: unknown) => errors.push(error));
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(String(error) + String((error as Error).cause)).toContain('EINTR');
    stop();
    await file.repair(bad, { rebuild });
    expect(read(file, 0, 4 * PAGE)).toEqual(content(4 * PAGE));
    expect((await file.scrub()).mediaErrors).toEqual([]);
  },
);

it('a scrub over reads that are interrupted is an I/O error, with the call and its errno', async () => {
  const driver = mockDriver();
  const file = await filled(driver, 4 * PAGE);
  driver.observe(({ name }) => (name === 'pread' ? { errno: Errno.EINTR } : undefined));
  const error = await failure('ERR_PMEM_IO', () => file.scrub());
  expect(error.cause).toMatchObject({ code: 'EINTR', syscall: 'pread' });
});
