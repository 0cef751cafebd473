/**
 * Explorations of the replicated log. Invariant: every record that the stream has acknowledged is returned intact, from
 * wherever it still is; every other acknowledged record is returned intact or reported lost by its number.
 */
import { PmemError } from '@safe-pmem/core';
import type { Exploration } from '@safe-pmem/mock';
import { WalError } from '../src/wal/index.js';
import { checkBy, nextProcess, oneStart } from './engine-exploration.js';
import { engineTargets, numberOf } from './engine-targets.js';
import { isAcceptable, makeImage, ReplicatedLife, type ReplicatedMachine } from './replicated-life.js';
import type { Answer } from './simulated-stream.js';

export type Body = (life: ReplicatedLife) => Promise<void>;

export const MACHINES: readonly ReplicatedMachine[] = [
  { name: 'both', ack: 'both', answers: ['done'] },
  { name: 'both, answers lost', ack: 'both', answers: ['done', 'unanswered', 'unanswered', 'done'], filesystem: 'xfs' },
  { name: 'stream, server killed', ack: 'stream', answers: ['done', 'killed', 'done', 'killed', 'done'], clearable: false },
  { name: 'stream, by msync', ack: 'stream', answers: ['done'], dax: false },
  {
    name: 'local, server away',
    ack: 'local',
    answers: ['done', 'done', 'done', 'done', 'unheard', 'unheard', 'unheard', 'done'],
  },
];

export const BODIES: Readonly<Record<string, Body>> = {
  'writers': async (life) => {
    await life.append(8, 1000, 40);
    await life.append(60);
  },
  'repair': async (life) => {
    await life.append(30);
    life.poison(1);
    await life.repair();
    await life.append(16);
  },
  'start': async (life) => {
    await life.append(300);
    life.answer(['done']);
    await life.open();
    await life.append(20);
  },
};

const image = makeImage();

export function replicatedExploration(body: Body, machine: ReplicatedMachine): Exploration<ReplicatedLife> {
  return {
    ...briefReplicatedExploration(body, machine),
    recover: (life) =>
      nextProcess(life, isPmemError, async () => {
        await restart(life);
        await life.log.repair();
        await life.close();
      }),
    check: checkBy(isPmemError, check),
  };
}

export function briefReplicatedExploration(body: Body, machine: ReplicatedMachine): Exploration<ReplicatedLife> {
  return oneStart({
    begin: async (seed) => {
      const life = new ReplicatedLife(machine, seed, await image);
      await life.open();
      life.answer(machine.answers);
      return life;
    },
    body,
    start: async (life) => {
      await restart(life);
      await life.judge();
      await life.close();
    },
    isRefusal: isPmemError,
    acceptable: isAcceptable,
  });
}

const isPmemError = (error: unknown): boolean => error instanceof PmemError;

async function restart(life: ReplicatedLife): Promise<void> {
  life.answer(['done']);
  await life.open();
}

async function check(life: ReplicatedLife): Promise<void> {
  await restart(life);
  await life.judge();
  await life.log.repair();
  await life.judge();
  try {
    await life.append(500);
  } catch (error) {
    if (!(error instanceof WalError && error.code === 'ERR_WAL_FULL')) throw error;
  }
  await life.open();
  await life.judge();
  await life.close();
}

async function randomStep(life: ReplicatedLife, number: number): Promise<void> {
  try {
    if (number % 8 < 3) {
      await life.append(number % 900, (number >>> 4) % 100);
    } else if (number % 8 === 3) {
      await life.append(number % 6000);
    } else if (number % 8 === 4) {
      life.poison(1 + ((number >>> 4) % 3));
      await life.repair();
    } else if (number % 8 === 5) {
      life.truncate(number >>> 4);
    } else {
      life.answer(['done']);
      await life.open();
    }
  } catch (error) {
    if (!(error instanceof WalError && error.code === 'ERR_WAL_FULL')) throw error;
  }
}

const ACKS = ['local', 'stream', 'both'] as const;
const ANSWERS: readonly Answer[] = ['done', 'unheard', 'done', 'unanswered', 'done', 'killed'];

export function randomMachine(seed: number): ReplicatedMachine {
  return {
    name: `random ${seed}`,
    ack: ACKS[numberOf(seed, 0) % ACKS.length] ?? 'both',
    answers: [...Array.from({ length: 6 }, (_, i) => ANSWERS[numberOf(seed, 20 + i) % ANSWERS.length] ?? 'done'), 'done'],
    filesystem: numberOf(seed, 1) % 2 === 0 ? 'ext4' : 'xfs',
    clearable: numberOf(seed, 2) % 4 > 0,
    dax: numberOf(seed, 3) % 4 > 0,
  };
}

export const { targets, randomTarget, randomBody } = engineTargets({
  name: 'replicated', machines: MACHINES, nameOf: ({ name }) => name, randomMachine, bodies: BODIES,
  exploration: replicatedExploration, randomStep,
});
