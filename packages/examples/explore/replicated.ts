/**
 * Explorations of the replicated log. Invariant: every record that the stream has acknowledged is returned intact, from
 * wherever it still is; every other acknowledged record is returned intact or reported lost by its number.
 */
import { PmemError } from '@safe-pmem/core';
import { everyWay, type Exploration, type ExplorationTarget } from '@safe-pmem/mock';
import { WalError } from '../src/wal/index.js';
import { isAcceptable, makeImage, ReplicatedLife, type ReplicatedMachine } from './replicated-life.js';

type Body = (life: ReplicatedLife) => Promise<void>;

const MACHINES: Readonly<Record<string, ReplicatedMachine>> = {
  'both': { ack: 'both', answers: ['done'] },
  'both, answers lost': { ack: 'both', answers: ['done', 'unanswered', 'unanswered', 'done'], filesystem: 'xfs' },
  'stream, server killed': { ack: 'stream', answers: ['done', 'killed', 'done', 'killed', 'done'], clearable: false },
  'stream, by msync': { ack: 'stream', answers: ['done'], dax: false },
  'local, server away': { ack: 'local', answers: ['done', 'done', 'done', 'done', 'unheard', 'unheard', 'unheard', 'done'] },
};

const BODIES: Readonly<Record<string, Body>> = {
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
    prep: async (seed) => {
      const life = new ReplicatedLife(machine, seed, await image);
      await life.open();
      life.answer(machine.answers);
      return life;
    },
    body,
    recover: (life) =>
      unlessAtRisk(life, async () => {
        await life.forget();
        life.answer(['done']);
        await life.open();
        await life.log.repair();
        await life.close();
      }),
    check: async (life, { crashed }) => {
      if (!crashed) life.driver.crash('keep-all');
      await life.forget();
      life.answer(['done']);
      await unlessAtRisk(life, () => check(life));
    },
    onEvent: (life, event) => {
      life.noteEvent(event);
    },
    acceptable: isAcceptable,
  };
}

async function check(life: ReplicatedLife): Promise<void> {
  await life.open();
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

/** Where the medium under a repair journal has failed, files may refuse to open; they never read wrong for it. */
async function unlessAtRisk(life: ReplicatedLife, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof PmemError) || !life.journalAtRisk) throw error;
  }
}

export const targets: readonly ExplorationTarget[] = Object.entries(MACHINES).flatMap(([machineName, machine]) =>
  Object.entries(BODIES).flatMap(([name, body]) =>
    everyWay(`replicated, ${machineName}, ${name}`, replicatedExploration(body, machine)),
  ),
);
