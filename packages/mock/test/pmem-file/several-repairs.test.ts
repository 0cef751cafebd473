/** What happens to a unit while its repair waits for `rebuild`, which may take seconds. */
import { expect, it } from 'vitest';
import { mockDriver } from '../../src/index.js';
import { content, failure, filled, PAGE, part, PATH, read } from './opened.js';

const whole = content(4 * PAGE);
const bad = { offset: 2 * PAGE, length: PAGE };

it('another process writes the page while rebuild runs: its bytes stay', async () => {
  const driver = mockDriver();
  const file = await filled(driver, 4 * PAGE);
  driver.poison(PATH, bad);
  const { units } = await file.repair(bad, {
    rebuild: (range) => {
      driver.overwrite(PATH, new Uint8Array(PAGE).fill(8), bad.offset);
      return part(whole, range);
    },
  });
  expect(units).toMatchObject([{ outcome: 'healthy', lost: [] }]);
  expect(read(file, bad.offset, PAGE)).toEqual(new Uint8Array(PAGE).fill(8));
});

it('another process cuts the file while rebuild runs: it is not made longer again', async () => {
  const driver = mockDriver();
  const file = await filled(driver, 4 * PAGE);
  driver.poison(PATH, bad);
  const rebuild = (range: { offset: number; length: number }): Uint8Array => {
    driver.punch(PATH, bad);
    driver.truncate(PATH, PAGE);
    return part(whole, range);
  };
  await failure('ERR_PMEM_TRUNCATED', () => file.repair(bad, { rebuild }));
  expect(driver.readFile(PATH)).toHaveLength(PAGE);
  expect(driver.listFiles()).toEqual([PATH]);
});
