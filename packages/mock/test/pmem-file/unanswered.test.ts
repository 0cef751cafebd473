// A look that a repair takes before it changes anything gets no answer: an errno of the moment, which says nothing of
// the medium. Others may have stored there meanwhile, so nothing is written over.
import { Errno } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { type MockDriver, mockDriver, type MockOptions } from '../../src/index.js';
import { content, failure, openIn, PAGE, pageOf, PATH } from './opened.js';

const errnos = ['EAGAIN', 'EINTR', 'ENOMEM', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN'] as const;
const nines = new Uint8Array(PAGE).fill(9);

/** Others cut the file off and write it again: page 1 holds nines then. */
function rewrite(driver: MockDriver): void {
  const bytes = content(3 * PAGE);
  bytes.set(nines, PAGE);
  driver.truncate(PATH, 0);
  driver.overwrite(PATH, bytes, 0);
}

describe.each(errnos)('%s', (name) => {
  const errno = Errno[name];

  it.each([{ fill: 7 }, { rebuild: () => new Uint8Array(PAGE).fill(7) }, {}])(
    'others rewrite a file in the middle of its repair, and the last look gets no answer: %o', async (options) => {
      const driver = mockDriver({ filesystem: 'xfs' });
      driver.writeFile(PATH, content(3 * PAGE));
      const file = await openIn(driver, 'here');
      driver.poison(PATH, pageOf(1));
      let isRewritten = false;
      driver.observe(({ name: call }) => {
        if (call === 'writeMark' && !isRewritten) {
          isRewritten = true;
          rewrite(driver);
        }
        return call === 'pread' && isRewritten ? { errno } : undefined;
      });
      await failure('ERR_PMEM_IO', () => file.repair(pageOf(1), options));
      expect(driver.readFile(PATH).subarray(PAGE, 2 * PAGE)).toEqual(nines);
    },
  );

  it('a write was refused after a reset, others store, and the look before the next reset gets no answer', async () => {
    const driver = mockDriver({ filesystem: 'ext4', kernel: '5.10' });
    driver.writeFile(PATH, content(3 * PAGE));
    const file = await openIn(driver, 'here');
    driver.poison(PATH, { offset: 0, length: 2 * PAGE });
    let refused = 0;
    driver.observe(({ name: call, step }) => {
      if (call === 'pwrite' && step === undefined && refused++ === 0) return { errno: Errno.EIO };
      if (call !== 'pread' || refused === 0) return undefined;
      if (refused === 1) driver.overwrite(PATH, nines, PAGE);
      return { errno };
    });
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: 0, length: 2 * PAGE }, { fill: 7 }));
    expect(driver.readFile(PATH).subarray(PAGE, 2 * PAGE)).toEqual(nines);
  });

  const machines: MockOptions[] = [{ filesystem: 'ext4' }, { filesystem: 'xfs' }, { dax: false }];
  it.each(machines)('others fill up the last page, and no look tells that from zeros: %o', async (options) => {
    const driver = mockDriver(options);
    driver.writeFile(PATH, content(2 * PAGE + 100));
    const file = await openIn(driver, 'here');
    driver.poison(PATH, pageOf(2));
    const written = content(PAGE - 100);
    let isWritten = false;
    driver.observe(({ name: call, step }) => {
      if (call === 'pwrite' && step === undefined) isWritten = true;
      if (call !== 'pread' || !isWritten) return undefined;
      if (driver.readFile(PATH).length === 3 * PAGE) driver.overwrite(PATH, written, 2 * PAGE + 100);
      return { errno };
    });
    await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair({ offset: 2 * PAGE, length: 100 }, { fill: 7 }));
    expect(driver.readFile(PATH).subarray(2 * PAGE + 100)).toEqual(written);
  });
});
