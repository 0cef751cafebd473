/**
 * Explorations of PmemFile and its repair journal. Invariant: after any crash the file opens; every byte that was
 * persisted is intact or reported lost, if something happened to it; a byte that was not is, by 8-byte words, old or
 * new; a repair that returned is durable. Zeros are never invented.
 */
import { type ByteRange, PmemError } from '@safe-pmem/core';
import { type Exploration, mockDriver, type MockOptions } from '../src/index.js';
import { PAGE, Scene } from './scene.js';

export type MachineOptions = Pick<MockOptions, 'kernel' | 'filesystem' | 'clearable' | 'dax'>;

export interface SceneBody {
  readonly sizeBytes: number;
  /** It may leave poison in the pages that it stores to, and goes on if it is refused. */
  readonly tolerant?: boolean;
  /** Nothing ever has to be repaired after it: check() alone judges, which is quicker. */
  readonly storesOnly?: boolean;
  readonly run: (scene: Scene) => Promise<void>;
}

const page = (number: number): ByteRange => ({ offset: number * PAGE, length: PAGE });

/** Actions of an application, in short pieces, so that each can be explored to the end. */
export const BODIES: Readonly<Record<string, SceneBody>> = {
  'stores and persists': {
    sizeBytes: 2 * PAGE,
    run: (scene) => {
      scene.write(0, 16);
      scene.persist(0, 16);
      scene.write(44, 40);
      scene.write(0, 8);
      scene.persist(0, 8);
      scene.write(PAGE - 12, 24);
      scene.persist(PAGE - 12, 24);
      return Promise.resolve();
    },
  },
  'repair with rebuild': {
    sizeBytes: 2 * PAGE,
    run: async (scene) => {
      scene.write(PAGE + 8, 16);
      scene.persist(PAGE + 8, 16);
      scene.write(8, 8);
      scene.poison(1);
      await scene.rebuild([page(1)]);
      await scene.readAll();
      scene.write(PAGE, 16);
      scene.persist(PAGE, 16);
    },
  },
  'lose, then write over it': {
    sizeBytes: 2 * PAGE,
    run: async (scene) => {
      scene.poison(1);
      await scene.lose([page(1)]);
      scene.write(PAGE + 64, 24);
      scene.persist(PAGE + 64, 24);
      await scene.reopen();
      scene.write(PAGE + 128, 8);
      await scene.close();
    },
  },
  'repair with fill': {
    sizeBytes: 2 * PAGE,
    run: async (scene) => {
      scene.poison(0);
      await scene.fill([page(0)], 0x55);
      await scene.readAll();
      scene.write(0, 16);
      scene.persist(0, 16);
    },
  },
  'two units at once': {
    sizeBytes: 3 * PAGE,
    run: async (scene) => {
      scene.write(2 * PAGE, 8);
      scene.poison(1);
      scene.poison(2);
      await scene.rebuild([{ offset: PAGE + 100, length: PAGE }]);
      await scene.readAll();
    },
  },
  'end-of-file page': {
    sizeBytes: PAGE + 1000,
    run: async (scene) => {
      scene.write(PAGE + 992, 8);
      scene.persist(PAGE + 992, 8);
      scene.poison(1);
      await scene.rebuild([{ offset: PAGE, length: 1000 }]);
      await scene.readAll();
      if (!(await scene.resize(2 * PAGE))) return;
      scene.write(PAGE + 1000, 16);
      scene.persist(PAGE + 1000, 16);
    },
  },
  'resize': {
    sizeBytes: PAGE + 96,
    run: async (scene) => {
      if (!(await scene.resize(3 * PAGE))) return;
      scene.write(2 * PAGE + 8, 16);
      scene.persist(2 * PAGE + 8, 16);
      await scene.resize(PAGE);
      scene.write(8, 8);
      if (!(await scene.resize(2 * PAGE))) return;
      scene.write(PAGE, 8);
      scene.persist(PAGE, 8);
      await scene.readAll();
    },
  },
  'resize over lost pages': {
    sizeBytes: 3 * PAGE,
    run: async (scene) => {
      scene.poison(1);
      scene.poison(2);
      await scene.lose([page(1), page(2)]);
      await scene.resize(PAGE + 512);
      if (!(await scene.resize(2 * PAGE))) return;
      scene.write(PAGE + 504, 16);
      scene.persist(PAGE + 504, 16);
    },
  },
  'latent, found by scrub': {
    sizeBytes: 2 * PAGE,
    run: async (scene) => {
      scene.write(PAGE, 8);
      scene.persist(PAGE, 8);
      scene.poison(1, true);
      const { mediaErrors } = await scene.file.scrub();
      await scene.rebuild(mediaErrors);
      await scene.readAll();
    },
  },
  'goes on after a repair that failed': {
    sizeBytes: 2 * PAGE,
    tolerant: true,
    run: async (scene) => {
      scene.poison(1);
      await scene.rebuild([page(1)]);
      scene.write(PAGE + 8, 16);
      scene.persist(PAGE + 8, 16);
    },
  },
  'read, then repair what was met': {
    sizeBytes: 2 * PAGE,
    run: async (scene) => {
      scene.write(PAGE - 8, 16);
      scene.persist(PAGE - 8, 16);
      await scene.rebuild(await scene.readAll());
      scene.write(PAGE + 16, 8);
      scene.persist(PAGE, PAGE);
      await scene.close();
    },
  },
};

export function pmemFileExploration(body: SceneBody, machine: MachineOptions): Exploration<Scene> {
  return {
    prep: async (seed) => {
      const driver = mockDriver({ ...machine, seed, capacityBytes: 16 * PAGE });
      const scene = new Scene(driver, body.sizeBytes, body.tolerant === true || !isCurable(machine));
      await scene.open();
      return scene;
    },
    body: (scene) => body.run(scene),
    recover: body.storesOnly === true ? undefined : (scene) => unlessAtRisk(scene, () => repairAfterCrash(scene)),
    check: (scene, outcome) => {
      // Whatever the process was doing, it ends here, and what it had stored is in the kernel's hands.
      if (!outcome.crashed) scene.driver.crash('keep-all');
      return unlessAtRisk(scene, () => judge(scene, isCurable(machine)));
    },
    onEvent: (scene, event) => {
      scene.noteEvent(event);
    },
  };
}

/** Poison can be ended without handing its block to another file. */
function isCurable({ filesystem, kernel, clearable = true }: MachineOptions): boolean {
  return clearable && !(filesystem === 'xfs' && kernel === '5.10');
}

async function repairAfterCrash(scene: Scene): Promise<void> {
  await scene.open();
  const gaps = await scene.readRecovered();
  if (gaps.length > 0) await scene.rebuild(gaps);
  await scene.close();
}

async function judge(scene: Scene, curable: boolean): Promise<void> {
  await scene.open();
  const gaps = await scene.readRecovered();
  if (gaps.length > 0) {
    await scene.rebuild(gaps);
    await scene.reopen();
    const left = await scene.readRecovered();
    if (left.length > 0 && curable) throw new Error('bytes are still lost after a repair with rebuild');
  }
  await scene.close();
}

/** If the medium under a journal may have failed, repairs and open() may, too; they never read wrong for it. */
async function unlessAtRisk(scene: Scene, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof PmemError) || !scene.journalAtRisk) throw error;
  }
}
