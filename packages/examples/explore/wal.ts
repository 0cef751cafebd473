/**
 * Explorations of the write-ahead log, alone and with a mirror. Invariant: every committed record is returned intact or
 * reported lost, and lost only if every file that held it was hit; the log opens, and goes on, after any crash.
 */
import { PmemError } from '@safe-pmem/core';
import type { Exploration } from '@safe-pmem/mock';
import { WalError } from '../src/wal/index.js';
import { checkBy, nextProcess, oneStart } from './engine-exploration.js';
import { engineTargets, type MirroredMachine, nameOfMirrored, randomMirroredMachine } from './engine-targets.js';
import { FILLS_PAGE, isAcceptable, makeImage, settled, WalLife } from './wal-life.js';

export type Body = (life: WalLife) => Promise<void>;

export const MACHINES: readonly MirroredMachine[] = [
  { filesystem: 'ext4', mirrored: false },
  { filesystem: 'ext4', mirrored: true },
  { filesystem: 'xfs', mirrored: true },
  { filesystem: 'xfs', mirrored: false, clearable: false },
  { filesystem: 'ext4', mirrored: true, clearable: false },
  { filesystem: 'ext4', mirrored: true, dax: false },
  { filesystem: 'xfs', mirrored: false, dax: false },
];

export const BODIES: Readonly<Record<string, Body>> = {
  'commits': async (life) => {
    life.append(8);
    await life.commit();
    life.append(1000, 40);
    await life.commit();
  },
  'commits in one page': async (life) => {
    // The third leaves no number that is reserved, and goes the long way in the same page.
    for (const lengths of [[8], [8, 24], new Array<number>(15).fill(0), [100]]) {
      life.append(...lengths);
      await life.commit();
    }
  },
  'a page begun': async (life) => {
    // Fills the page; the records after it begin the next one.
    life.append(FILLS_PAGE);
    await life.commit();
    life.append(8, 8);
    await life.commit();
  },
  'many writers': async (life) => {
    await life.appendDurable(8, 40, 3000);
    await life.appendDurable(100);
  },
  'writers beside a repair': async (life) => {
    life.poison('log', 1);
    await settled([life.wal.repair(), life.appendDurable(16, 300)]);
  },
  'start': async (life) => {
    await life.open();
    life.append(100);
    await life.commit();
  },
  'truncate and wrap': async (life) => {
    life.append(5000);
    await life.commit();
    life.wal.truncate(2);
    life.append(3500);
    await life.commit();
  },
  'truncation beside writers': async (life) => {
    await settled([life.wal.truncateAsync(1), life.appendDurable(16, 3500)]);
  },
  'repair': async (life) => {
    life.append(60);
    await life.commit();
    life.poison('log', 1);
    await life.wal.repair();
    life.append(16);
    await life.commit();
  },
};

const images = { alone: makeImage(false), mirrored: makeImage(true) };

export function walExploration(body: Body, machine: MirroredMachine): Exploration<WalLife> {
  return {
    ...briefWalExploration(body, machine),
    recover: (life) =>
      nextProcess(life, isPmemError, async () => {
        try {
          await life.open();
          await goOn(life);
          await life.wal.repair();
        } catch (error) {
          // Its claim on the files must not hide what is wrong from the next start.
          await life.close().catch(() => undefined);
          throw error;
        }
        await life.close();
      }),
    check: checkBy(isPmemError, check),
  };
}

export function briefWalExploration(body: Body, machine: MirroredMachine): Exploration<WalLife> {
  return oneStart({
    begin: async (seed) => {
      const life = new WalLife(machine, seed, await (machine.mirrored ? images.mirrored : images.alone));
      await life.open();
      return life;
    },
    body,
    start: async (life) => {
      await life.open();
      await life.judge();
    },
    isRefusal: isPmemError,
    acceptable: isAcceptable,
  });
}

const isPmemError = (error: unknown): boolean => error instanceof PmemError;

async function check(life: WalLife): Promise<void> {
  await life.open();
  await life.judge();
  await life.wal.repair();
  await life.judge();
  await goOn(life);
  await life.open();
  await life.judge();
  if (life.loseFirstFile()) {
    await life.open();
    await life.judge();
  }
  await life.close();
}

/**
 * Begins another history: the numbers of records that were not committed are used again, for other bytes in records of
 * the same length, which lie in the places of those that a crash has cut off.
 */
async function goOn(life: WalLife): Promise<void> {
  try {
    life.append(8, 8);
    await life.commit();
    life.append(500);
    await life.commit();
  } catch (error) {
    if (!(error instanceof WalError && error.code === 'ERR_WAL_FULL')) throw error;
  }
}

async function randomStep(life: WalLife, number: number): Promise<void> {
  const { firstSequence = 1, lastSequence = 0 } = life.wal;
  try {
    if (number % 8 === 0) {
      await life.appendDurable(number % 900, (number >>> 4) % 100);
    } else if (number % 8 < 5) {
      life.append(number % 3 === 0 ? number % 6000 : number % 200, (number >>> 4) % 100);
      await life.commit();
    } else if (number % 8 === 5) {
      life.wal.truncate(firstSequence - 1 + ((number >>> 4) % (lastSequence - firstSequence + 2)));
    } else if (number % 8 === 6) {
      life.poison('log', 1 + ((number >>> 4) % 3));
      await life.wal.repair();
    } else {
      await life.open();
    }
  } catch (error) {
    if (!(error instanceof WalError && error.code === 'ERR_WAL_FULL')) throw error;
  }
}

export const randomMachine = randomMirroredMachine;

export const { targets, randomTarget, randomBody } = engineTargets({
  name: 'wal', machines: MACHINES, nameOf: nameOfMirrored, randomMachine, bodies: BODIES,
  exploration: walExploration, randomStep,
});
