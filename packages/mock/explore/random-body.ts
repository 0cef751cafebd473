/** Applications that a seed makes up: a machine, a file, and a short sequence of what one can do with it. */
import type { ByteRange } from '@safe-pmem/core';
import { Random } from '../src/random.js';
import type { MachineOptions, SceneBody } from './pmem-file.js';
import { PAGE, type Scene } from './scene.js';

export const KERNELS = ['5.10', '6.1', '6.12', '7.3', 'dax-zeroinit'] as const;
const FILESYSTEMS = ['ext4', 'xfs'] as const;
const SIZES = [PAGE, 2 * PAGE, 3 * PAGE, PAGE + 96, PAGE + 1000, 2 * PAGE + 4088];

type Step = (scene: Scene) => unknown;

export function randomMachine(seed: number): MachineOptions {
  const random = new Random(seed);
  return {
    kernel: KERNELS[random.below(KERNELS.length)],
    filesystem: FILESYSTEMS[random.below(FILESYSTEMS.length)],
    clearable: random.below(4) > 0,
  };
}

/** The steps are settled here, so that the body is the same each time it runs. */
export function randomBody(seed: number): SceneBody {
  const random = new Random(seed + 1);
  const sizeBytes = SIZES[random.below(SIZES.length)] ?? PAGE;
  const steps = Array.from({ length: 3 + random.below(5) }, () => randomStep(random));
  return {
    sizeBytes,
    tolerant: true,
    run: async (scene) => {
      for (const step of steps) await step(scene);
    },
  };
}

/** Stores and persists alone, of few words: so small that power loss can be tried with every set of survivors. */
export function randomStores(seed: number): SceneBody {
  const random = new Random(seed);
  const stores = Array.from({ length: 3 + random.below(4) }, () => ({
    at: random.below(2) === 0 ? random.below(2 * PAGE - 32) : random.below(160),
    length: 1 + random.below(24),
    persists: random.below(3),
  }));
  return {
    sizeBytes: 2 * PAGE,
    storesOnly: true,
    run: (scene) => {
      for (const { at, length, persists } of stores) {
        scene.write(at, length);
        if (persists === 0) scene.persist(at, length);
        // Other lines than this store's, or only some of them.
        if (persists === 1) scene.persist(at < 160 ? 64 : 0, 96);
      }
      return Promise.resolve();
    },
  };
}

function randomStep(random: Random): Step {
  const at = random.below(3 * PAGE);
  const length = 1 + random.below(random.below(2) === 0 ? 16 : 150);
  const page = random.below(3);
  const fill = random.below(256);
  switch (random.below(11)) {
    case 0:
    case 1:
      return (scene) => { within(scene, at, length, (range) => { scene.write(range.offset, range.length); }); };
    case 2:
      return (scene) => { within(scene, at, length, (range) => { scene.persist(range.offset, range.length); }); };
    case 3:
      return (scene) => {
        within(scene, at, length, (range) => {
          scene.write(range.offset, range.length);
          scene.persist(range.offset, range.length);
        });
      };
    case 4:
      return (scene) => { poison(scene, page, false); };
    case 5:
      return (scene) => { poison(scene, page, true); };
    case 6:
      return (scene) => repairBad(scene, (ranges) => scene.rebuild(ranges));
    case 7:
      return (scene) => repairBad(scene, (ranges) => scene.lose(ranges));
    case 8:
      return (scene) => repairBad(scene, (ranges) => scene.fill(ranges, fill));
    case 9:
      return (scene) => scene.resize(SIZES[fill % SIZES.length] ?? PAGE);
    default:
      return (scene) => (fill % 2 === 0 ? scene.reopen() : scene.readAll());
  }
}

/** As much of the bytes as the file has now. */
function within(scene: Scene, at: number, length: number, action: (range: ByteRange) => void): void {
  const offset = at % scene.file.size;
  action({ offset, length: Math.min(length, scene.file.size - offset) });
}

function poison(scene: Scene, page: number, latent: boolean): void {
  if (page * PAGE < scene.file.size && scene.hasStorage(page)) scene.poison(page, latent);
}

async function repairBad(scene: Scene, repair: (ranges: readonly ByteRange[]) => Promise<void>): Promise<void> {
  const gaps = await scene.readAll();
  if (gaps.length > 0) await repair(gaps);
}
