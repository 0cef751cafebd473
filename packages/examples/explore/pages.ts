/**
 * Explorations of the paged store, with a mirror and without. Invariant: every key is returned as it was last
 * acknowledged, or reported lost, and lost only if every file that held it was hit; the store opens, and goes on,
 * after any crash.
 */
import { PmemError } from '@safe-pmem/core';
import type { Exploration } from '@safe-pmem/mock';
import { scan } from '../test/pages/store-machine.js';
import { isStoreError, makeStoreImage, put, StoreLife } from './pages-life.js';
import { checkBy, nextProcess, oneStart } from './engine-exploration.js';
import { engineTargets, type MirroredMachine, nameOfMirrored, randomMirroredMachine } from './engine-targets.js';

export type Body = (life: StoreLife) => Promise<void>;

export const MACHINES: readonly MirroredMachine[] = [
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

export function storeExploration(body: Body, machine: MirroredMachine): Exploration<StoreLife> {
  return {
    ...briefStoreExploration(body, machine),
    recover: (life) =>
      nextProcess(life, isPmemError, async () => {
        await life.open();
        if (life.store.isDamaged) await life.store.repair();
        await life.close();
      }),
    check: checkBy(isPmemError, check),
  };
}

export function briefStoreExploration(body: Body, machine: MirroredMachine): Exploration<StoreLife> {
  return oneStart({
    begin: async (seed) => {
      const life = new StoreLife(machine, seed, await (machine.mirrored ? images.mirrored : images.alone));
      await life.open();
      return life;
    },
    body,
    start: async (life) => {
      await life.open();
      life.judge(scan);
    },
    isRefusal: isPmemError,
    acceptable: isStoreError,
  });
}

const isPmemError = (error: unknown): boolean => error instanceof PmemError;

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

export const randomMachine = randomMirroredMachine;

export const { targets, randomTarget, randomBody } = engineTargets({
  name: 'pages', machines: MACHINES, nameOf: nameOfMirrored, randomMachine, bodies: BODIES,
  exploration: storeExploration, randomStep,
});
