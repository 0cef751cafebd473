/**
 * Explorations of the paged store, with a mirror and without. Invariant: every key is returned as it was last
 * acknowledged, or reported lost, and lost only where every file that held it was hit; the store opens, and goes on,
 * after any crash.
 */
import { PmemError } from '@safe-pmem/core';
import { everyWay, type Exploration, type ExplorationTarget } from '@safe-pmem/mock';
import { PagesError } from '../src/pages/index.js';
import { scan } from '../test/pages/store-machine.js';
import { isStoreError, makeStoreImage, put, StoreLife, type StoreMachineKind } from './pages-life.js';

export type Body = (life: StoreLife) => Promise<void>;

const KERNELS = ['5.10', '6.1', '6.12', '7.3'] as const;
export const MACHINES: readonly StoreMachineKind[] = [
  { filesystem: 'ext4', mirrored: true },
  { filesystem: 'xfs', mirrored: true },
  { filesystem: 'ext4', mirrored: false },
  { filesystem: 'xfs', mirrored: false, clearable: false },
  { filesystem: 'ext4', mirrored: true, clearable: false },
];

export const BODIES: Readonly<Record<string, Body>> = {
  'batches': async (life) => {
    await life.batch(put('a', 10, 30));
    await life.batch(put('f', 11, 200), { type: 'del', key: Buffer.from('b') });
  },
  'checkpoint': async (life) => {
    await life.batch(put('c', 12, 1200));
    await life.store.checkpoint();
    await life.batch(put('c', 13, 20));
  },
  'long value': async (life) => {
    await life.batch(put('f', 14, 5000));
    await life.store.checkpoint();
    await life.batch(put('f', 15, 40));
    await life.store.checkpoint();
  },
  'batch beside a checkpoint': async (life) => {
    await life.batch(put('g', 16, 1000));
    const checkpoint = life.store.checkpoint();
    await Promise.allSettled([checkpoint, life.batch(put('g', 17, 60))]);
    await checkpoint;
  },
  'start': async (life) => {
    await life.open();
    await life.batch(put('d', 18, 100));
  },
  'clear': async (life) => {
    await life.batch({ type: 'clear', from: Buffer.from('c'), to: undefined });
    await life.store.checkpoint();
  },
  'silent damage': async (life) => {
    await life.scribble('file', 1, Uint8Array.of(0xff, 0xee, 0xdd), 2000);
    await life.open();
    await life.batch(put('d', 20, 300));
  },
  'repair': async (life) => {
    life.poison('file', 1);
    await life.store.repair();
    await life.batch(put('e', 19, 30));
  },
};

const images = { alone: makeStoreImage(false), mirrored: makeStoreImage(true) };

export function storeExploration(body: Body, machine: StoreMachineKind): Exploration<StoreLife> {
  return {
    ...briefStoreExploration(body, machine),
    recover: (life) =>
      unlessAtRisk(life, async () => {
        life.forget();
        await life.open();
        if (life.store.isDamaged) await life.store.repair();
        await life.close();
      }),
    check: (life, { crashed }) => {
      if (!crashed) life.driver.crash('keep-all');
      life.forget();
      return unlessAtRisk(life, () => check(life));
    },
  };
}

/** What is explored most: one start after what has happened, and nothing after that. Takes a third of the time. */
export function briefStoreExploration(body: Body, machine: StoreMachineKind): Exploration<StoreLife> {
  return {
    prep: async (seed) => {
      const life = new StoreLife(machine, seed, await (machine.mirrored ? images.mirrored : images.alone));
      await life.open();
      return life;
    },
    body,
    check: (life, { crashed }) => {
      if (!crashed) life.driver.crash('keep-all');
      life.forget();
      return unlessAtRisk(life, async () => {
        await life.open();
        life.judge(scan);
      });
    },
    onEvent: (life, event) => {
      life.noteEvent(event);
    },
    acceptable: isStoreError,
  };
}

async function check(life: StoreLife): Promise<void> {
  await life.open();
  life.judge();
  // Another history from here on, in the places of what was not finished.
  await life.batch(put('h', 90, 700), put('b', 91, 5));
  await life.store.checkpoint();
  await life.open();
  life.judge();
  await life.close();
}

/**
 * Where the medium under a repair journal has failed, files may refuse to open; and so may the store where both files of
 * its log have lost the same page. They never read wrong for it.
 */
async function unlessAtRisk(life: StoreLife, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const isJournal = error instanceof PmemError && life.journalAtRisk;
    const isLog = error instanceof PagesError && error.code !== 'ERR_PAGES_LOST' && life.canBeLost;
    if (!isJournal && !isLog) throw error;
  }
}

export const targets: readonly ExplorationTarget[] = MACHINES.flatMap((machine) =>
  Object.entries(BODIES).flatMap(([name, body]) => waysOf(name, body, machine)),
);

/** Keys, lengths, order and machine from a seed. */
export function randomTarget(seed: number): ExplorationTarget {
  const ways = waysOf(`random ${seed}`, randomBody(seed), randomMachine(seed));
  return ways[numberOf(seed, 10) % ways.length] as ExplorationTarget;
}

export function randomMachine(seed: number): StoreMachineKind {
  return {
    kernel: KERNELS[numberOf(seed, 0) % KERNELS.length],
    filesystem: numberOf(seed, 1) % 2 === 0 ? 'ext4' : 'xfs',
    clearable: numberOf(seed, 2) % 4 > 0,
    mirrored: numberOf(seed, 3) % 2 === 0,
  };
}

export function randomBody(seed: number): Body {
  const count = 3 + (numberOf(seed, 11) % 3);
  return async (life) => {
    for (let step = 0; step < count; step++) await randomStep(life, numberOf(seed, 4 + step));
  };
}

/** The `index`th number of a seed, of 16 bits. */
function numberOf(seed: number, index: number): number {
  return (Math.imul(seed + index * 7919, 2654435761) >>> 9) & 0xffff;
}

async function randomStep(life: StoreLife, number: number): Promise<void> {
  const key = 'abcdefghijklm'[(number >>> 3) % 13] ?? '';
  const kind = number % 8;
  if (kind < 3) await life.batch(put(key, number, number % 5 === 0 ? 3000 + (number % 3000) : number % 1500));
  else if (kind === 3) await life.batch({ type: 'del', key: Buffer.from(key) }, put('z', number, number % 90));
  else if (kind === 4) await life.store.checkpoint();
  else if (kind === 5) await life.open();
  else if (kind === 6) await life.batch({ type: 'clear', from: Buffer.from(key), to: Buffer.from('k') });
  else {
    life.poison((['file', 'log', 'logMirror'] as const)[(number >>> 4) % 3] ?? 'file', (number >>> 6) % 6);
    await life.store.repair();
  }
}

/** Poison in a repair journal is a question to PmemFile, which is asked there: packages/mock/explore. */
function waysOf(name: string, body: Body, machine: StoreMachineKind): readonly ExplorationTarget[] {
  const files = (path: string): boolean => !path.includes('.repair');
  return everyWay(`pages, ${nameOf(machine)}, ${name}`, storeExploration(body, machine), { files });
}

function nameOf({ filesystem, kernel = '6.12', clearable = true, dax = true, mirrored }: StoreMachineKind): string {
  const device = `${clearable ? '' : ' unclearable'}${dax ? '' : ' without dax'}`;
  return `${filesystem ?? 'ext4'} ${kernel}${device}${mirrored ? ' with mirror' : ''}`;
}
