/** The targets of a full run for PmemFile and its repair journal. */
import { everyCrash, everyWay, type ExplorationTarget, replaySchedule } from '../src/index.js';
import { Random } from '../src/random.js';
import { bodiesFor, type MachineOptions, pmemFileExploration, type SceneBody } from './pmem-file.js';
import { PAGE } from './scene.js';
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

/** Pages as arm64 has them. What differs there shows in a few bodies. */
const LARGE_PAGES: readonly MachineOptions[] = [
  { filesystem: 'ext4', pageBytes: 16_384 },
  { filesystem: 'xfs', pageBytes: 65_536 },
];
const BODIES_ON_LARGE_PAGES = ['two units at once', 'end-of-file page', 'latent, found by scrub'];

/** Every body on every machine, in every way. */
export const targets: readonly ExplorationTarget[] = [...MACHINES, ...LARGE_PAGES].flatMap((machine) =>
  Object.entries(bodiesFor(machine.pageBytes ?? PAGE))
    .filter(([name]) => !LARGE_PAGES.includes(machine) || BODIES_ON_LARGE_PAGES.includes(name))
    .flatMap(([name, body]) => waysOf(name, body, machine)),
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

function nameOf(machine: MachineOptions): string {
  const { filesystem = 'ext4', kernel = '6.12', clearable = true, dax = true, pageBytes = PAGE } = machine;
  const pages = pageBytes === PAGE ? '' : ` ${pageBytes / 1024} KiB`;
  return `file, ${filesystem} ${kernel}${clearable ? '' : ' unclearable'}${dax ? '' : ' without dax'}${pages}`;
}
