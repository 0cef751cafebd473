/** No crash, fault or bad page makes the smallest log return anything but its records and the numbers of lost ones. */
import { isMediaError, isPmemError, PmemFile } from '@safe-pmem/core';
import { everyCrash, everyFault, everyPoison, mockDriver } from '@safe-pmem/mock';
import { expect, test } from 'vitest';
import { FirstLog } from '../../src/first/first-log.js';

/** A log of ten records on a machine of its own. What was appended last under each number is in `records`. */
async function prep(seed: number) {
  const driver = mockDriver({ seed });
  driver.writeFile('/pmem/log', new Uint8Array(12 * 4096));
  const open = async (): Promise<FirstLog> => FirstLog.open(await PmemFile.open('/pmem/log', { driver }));
  const scene = { driver, open, log: await open(), records: [] as Buffer[], acknowledged: 0 };
  await add(scene, [700, 1200, 90, 1500, 640, 700, 1200, 90, 1500, 640], 1);
  return scene;
}
type Scene = Awaited<ReturnType<typeof prep>>;

async function add(scene: Scene, lengths: readonly number[], fill: number): Promise<void> {
  const append = (record: Buffer) => (): void => { scene.records[scene.log.append(record)] = record; };
  const commit = (): void => { scene.log.commit(); };
  for (const action of [...lengths.map((length) => append(Buffer.alloc(length, fill))), commit]) {
    await Promise.resolve().then(action).catch(async (error: unknown) => {
      if (!isMediaError(error)) throw error;
      await scene.log.repair().then(action);
    });
  }
  scene.acknowledged = scene.records.length;
}

/** Opens the log again and returns the numbers of its losses: what was acknowledged is among them, or comes back. */
async function losses(scene: Scene): Promise<number[]> {
  scene.log = await scene.open();
  const numbers: number[] = [];
  let next = 0;
  for (const item of scene.log.records()) {
    expect('lost' in item ? item.lost[0] : item.sequence).toBe(next);
    if ('lost' in item) while (next <= item.lost[1]) numbers.push(next++);
    else expect(item.payload).toEqual(scene.records[next++]);
  }
  expect(next).toBeGreaterThanOrEqual(scene.acknowledged);
  return numbers;
}

test.each([[3, [4, 5, 6, 7]], [4, [8, 9]]])('bad page %i takes only its own records', async (page, lost) => {
  const scene = await prep(1);
  expect(await losses(scene)).toEqual([]);
  scene.driver.poison('/pmem/log', { offset: page * 4096 + 100, length: 64 });
  expect(await losses(scene)).toEqual(lost);
  await scene.log.repair();
  expect(await losses(scene)).toEqual(lost);
  await add(scene, [10, 20], 2);
  expect(await losses(scene)).toEqual(lost);
});

test.each([everyCrash, everyFault, everyPoison])('%o: nothing acknowledged is missing', async (every) => {
  const check = async (scene: Scene): Promise<void> => {
    await losses(scene);
    await add(scene, [1300, 60, 800, 2500, 900], 3);
    await losses(scene);
  };
  const body = (scene: Scene): Promise<void> => add(scene, [700, 1200, 90, 1500, 640], 2);
  const { states } = await every<Scene>({ prep, body, check, acceptable: isPmemError }, { seed: 1, limit: 60 });
  expect(states).toBeGreaterThan(20);
});
