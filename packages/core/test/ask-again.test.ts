/** Looks once more at refused units of several pages. */
import { describe, expect, it } from 'vitest';
import type { CompleteFile, Transfer } from '../src/index.js';
import { Errno } from '../src/index.js';
import { askAgain } from '../src/repair/ask-again.js';
import { RepairUnit } from '../src/repair/repair-unit.js';
import { facts, scriptedFile } from './scripted-file.js';

const PAGE = 4096;
const data = { offset: 4 * PAGE, length: 4 * PAGE };

function refused(): RepairUnit {
  const content = new Uint8Array(data.length).fill(7);
  const listing = { shared: false, listed: true, mayBeHuge: false, readErrno: Errno.EIO, holdsOthers: false };
  const supply = { rebuilt: [], filled: [data], tombstoned: [], suppliable: false };
  return new RepairUnit({ unit: data, data, content, lost: [data], ...listing }, supply, false);
}

/** Answers page by page: an errno, or a page of that byte. */
function fileOf(answers: readonly { readonly errno?: number; readonly byte?: number }[]): CompleteFile {
  return scriptedFile({
    facts: { ...facts, blockBytes: 4 * PAGE },
    readEach: (pieces, bytes) => {
      const outcomes = pieces.map(({ offset, length }, i): Transfer => {
        const { errno = 0, byte = 0 } = answers[(offset - data.offset) / PAGE] ?? {};
        if (errno === 0) bytes.fill(byte, i * PAGE, i * PAGE + length);
        return { errno, transferredBytes: errno === 0 ? length : 0 };
      });
      return Promise.resolve(outcomes);
    },
  });
}

describe('a refused unit of several pages', () => {
  const [listed, held, silent] = [{ errno: Errno.EIO }, { errno: Errno.EFAULT }, { errno: Errno.ENOMEM }];

  it.each([[[listed, held, {}]], [[held, {}, listed]]])('is held back if one of its pages is', async (answers) => {
    const unit = refused();
    await askAgain(fileOf(answers), [unit]);
    expect([unit.readErrno, unit.isUnanswered]).toEqual([Errno.EFAULT, false]);
  });

  it.each([[[listed, silent, held]], [[silent, held, listed]], [[held, silent, {}]]])(
    'is not answered if one of its pages is not', async (answers) => {
      const unit = refused();
      await askAgain(fileOf(answers), [unit]);
      expect(unit.isUnanswered).toBe(true);
    },
  );

  it.each([[7, 'half-done'], [0, 'half-done'], [8, 'holds-others']])(
    'that was reset, with %i in its last page, is %s', async (byte, state) => {
      const unit = refused();
      unit.zeroed();
      await askAgain(fileOf([{}, listed, { byte: 7 }, { byte }]), [unit]);
      expect(unit.state).toBe(state);
    },
  );
});
