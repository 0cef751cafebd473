/**
 * Explorations of one opener whose file other processes cut off, rewrite, replace, rename, link, append to and
 * snapshot, and whose filesystem is full or over its quota, between any two operations. Invariant: bytes that others
 * have put there, and bytes of a snapshot, stay; nothing is reported lost that was not; nothing that was lost reads as
 * data.
 */
import { PmemError, PmemFile } from '@safe-pmem/core';
import {
  everyInterleaving,
  type EveryInterleavingOptions,
  type ExplorationTarget,
  type Interleaving,
  mockDriver,
  type MockProcess,
  MockSystemError,
  replaySchedule,
} from '../src/index.js';
import { HALF } from './account.js';
import type { MachineOptions } from './pmem-file.js';
import { PAGE } from './scene.js';
import { WeatherScene } from './weather-scene.js';

type Body = (scene: WeatherScene, process: MockProcess) => Promise<void>;

const WEATHER: Readonly<Record<string, (scene: WeatherScene) => void>> = {
  'cut within a page': (scene) => { scene.cut(3 * HALF); },
  'cut to nothing': (scene) => { scene.cut(0); },
  'rewrite in place': (scene) => { scene.rewrite(); },
  'append to the last page': (scene) => { scene.append(1); },
  'append more': (scene) => { scene.append(3); },
  'rename': (scene) => { scene.rename('/pmem/file.1'); },
  'link': (scene) => { scene.link('/pmem/link'); },
  'replace': (scene) => { scene.replace(); },
  'quota': (scene) => { scene.driver.setQuota(0); },
  'fill the disk': (scene) => { scene.fill(); },
};
const SNAPSHOTS: Readonly<Record<string, (scene: WeatherScene) => void>> = {
  'snapshot': (scene) => { scene.snapshot('/pmem/snapshot'); },
  'snapshot, and fill the disk': (scene) => { scene.snapshot('/pmem/snapshot'); scene.fill(); },
};

/** Does what another process does; if the machine refuses, nothing has happened. */
const outside = (process: MockProcess, action: () => void): Promise<void> => process.turn(() => {
  try {
    action();
  } catch (error) {
    if (!(error instanceof MockSystemError)) throw error;
  }
});

/** Another process empties the file and writes it again, in two calls. */
const rewriter: Body = async (scene, process) => {
  await outside(process, () => { scene.weatherIs(); scene.cut(0); });
  await outside(process, () => { scene.writeAll([101, 102, 103, 104, 105, 106]); });
};

/** Another process appends and rotates. */
const rotator: Body = async (scene, process) => {
  await outside(process, () => { scene.weatherIs(); scene.append(1); });
  await outside(process, () => { scene.rename('/pmem/file.1'); });
};

interface Situation {
  readonly bad?: readonly number[];
  readonly body: Body;
}

const SITUATIONS: Readonly<Record<string, Situation>> = {
  'open, write, persist, read, close': {
    body: async (scene, process) => {
      await scene.open(process);
      await scene.write(process, 1);
      await scene.persist(process);
      await scene.read();
      await scene.close();
    },
  },
  'repair with rebuild': {
    bad: [1],
    body: async (scene, process) => {
      await scene.open(process);
      await scene.repair(1, 'rebuild');
      await scene.read();
      await scene.close();
    },
  },
  'repair without rebuild, and a store over the loss': {
    bad: [1],
    body: async (scene, process) => {
      await scene.open(process);
      await scene.repair(1, 'lose');
      await scene.read();
      await scene.write(process, 1);
      await scene.persist(process);
      await scene.close();
    },
  },
  'repair of the last page': {
    bad: [2],
    body: async (scene, process) => {
      await scene.open(process);
      await scene.repair(2, 'rebuild');
      await scene.close();
    },
  },
  'a repair of what is healthy': {
    body: async (scene, process) => {
      await scene.open(process);
      await scene.repair(1, 'lose');
      await scene.repair(0, 'rebuild');
      await scene.read();
      await scene.close();
    },
  },
  'resize, and a second life': {
    bad: [1],
    body: async (scene, process) => {
      await scene.open(process);
      await scene.repair(1, 'lose');
      await scene.resize(4 * PAGE);
      await scene.close();
      await scene.open(process);
      await scene.read();
      await scene.resize(PAGE);
      await scene.close();
    },
  },
};

const MACHINES: readonly MachineOptions[] = [
  { filesystem: 'xfs' },
  { filesystem: 'ext4' },
  { filesystem: 'ext4', kernel: '5.10' },
  { filesystem: 'xfs', dax: false },
  // As vfat and NFS: the journal is found by names.
  { filesystem: 'ext4', dax: false, extendedAttributes: false },
];

const WAYS: Readonly<Record<string, EveryInterleavingOptions>> = {
  'outside': {},
  'outside, kill': { kill: true },
  'outside, fault': { fault: true },
  'outside, poison': { poison: true, files: (path) => path === '/pmem/file' },
};

export const statesEach = 500;

export function weatherOf(
  { bad = [], body }: Situation, machine: MachineOptions, beside: readonly Body[] = [],
): Interleaving<WeatherScene> {
  const actions = actionsOn(machine);
  return {
    prep: async (seed) => {
      const scene = new WeatherScene(mockDriver({ ...machine, seed, capacityBytes: 64 * PAGE }));
      await scene.prepare();
      for (const page of bad) scene.poison(page);
      return scene;
    },
    bodies: [body, ...beside],
    outside: beside.length > 0 ? {} : actions,
    check: judge,
    onEvent: (scene, event) => { scene.noteEvent(event); },
  };
}

function actionsOn({ filesystem, extendedAttributes = true }: MachineOptions): typeof WEATHER {
  if (filesystem === 'xfs') return { ...WEATHER, ...SNAPSHOTS };
  if (extendedAttributes) return WEATHER;
  // Without marks, a file that took the place of one with losses cannot be told from a copy that was restored there.
  return Object.fromEntries(Object.entries(WEATHER).filter(([name]) => name !== 'replace'));
}

/** Opens each file by each of its names, and goes on with it. */
async function judge(scene: WeatherScene): Promise<void> {
  const { driver } = scene;
  for (const name of ['a', 'b']) driver.process(name).kill();
  scene.clearUp();
  for (const account of scene.accounts) {
    for (const path of account.names) {
      const file = await PmemFile.open(path, { driver: driver.process(`judge of ${path}`) }).catch((error: unknown) => {
        // A block that was bad when others cut it off may be the journal's now.
        const isRefused = error instanceof PmemError && error.code === 'ERR_PMEM_JOURNAL';
        if (isRefused && scene.disturbed && driver.poisoned.length > 0) return undefined;
        throw error;
      });
      if (file === undefined) continue;
      account.checkSize(file.size);
      const { pieces, gaps } = await file.salvage();
      for (const { offset, bytes } of pieces) account.checkBytes(offset, bytes);
      if (!scene.disturbed) for (const gap of gaps) account.checkLoss(gap);
      await file.close();
    }
  }
}

export const targets: readonly ExplorationTarget[] = MACHINES.flatMap((machine) =>
  Object.entries(SITUATIONS).flatMap(([name, situation]) => {
    const beside = {
      'alone': [],
      'beside a process that rewrites the file': [rewriter],
      'beside one that rotates it': [rotator],
    };
    return Object.entries(beside).flatMap(([others, bodies]) => {
      const interleaving = weatherOf(situation, machine, bodies);
      const { filesystem = 'ext4', kernel = '6.12', dax = true, extendedAttributes = true } = machine;
      const cell = `${filesystem} ${kernel}${dax ? '' : ' without dax'}${extendedAttributes ? '' : ' and marks'}`;
      return Object.entries(WAYS).map(([way, options]): ExplorationTarget => ({
        name: `weather, ${cell}, ${name}, ${others}, ${way}`,
        run: (explore) => everyInterleaving(interleaving, { ...options, ...explore }),
        replay: (schedule) => replaySchedule(interleaving, schedule),
      }));
    });
  }),
);
