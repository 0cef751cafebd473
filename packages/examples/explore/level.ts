/**
 * Explorations of the Level database. Invariant: every key is returned as it was last acknowledged, or its error has a
 * media error for a cause, and only if every file that held it was hit; the database opens, and goes on, after any
 * crash.
 */
import { PmemError } from '@safe-pmem/core';
import type { Exploration } from '@safe-pmem/mock';
import { PagesError } from '../src/pages/index.js';
import { WalError } from '../src/wal/index.js';
import { LevelLife, makeLevelImage } from './level-life.js';
import { checkBy, nextProcess, oneStart } from './engine-exploration.js';
import { engineTargets, type MirroredMachine, nameOfMirrored, randomMirroredMachine } from './engine-targets.js';

export type Body = (life: LevelLife) => Promise<void>;

export const MACHINES: readonly MirroredMachine[] = [
  { filesystem: 'ext4', mirrored: true },
  { filesystem: 'xfs', mirrored: false },
];

export const BODIES: Readonly<Record<string, Body>> = {
  'put and del': async (life) => {
    await life.write(['a', 'first']);
    await life.write(['f', 'second'], ['b', null]);
  },
  'checkpoint': async (life) => {
    await life.write(['c', 'x'.repeat(4200)]);
    await life.db.checkpoint();
    await life.write(['c', null]);
  },
  'clear': async (life) => {
    await life.clear('c');
    await life.write(['d', 'after']);
  },
  'iterator beside a write': async (life) => {
    const iterator = life.db.iterator();
    await iterator.next();
    await life.write(['e', 'beside']);
    await iterator.close();
  },
  'silent damage': async (life) => {
    await life.scribble('pages', 1, Uint8Array.of(0xff, 0xee, 0xdd), 2000);
    await life.open();
    await life.write(['d', 'beside']);
  },
  'start and heal': async (life) => {
    life.poison('pages', 1);
    await life.open();
    await life.write(['g', 'healed']);
  },
};

const images = { alone: makeLevelImage(false), mirrored: makeLevelImage(true) };

export function levelExploration(body: Body, machine: MirroredMachine): Exploration<LevelLife> {
  return {
    ...briefLevelExploration(body, machine),
    recover: (life) =>
      nextProcess(life, isLevelError, async () => {
        await life.open();
        await life.close();
      }),
    check: checkBy(isLevelError, async (life) => {
      await life.open();
      await life.judge();
      await life.write(['h', 'another history'], ['b', 'again']);
      await life.open();
      await life.judge();
      await life.close();
    }),
  };
}

export function briefLevelExploration(body: Body, machine: MirroredMachine): Exploration<LevelLife> {
  return oneStart({
    begin: async (seed) => {
      const life = new LevelLife(machine, seed, await (machine.mirrored ? images.mirrored : images.alone));
      await life.open();
      return life;
    },
    body: async (life) => {
      await body(life);
      // Its repair in the background ends here.
      await life.close();
    },
    start: async (life) => {
      await life.open();
      await life.judge();
    },
    isRefusal: isLevelError,
    acceptable: isLevelError,
  });
}

/** Errors of abstract-level carry a code of its own. */
function isLevelError(error: unknown): boolean {
  if (error instanceof PmemError || error instanceof WalError || error instanceof PagesError) return true;
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('LEVEL_');
}

async function randomStep(life: LevelLife, number: number): Promise<void> {
  const key = 'abcdefghijklm'[(number >>> 3) % 13] ?? '';
  const kind = number % 8;
  if (kind < 4) await life.write([key, key.repeat(number % 5 === 0 ? 3000 + (number % 3000) : number % 1500)], ['z', number % 2 === 0 ? null : key]);
  else if (kind === 4) await life.db.checkpoint();
  else if (kind === 5) await life.open();
  else if (kind === 6) await life.clear(key);
  else {
    life.poison((['pages', 'log', 'log-mirror'] as const)[(number >>> 4) % 3] ?? 'pages', (number >>> 6) % 7);
    await life.db.repair();
  }
}

export const randomMachine = randomMirroredMachine;

export const { targets, randomTarget, randomBody } = engineTargets({
  name: 'level', machines: MACHINES, nameOf: nameOfMirrored, randomMachine, bodies: BODIES,
  exploration: levelExploration, randomStep,
});
