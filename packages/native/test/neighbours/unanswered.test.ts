// A look that a repair takes before it changes anything gets an errno of the moment, on a real file. Others may have
// stored there meanwhile. On the mock, with every filesystem: packages/mock/test/pmem-file/unanswered.test.ts.
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Errno } from '@safe-pmem/core';
import { describe, expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { poisonableDriver } from '../../src/testing/index.js';
import { PAGE, scratchFolder } from '../scratch.js';
import { answering } from './answering.js';
import { firstByte, LOST, open, refusal, SIZE } from './planted-loss.js';

const errnos = ['EAGAIN', 'EINTR', 'ENOMEM', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN'] as const;

function ones(sizeBytes: number): string {
  const name = path.join(scratchFolder('tmpfs'), 'file');
  writeFileSync(name, Buffer.alloc(sizeBytes, 1));
  return name;
}

describe.each(errnos)('%s', (called) => {
  const unanswered = { transferredBytes: 0, errno: Errno[called] };

  it.each([{ fill: 7 }, { rebuild: () => new Uint8Array(PAGE).fill(7) }, {}])(
    'others rewrite a file in the middle of its repair, and the last look gets no answer: %o', async (options) => {
      const name = ones(SIZE);
      const driver = poisonableDriver(nativeDriver());
      let isRewritten = false;
      const file = await open(name, { driver: answering(driver, (own) => ({
        writeMark: (mark) => {
          if (!isRewritten) writeFileSync(name, Buffer.alloc(SIZE, 9));
          isRewritten = true;
          return own.writeMark(mark);
        },
        readEach: async (pieces, bytes) => {
          return isRewritten ? pieces.map(() => unanswered) : own.readEach(pieces, bytes);
        },
      })) });
      driver.poison(name, LOST);
      expect(await refusal(() => file.repair(LOST, options))).toMatchObject({ code: 'ERR_PMEM_IO' });
      await file.close();
      expect(readFileSync(name)).toEqual(Buffer.alloc(SIZE, 9));
      const again = await open(name);
      expect(firstByte(again, LOST.offset)).toBe(9);
      await again.close();
    },
  );

  it('others fill up the last page, and no look tells that from zeros', async () => {
    const name = ones(2 * PAGE + 100);
    const driver = poisonableDriver(nativeDriver());
    let isWritten = false;
    const fillUp = (): void => {
      if (statSync(name).size !== 3 * PAGE) return;
      const fd = openSync(name, 'r+');
      writeSync(fd, Buffer.alloc(PAGE - 100, 9), 0, PAGE - 100, 2 * PAGE + 100);
      closeSync(fd);
    };
    const file = await open(name, { driver: answering(driver, (own) => ({
      rewrite: async (pieces, bytes) => {
        const outcomes = await own.rewrite(pieces, bytes);
        isWritten = true;
        return outcomes;
      },
      pread: async (target, position) => {
        if (!isWritten) return own.pread(target, position);
        fillUp();
        return unanswered;
      },
    })) });
    const tail = { offset: 2 * PAGE, length: 100 };
    driver.poison(name, tail);
    expect(await refusal(() => file.repair(tail, { fill: 7 }))).toMatchObject({ code: 'ERR_PMEM_REPAIR_FAILED' });
    await file.close();
    expect(readFileSync(name).subarray(2 * PAGE + 100)).toEqual(Buffer.alloc(PAGE - 100, 9));
  });
});
