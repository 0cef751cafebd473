/** A look at the journal that has begun when a persist() of the same file changes the journal. */
import { PmemFile } from '@safe-pmem/core';
import { expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { changing, failure, filled, PAGE, pageOf, PATH, read } from './opened.js';

const zeros = new Uint8Array(100);

it('a repair begins with the losses that are left, and not with those that it read before the persist', async () => {
  const driver = mockDriver();
  let between: (() => void) | undefined;
  const file = await filled(driver, 4 * PAGE, {
    driver: changing(driver, (opened) => {
      const readJournal = opened.readJournal.bind(opened);
      opened.readJournal = async (place, limitBytes) => {
        const outcome = await readJournal(place, limitBytes);
        between?.();
        return outcome;
      };
    }),
  });
  driver.poison(PATH, pageOf(2));
  await file.repair(pageOf(2));
  driver.poison(PATH, pageOf(1));
  between = () => {
    between = undefined;
    // Other bytes than zeros would show by themselves that they were stored since.
    file.write(zeros, 2 * PAGE);
    file.persist(2 * PAGE, 100);
  };
  await file.repair(pageOf(1), { rebuild: ({ length }) => new Uint8Array(length).fill(7) });
  expect(between).toBeUndefined();
  expect(read(file, 2 * PAGE, 100)).toEqual(zeros);
  driver.crash('lose-all');
  const again = await PmemFile.open(PATH, { driver });
  expect(read(again, 2 * PAGE, 100)).toEqual(zeros);
  await failure('ERR_PMEM_LOST', () => read(again, 2 * PAGE, 101));
});
