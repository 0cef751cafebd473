/**
 * Explorations of PmemFile and its repair journal. Invariant: after any crash the file opens; every byte that was
 * persisted is intact or reported lost, if something happened to it; a byte that was not is, by 8-byte words, old or
 * new; a repair that returned is durable. Zeros are never invented.
 */
import { type ByteRange, PmemError } from '@safe-pmem/core';
import { type Exploration, mockDriver, type MockOptions } from '../src/index.js';
import { PAGE, Scene } from './scene.js';

export type MachineOptions = Pick<
  MockOptions, 'kernel' | 'filesystem' | 'clearable' | 'dax' | 'pageBytes' | 'extendedAttributes'
>;

export interface SceneBody {
  readonly sizeBytes: number;
  /** It may leave poison in the pages that it stores to, and goes on if it is refused. */
  readonly tolerant?: boolean;
  /** Nothing ever has to be repaired after it: check() alone judges, which is quicker. */
  readonly storesOnly?: boolean;
  readonly run: (scene: Scene) => Promise<void>;
}

/** Actions of an application, in short pieces, so that each can be explored to the end. */
export function bodiesFor(pageBytes: number): Readonly<Record<string, SceneBody>> {
  const page = (number: number): ByteRange => ({ offset: number * pageBytes, length: pageBytes });
  return {
    'stores and persists': {
      sizeBytes: 2 * pageBytes,
      run: (scene) => {
        scene.write(0, 16);
        scene.persist(0, 16);
        scene.write(44, 40);
        scene.write(0, 8);
        scene.persist(0, 8);
        scene.write(pageBytes - 12, 24);
        scene.persist(pageBytes - 12, 24);
        return Promise.resolve();
      },
    },
    'repair with rebuild': {
      sizeBytes: 2 * pageBytes,
      run: async (scene) => {
        scene.write(pageBytes + 8, 16);
        scene.persist(pageBytes + 8, 16);
        scene.write(8, 8);
        scene.poison(1);
        await scene.rebuild([page(1)]);
        await scene.readAll();
        scene.write(pageBytes, 16);
        scene.persist(pageBytes, 16);
      },
    },
    'lose, then write over it': {
      sizeBytes: 2 * pageBytes,
      run: async (scene) => {
        scene.poison(1);
        await scene.lose([page(1)]);
        scene.write(pageBytes + 64, 24);
        scene.persist(pageBytes + 64, 24);
        await scene.reopen();
        scene.write(pageBytes + 128, 8);
        await scene.close();
      },
    },
    'repair with fill': {
      sizeBytes: 2 * pageBytes,
      run: async (scene) => {
        scene.poison(0);
        await scene.fill([page(0)], 0x55);
        await scene.readAll();
        scene.write(0, 16);
        scene.persist(0, 16);
      },
    },
    'two units at once': {
      sizeBytes: 3 * pageBytes,
      run: async (scene) => {
        scene.write(2 * pageBytes, 8);
        scene.poison(1);
        scene.poison(2);
        await scene.rebuild([{ offset: pageBytes + 100, length: pageBytes }]);
        await scene.readAll();
      },
    },
    'end-of-file page': {
      sizeBytes: pageBytes + 1000,
      run: async (scene) => {
        scene.write(pageBytes + 992, 8);
        scene.persist(pageBytes + 992, 8);
        scene.poison(1);
        await scene.rebuild([{ offset: pageBytes, length: 1000 }]);
        await scene.readAll();
        if (!(await scene.resize(2 * pageBytes))) return;
        scene.write(pageBytes + 1000, 16);
        scene.persist(pageBytes + 1000, 16);
      },
    },
    'resize': {
      sizeBytes: pageBytes + 96,
      run: async (scene) => {
        if (!(await scene.resize(3 * pageBytes))) return;
        scene.write(2 * pageBytes + 8, 16);
        scene.persist(2 * pageBytes + 8, 16);
        await scene.resize(pageBytes);
        scene.write(8, 8);
        if (!(await scene.resize(2 * pageBytes))) return;
        scene.write(pageBytes, 8);
        scene.persist(pageBytes, 8);
        await scene.readAll();
      },
    },
    'resize over lost pages': {
      sizeBytes: 3 * pageBytes,
      run: async (scene) => {
        scene.poison(1);
        scene.poison(2);
        await scene.lose([page(1), page(2)]);
        await scene.resize(pageBytes + 512);
        if (!(await scene.resize(2 * pageBytes))) return;
        scene.write(pageBytes + 504, 16);
        scene.persist(pageBytes + 504, 16);
      },
    },
    'latent, found by scrub': {
      sizeBytes: 2 * pageBytes,
      run: async (scene) => {
        scene.write(pageBytes, 8);
        scene.persist(pageBytes, 8);
        scene.poison(1, true);
        const { mediaErrors } = await scene.file.scrub();
        await scene.rebuild(mediaErrors);
        await scene.readAll();
      },
    },
    'goes on after a repair that failed': {
      sizeBytes: 2 * pageBytes,
      tolerant: true,
      run: async (scene) => {
        scene.poison(1);
        await scene.rebuild([page(1)]);
        scene.write(pageBytes + 8, 16);
        scene.persist(pageBytes + 8, 16);
      },
    },
    'read, then repair what was met': {
      sizeBytes: 2 * pageBytes,
      run: async (scene) => {
        scene.write(pageBytes - 8, 16);
        scene.persist(pageBytes - 8, 16);
        await scene.rebuild(await scene.readAll());
        scene.write(pageBytes + 16, 8);
        scene.persist(pageBytes, pageBytes);
        await scene.close();
      },
    },
  };
}

export function pmemFileExploration(body: SceneBody, machine: MachineOptions): Exploration<Scene> {
  const { pageBytes = PAGE } = machine;
  return {
    prep: async (seed) => {
      const driver = mockDriver({ ...machine, seed, capacityBytes: 16 * pageBytes });
      const scene = new Scene(driver, body.sizeBytes, body.tolerant === true || !isCurable(machine), pageBytes);
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
