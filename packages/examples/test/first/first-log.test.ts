/** The smallest log: what it returns, and that no crash, fault or bad page makes it return anything else. */
import { expect, test } from 'vitest';
import { PmemFile, isMediaError, isPmemError } from '@safe-pmem/core';
import type { MockDriver } from '@safe-pmem/mock';
import { everyCrash, everyFault, everyPoison, mockDriver } from '@safe-pmem/mock';
import { FirstLog } from '../../src/first/first-log.js';

const PATH = '/pmem/first.log';
const LENGTHS = [700, 1200, 90, 1500, 640];

class Scene {
  readonly driver: MockDriver;
  /** What was appended last under each number. */
  readonly records: Buffer[] = [];
  acknowledged = 0;
  log!: FirstLog;

  constructor(seed: number) {
    this.driver = mockDriver({ seed });
    this.driver.writeFile(PATH, new Uint8Array(12 * 4096));
  }

  async open(): Promise<void> {
    this.log = FirstLog.open(await PmemFile.open(PATH, { driver: this.driver }));
  }

  async add(lengths: readonly number[], fill: number): Promise<void> {
    for (const length of lengths) {
      const record = Buffer.alloc(length, fill);
      await this.#repairing(() => { this.records[this.log.append(record)] = record; });
    }
    await this.#repairing(() => { this.log.commit(); });
    this.acknowledged = this.records.length;
  }

  async #repairing(action: () => void): Promise<void> {
    try {
      action();
    } catch (error) {
      if (!isMediaError(error)) throw error;
      await this.log.repair();
      action();
    }
  }

  /** The numbers of the lost records. Every acknowledged one is returned with its bytes, or is among these. */
  lost(): number[] {
    const lost: number[] = [];
    let next = 0;
    for (const item of this.log.records()) {
      const [first, last] = 'lost' in item ? item.lost : [item.sequence, item.sequence];
      expect(first).toBe(next);
      if ('lost' in item) lost.push(...Array.from({ length: last - first + 1 }, (_, i) => first + i));
      else expect(item.payload).toEqual(this.records[item.sequence]);
      next = last + 1;
    }
    expect(next).toBeGreaterThanOrEqual(this.acknowledged);
    return lost;
  }
}

async function filledScene(seed: number): Promise<Scene> {
  const scene = new Scene(seed);
  await scene.open();
  await scene.add([...LENGTHS, ...LENGTHS], 1);
  return scene;
}

test('records come back, and a bad page takes only its own', async () => {
  const scene = await filledScene(1);
  await scene.open();
  expect(scene.lost()).toEqual([]);
  scene.driver.poison(PATH, { offset: 3 * 4096 + 100, length: 64 });
  await scene.open();
  expect(scene.lost()).toEqual([4, 5, 6, 7]);
  await scene.log.repair();
  await scene.add([10, 20], 2);
  await scene.open();
  expect(scene.lost()).toEqual([4, 5, 6, 7]);
});

test('a file of something else stays as it is', async () => {
  const scene = new Scene(1);
  scene.driver.writeFile(PATH, Buffer.alloc(12 * 4096, 'some text', 'latin1').fill(0, 4096));
  await expect(scene.open()).rejects.toThrow('holds something else');
});

test.each([['power loss', everyCrash], ['a fault', everyFault], ['a bad page', everyPoison]] as const)(
  '%s at any moment: every acknowledged record is returned or reported lost, also after the next ones',
  async (_name, explore) => {
    const { states } = await explore<Scene>(
      {
        prep: filledScene,
        body: (scene) => scene.add(LENGTHS, 2),
        check: async (scene) => {
          await scene.open();
          scene.lost();
          await scene.add([1300, 60, 800, 2500, 900], 3);
          await scene.open();
          scene.lost();
        },
        acceptable: isPmemError,
      },
      { seed: 1, limit: 60 },
    );
    expect(states).toBeGreaterThan(20);
  },
);

test('is refused if one bad block takes both copies of the commit point', async () => {
  const file = await PmemFile.open(PATH, { driver: mockDriver({ pageBytes: 16_384 }), create: true, size: 65_536 });
  expect(() => FirstLog.open(file)).toThrow('takes both points');
  await file.close();
});
