/** The targets of a full run for PmemFile and its repair journal. */
import { everyCrash, everyWay, type ExplorationTarget, replaySchedule } from '../src/index.js';
import { Random } from '../src/random.js';
import { BODIES, type MachineOptions, pmemFileExploration, type SceneBody } from './pmem-file.js';
import { randomBody, randomMachine, randomStores } from './random-body.js';

const MACHINES: readonly MachineOptions[] = [
  { filesystem: 'ext4' },
  { filesystem: 'xfs' },
  { filesystem: 'ext4', clearable: false },
  { filesystem: 'xfs', clearable: false },
  { filesystem: 'ext4', kernel: '5.10' },
  { filesystem: 'xfs', kernel: '6.1' },
  { filesystem: 'ext4', kernel: '7.3' },
  { filesystem: 'ext4', dax: false },
];

/** Every body on every machine, in every way. */
export const targets: readonly ExplorationTarget[] = MACHINES.flatMap((machine) =>
  Object.entries(BODIES).flatMap(([name, body]) => waysOf(name, body, machine)),
);

/** One more, made up by the seed: a short life of a file, or, one time in four, stores whose survivors are all tried. */
export function randomTarget(seed: number): ExplorationTarget {
  const random = new Random(seed + 2);
  if (random.below(4) === 0) return storesTarget(seed);
  const ways = waysOf(`random ${seed}`, randomBody(seed), randomMachine(seed));
  return ways[random.below(ways.length)] as ExplorationTarget;
}

export function storesTarget(seed: number): ExplorationTarget {
  const machine = randomMachine(seed);
  const exploration = pmemFileExploration(randomStores(seed), machine);
  return {
    name: `${nameOf(machine)}, random stores ${seed}, every crash`,
    run: (options) => everyCrash(exploration, { ...options, exhaustiveLimit: 1024 }),
    replay: (schedule) => replaySchedule(exploration, schedule),
  };
}

function waysOf(name: string, body: SceneBody, machine: MachineOptions): readonly ExplorationTarget[] {
  return everyWay(`${nameOf(machine)}, ${name}`, pmemFileExploration(body, machine));
}

function nameOf({ filesystem, kernel = '6.12', clearable = true, dax = true }: MachineOptions): string {
  return `file, ${filesystem ?? 'ext4'} ${kernel}${clearable ? '' : ' unclearable'}${dax ? '' : ' without dax'}`;
}
