/** Files become shorter in a checkpoint, and power fails, a call fails or a page is bad at any moment of that. */
import { afterAll, expect, test, vi } from 'vitest';
import { everyCrash, everyFault, everyPoison } from '@safe-pmem/mock';
import { sizeOf } from '../share.js';
import type * as formats from '../../src/pages/format.js';

const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);
const STATES_OF_EACH_WAY = sizeOf({ whole: 40, share: 8 });

// A store of a few pages gives back as one of very many does.
vi.doMock('../../src/pages/format.js', async (original) => {
  return { ...(await original<typeof formats>()), LEAST_GROWTH_SLOTS: 1 };
});
afterAll(() => {
  vi.doUnmock('../../src/pages/format.js');
});

test('every key is returned or reported lost, and the files were shorter in between', async () => {
  const { storeExploration, MACHINES } = await import('../../explore/pages.js');
  const { put } = await import('../../explore/pages-life.js');
  const { PAGE, PATHS } = await import('./store-machine.js');
  let shortened = 0;
  for (const machine of [MACHINES[0], MACHINES[2]].filter((one) => one !== undefined)) {
    const exploration = storeExploration(async (life) => {
      await life.batch(put('a', 21, 9000), put('c', 22, 1500));
      await life.store.checkpoint();
      await life.batch(put('x', 23, 1500));
      await life.store.checkpoint();
      const before = life.driver.readFile(PATHS.file).length;
      await life.batch({ type: 'clear', from: Buffer.from('a'), to: Buffer.from('n') });
      await life.store.checkpoint();
      if (life.driver.readFile(PATHS.file).length <= before - 3 * PAGE) shortened++;
      await life.batch(put('y', 24, 5000));
      await life.store.checkpoint();
    }, machine);
    const files = (path: string): boolean => !path.includes('.repair');
    const options = { seed: SEED, limit: STATES_OF_EACH_WAY };
    const reports = [await everyCrash(exploration, options), await everyFault(exploration, options)];
    reports.push(await everyPoison(exploration, { ...options, files }));
    console.log(`${reports.reduce((sum, { states }) => sum + states, 0)} states explored with seed ${SEED}`);
  }
  expect(shortened).toBeGreaterThan(0.75 * STATES_OF_EACH_WAY);
}, 300_000);
