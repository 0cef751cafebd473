/**
 * Explorations of PmemFile and its journal with several openers. Invariant: what was acknowledged is never replaced by anything
 * but what the application wrote; lost bytes never read as data; nothing is reported lost that was not; the size is the one that
 * was asked for. The judge opens the file by each of its names.
 */
import { PmemFile } from '@safe-pmem/core';
import {
  everyInterleaving,
  type EveryInterleavingOptions,
  type ExplorationTarget,
  type Interleaving,
  mockDriver,
  replaySchedule,
} from '../src/index.js';
import { NEIGHBOURS } from './neighbour-situations.js';
import { type Situation, SITUATIONS } from './opener-situations.js';
import type { MachineOptions } from './pmem-file.js';
import { PAGE } from './scene.js';
import { SharedScene } from './shared-file.js';

const MACHINES: readonly MachineOptions[] = [
  { filesystem: 'ext4' },
  { filesystem: 'xfs' },
  { filesystem: 'ext4', kernel: '5.10' },
  { filesystem: 'ext4', dax: false },
];

const WAYS: Readonly<Record<string, EveryInterleavingOptions>> = {
  'every order': {},
  'every order, crash': { crash: true },
  'every order, kill': { kill: true },
  'every order, fault': { fault: true },
  'every order, poison': { poison: true, files: (path) => !path.includes('.repair') },
};

/** Orders are many: a full run has more than 200,000 states of them, though short situations have fewer each. */
export const statesEach = 1000;

export const targets: readonly ExplorationTarget[] = MACHINES.flatMap((machine) =>
  Object.entries({ ...SITUATIONS, ...NEIGHBOURS }).flatMap(([name, situation]) => {
    const interleaving = interleavingOf(situation, machine);
    return Object.entries(WAYS).map(([way, options]): ExplorationTarget => ({
      name: `openers, ${nameOf(machine)}, ${name}, ${way}`,
      run: (explore) => everyInterleaving(interleaving, { ...options, ...explore }),
      replay: (schedule) => replaySchedule(interleaving, schedule),
    }));
  }),
);

function nameOf({ filesystem = 'ext4', kernel = '6.12', dax = true }: MachineOptions): string {
  return `${filesystem} ${kernel}${dax ? '' : ' without dax'}`;
}

export function interleavingOf(situation: Situation, machine: MachineOptions): Interleaving<SharedScene> {
  const { bodies, outside } = situation;
  const names = bodies.map((_, index) => 'abc'.charAt(index));
  return {
    prep: async (seed) => {
      const driver = mockDriver({ ...machine, ...situation.machine, seed, capacityBytes: 48 * PAGE });
      const scene = new SharedScene(driver, situation.sizeBytes);
      const openers = names.map((name) => scene.opener(driver.process(name)));
      const opened = situation.opened ?? names;
      const [a] = openers;
      if (a === undefined) throw new Error('nobody');
      await a.open();
      await situation.before?.(scene, a);
      if (!opened.includes('a')) await a.close();
      for (const opener of openers.slice(1)) if (opened.includes(opener.process.name)) await opener.open();
      return scene;
    },
    bodies: bodies.map((body) => (scene, process) => body(scene.opener(process), scene)),
    outside,
    check: async (scene, outcome) => {
      await situation.settle?.(scene);
      await judge(scene, outcome.crashed || outcome.killed.length > 0 || outcome.error !== undefined);
    },
    onEvent: (scene, event) => { scene.noteEvent(event); },
  };
}

/** `cutOff`: a body has not come to its end. */
async function judge(scene: SharedScene, cutOff: boolean): Promise<void> {
  for (const name of [...scene.openers.keys()]) scene.driver.process(name).kill();
  for (const [path, bytes] of scene.theirs) {
    const found = scene.driver.listFiles().includes(path) ? scene.driver.readFile(path) : undefined;
    if (found === undefined || Buffer.compare(found, bytes) !== 0) throw new Error(`'${path}' is not ours, and was changed`);
  }
  const scenes = [scene, ...scene.others.values()];
  for (const one of scenes) await judgeFile(one, cutOff);
  // What an open() has settled is durable: the journal that would settle it once more may be gone.
  if (scenes.some(({ ledger }) => ledger.isResized)) return;
  scene.driver.crash('lose-all');
  for (const one of scenes) await judgeFile(one, cutOff);
}

async function judgeFile(scene: SharedScene, cutOff: boolean): Promise<void> {
  for (const path of scene.names) {
    // A file that a body makes may not be there yet.
    if (cutOff && !scene.driver.listFiles().includes(path)) continue;
    const file = await PmemFile.open(path, { driver: scene.driver });
    if (!cutOff && file.size !== scene.ledger.sizeBytes) {
      throw new Error(`'${path}' has ${file.size} bytes, ${scene.ledger.sizeBytes} were asked for`);
    }
    scene.ledger.checkSize(file.size);
    const { pieces, gaps } = await file.salvage();
    for (const { offset, bytes } of pieces) scene.ledger.checkBytes(offset, bytes);
    for (const gap of gaps) scene.ledger.checkReport(gap);
    await file.close();
  }
}
