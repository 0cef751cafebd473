/**
 * Explorations of the write-ahead log, alone and with a mirror. Invariant: every committed record is returned intact or
 * reported lost, and lost only where every file that held it was hit; the log opens, and goes on, after any crash.
 */
import { PmemError } from '@safe-pmem/core';
import { everyWay, type Exploration, type ExplorationTarget } from '@safe-pmem/mock';
import { WalError } from '../src/wal/index.js';
import { isAcceptable, makeImage, settled, WalLife, type WalMachine } from './wal-life.js';

type Body = (life: WalLife) => Promise<void>;

const KERNELS = ['5.10', '6.1', '6.12', '7.3'] as const;
const MACHINES: readonly WalMachine[] = [
  { filesystem: 'ext4', mirrored: false },
  { filesystem: 'ext4', mirrored: true },
  { filesystem: 'xfs', mirrored: true },
  { filesystem: 'xfs', mirrored: false, clearable: false },
  { filesystem: 'ext4', mirrored: true, clearable: false },
  { filesystem: 'ext4', mirrored: true, dax: false },
];

const BODIES: Readonly<Record<string, Body>> = {
  'commits': async (life) => {
    life.append(8);
    await life.commit();
    life.append(1000, 40);
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

function walExploration(body: Body, machine: WalMachine): Exploration<WalLife> {
  return {
    prep: async (seed) => {
      const life = new WalLife(machine, seed, await (machine.mirrored ? images.mirrored : images.alone));
      await life.open();
      return life;
    },
    body,
    recover: (life) =>
      unlessAtRisk(life, async () => {
        life.forget();
        await life.open();
        await life.wal.repair();
        await life.close();
      }),
    check: (life, { crashed }) => {
      if (!crashed) life.driver.crash('keep-all');
      life.forget();
      return unlessAtRisk(life, () => check(life));
    },
    onEvent: (life, event) => {
      life.noteEvent(event);
    },
    acceptable: isAcceptable,
  };
}

async function check(life: WalLife): Promise<void> {
  await life.open();
  await life.judge();
  await life.wal.repair();
  await life.judge();
  try {
    // Another history from here on: the numbers of what was not committed are used again, for other bytes.
    life.append(500);
    await life.commit();
  } catch (error) {
    if (!(error instanceof WalError && error.code === 'ERR_WAL_FULL')) throw error;
  }
  await life.open();
  await life.judge();
  await life.close();
}

/** Where the medium under a repair journal has failed, files may refuse to open; they never read wrong for it. */
async function unlessAtRisk(life: WalLife, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof PmemError) || !life.journalAtRisk) throw error;
  }
}

export const targets: readonly ExplorationTarget[] = MACHINES.flatMap((machine) =>
  Object.entries(BODIES).flatMap(([name, body]) => waysOf(name, body, machine)),
);

/** Lengths, order and machine from a seed. */
export function randomTarget(seed: number): ExplorationTarget {
  const numbers = Array.from({ length: 12 }, (_, i) => (Math.imul(seed + i * 7919, 2654435761) >>> 9) & 0xffff);
  const at = (index: number): number => numbers[index] ?? 0;
  const machine: WalMachine = {
    kernel: KERNELS[at(0) % KERNELS.length],
    filesystem: at(1) % 2 === 0 ? 'ext4' : 'xfs',
    clearable: at(2) % 4 > 0,
    mirrored: at(3) % 2 === 0,
  };
  const body: Body = async (life) => {
    for (const number of numbers.slice(4, 7 + (at(11) % 3))) await randomStep(life, number);
  };
  const ways = waysOf(`random ${seed}`, body, machine);
  return ways[at(10) % ways.length] as ExplorationTarget;
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

/** Poison in a repair journal is a question to PmemFile, which is asked there: packages/mock/explore. */
function waysOf(name: string, body: Body, machine: WalMachine): readonly ExplorationTarget[] {
  const files = (path: string): boolean => !path.includes('.repair');
  return everyWay(`wal, ${nameOf(machine)}, ${name}`, walExploration(body, machine), { files });
}

function nameOf({ filesystem, kernel = '6.12', clearable = true, dax = true, mirrored }: WalMachine): string {
  const device = `${clearable ? '' : ' unclearable'}${dax ? '' : ' without dax'}`;
  return `${filesystem ?? 'ext4'} ${kernel}${device}${mirrored ? ' with mirror' : ''}`;
}
