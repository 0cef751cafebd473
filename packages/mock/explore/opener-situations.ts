/**
 * Situations of two or three processes at one file, side by side, in short pieces, so that each can be explored far.
 */
import { PmemError, PmemFile } from '@safe-pmem/core';
import type { MockOptions } from '../src/index.js';
import { PAGE } from './scene.js';
import { type Opener, SHARED, type SharedScene } from './shared-file.js';

/** Bodies of two or three openers. They have the file open before, unless they open it themselves. */
export interface Situation {
  readonly sizeBytes: number;
  /** Options that the machine must have, whichever others it has. */
  readonly machine?: MockOptions;
  /** Opened before the bodies run; by default all of them. */
  readonly opened?: readonly string[];
  readonly before?: (scene: SharedScene, a: Opener) => Promise<void>;
  readonly bodies: readonly ((opener: Opener, scene: SharedScene) => Promise<void>)[];
  readonly outside?: Readonly<Record<string, (scene: SharedScene) => void>>;
  /** Before what there is is judged, if the bodies came to their end or not. */
  readonly settle?: (scene: SharedScene) => void | Promise<void>;
}

/** More than the calls that a repair makes before it changes anything. */
const STEPS = 16;
const ROTATED = `${SHARED}.1`;
const LINK = '/pmem/link';

/** Page 2 is lost, and the journal says so. */
const loseTwo = async (scene: SharedScene, a: Opener): Promise<void> => {
  scene.poison(2);
  await a.repair(2, 'lose');
};

/** Makes page 1 bad; no opener knows. */
const poisonOne = (scene: SharedScene): Promise<void> => {
  scene.poison(1);
  return Promise.resolve();
};

const loseTwoAndPoisonOne = async (scene: SharedScene, a: Opener): Promise<void> => {
  await loseTwo(scene, a);
  scene.poison(1);
};

/** Repairs page 1 from the content that it had, then stores at `offset`, and closes. */
const repairThenCommit = (offset: number) => async (opener: Opener): Promise<void> => {
  if (await opener.repair(1, 'rebuild')) await opener.commit(offset, 16);
  await opener.close();
};

export const SITUATIONS: Readonly<Record<string, Situation>> = {
  'two repairs of one page, then stores': {
    sizeBytes: 3 * PAGE,
    before: poisonOne,
    bodies: [
      repairThenCommit(PAGE),
      repairThenCommit(PAGE + 64),
    ],
  },
  'a persist over a loss while the same opener repairs': {
    sizeBytes: 4 * PAGE,
    before: loseTwoAndPoisonOne,
    bodies: [
      async (a) => {
        await Promise.all([a.repair(1, 'rebuild'), a.commit(2 * PAGE, 16)]);
        await a.close();
      },
      repairThenCommit(PAGE + 64),
    ],
  },
  'persists over a loss at each step of a repair by the same opener': {
    sizeBytes: 4 * PAGE,
    before: loseTwoAndPoisonOne,
    bodies: [
      async (a) => {
        const commits = async (): Promise<void> => {
          for (let step = 0; step < STEPS; step++) await a.commitZeros(2 * PAGE + 64 * step, 16);
        };
        await Promise.all([a.repair(1, 'rebuild'), commits()]);
        await a.close();
      },
      repairThenCommit(PAGE + 64),
    ],
  },
  'a read of an unfinished unit while the same opener repairs': {
    sizeBytes: 4 * PAGE,
    before: async (scene, a) => {
      scene.poison(2);
      const stop = scene.driver.observe(({ name }) => (name === 'sync' ? { errno: 5 } : undefined));
      await a.repair(2, 'rebuild').catch((error: unknown) => { if (!(error instanceof PmemError)) throw error; });
      stop();
      scene.poison(1);
    },
    bodies: [
      async (a) => {
        await Promise.all([a.repair(1, 'rebuild'), a.process.turn(() => { tryRead(a.file, 2 * PAGE); })]);
        await a.close();
      },
      repairThenCommit(PAGE + 64),
    ],
  },
  'a resize beside a repair without rebuild': {
    sizeBytes: 3 * PAGE,
    before: loseTwoAndPoisonOne,
    bodies: [
      async (a) => {
        await a.resize(4 * PAGE);
        await a.close();
      },
      async (b) => {
        await b.repair(1, 'lose');
        await b.close();
      },
    ],
  },
  'a resize beside a repair with rebuild': {
    sizeBytes: 3 * PAGE,
    before: loseTwoAndPoisonOne,
    bodies: [
      async (a) => {
        await a.resize(4 * PAGE);
        await a.close();
      },
      repairThenCommit(PAGE),
    ],
  },
  'an open beside a repair': {
    sizeBytes: 2 * PAGE,
    opened: ['a'],
    before: poisonOne,
    bodies: [
      repairThenCommit(PAGE),
      async (b) => {
        await b.open();
        await b.read();
        await b.close();
      },
    ],
  },
  'an open beside a repair without rebuild, then a store': {
    sizeBytes: 2 * PAGE,
    opened: ['a'],
    before: poisonOne,
    bodies: [
      async (a) => {
        await a.repair(1, 'lose');
        await a.commit(PAGE + 8, 16);
        await a.close();
      },
      async (b) => {
        await b.open();
        await b.read();
        await b.commit(8, 8);
        await b.close();
      },
    ],
  },
  'a repair of the last page of a file that others append to': {
    sizeBytes: 2 * PAGE + 1000,
    before: (scene) => { scene.poison(2); return Promise.resolve(); },
    bodies: [
      async (a) => {
        await a.repair(2, 'rebuild');
        await a.commit(2 * PAGE, 16);
        await a.close();
      },
    ],
    outside: {
      'a few bytes': (scene) => { scene.append(64); },
      'more than the page': (scene) => { scene.append(PAGE); },
    },
  },
  'a repair of the last page beside a resize': {
    sizeBytes: 2 * PAGE + 1000,
    before: (scene) => { scene.poison(2); return Promise.resolve(); },
    bodies: [
      async (a) => {
        await a.repair(2, 'rebuild');
        await a.close();
      },
      async (b) => {
        if (await b.resize(3 * PAGE + 512)) await b.commit(3 * PAGE + 8, 16);
        await b.close();
      },
    ],
  },
  'stores over a loss beside a repair': {
    sizeBytes: 4 * PAGE,
    before: loseTwoAndPoisonOne,
    bodies: [
      async (a) => {
        await a.write(2 * PAGE, 16);
        await a.persist(2 * PAGE, 16);
        await a.close();
      },
      async (b) => {
        await b.repair(1, 'lose');
        await b.close();
      },
    ],
  },
  'stores over two losses by two openers': {
    sizeBytes: 4 * PAGE,
    before: async (scene, a) => {
      await loseTwo(scene, a);
      scene.poison(1);
      await a.repair(1, 'lose');
    },
    bodies: [
      async (a) => {
        await a.commit(2 * PAGE, 16);
        await a.close();
      },
      async (b) => {
        await b.commit(PAGE, 16);
        await b.close();
      },
    ],
  },
  'reads of a loss that is written over, beside another repair': {
    sizeBytes: 4 * PAGE,
    before: loseTwoAndPoisonOne,
    bodies: [
      async (a) => {
        await a.commit(2 * PAGE, PAGE);
        await a.close();
      },
      async (b) => {
        await b.read();
        await b.read();
        await b.close();
      },
      async (c) => {
        await c.repair(1, 'rebuild');
        await c.close();
      },
    ],
  },
  'two losses in one file by two openers': {
    sizeBytes: 4 * PAGE,
    before: (scene) => {
      scene.poison(1);
      scene.poison(2);
      return Promise.resolve();
    },
    bodies: [
      async (a) => {
        await a.repair(1, 'lose');
        await a.close();
      },
      async (b) => {
        await b.repair(2, 'lose');
        await b.close();
      },
    ],
  },
  'a loss in a file that gets another name': {
    sizeBytes: 3 * PAGE,
    before: poisonOne,
    bodies: [
      async (a) => {
        await a.repair(1, 'lose');
        await a.commit(8, 16);
        await a.close();
      },
    ],
    outside: { rotate: (scene) => { scene.rename(ROTATED); }, link: (scene) => { scene.rename(LINK, true); } },
  },
  'a loss that is known, in a file that gets another name': {
    sizeBytes: 3 * PAGE,
    before: loseTwo,
    bodies: [
      async (a) => {
        await a.commit(8, 16);
        await a.close();
      },
    ],
    outside: { rotate: (scene) => { scene.rename(ROTATED); }, link: (scene) => { scene.rename(LINK, true); } },
  },
  'a new file under the old name': {
    sizeBytes: 3 * PAGE,
    opened: ['a'],
    before: loseTwo,
    bodies: [
      async (a) => {
        await a.commit(8, 16);
        await a.close();
      },
      async (b, scene) => {
        await b.process.turn(() => { scene.rename(ROTATED); });
        const bytes = scene.nextPattern(0, 64);
        const file = await PmemFile.open(SHARED, { driver: b.process, create: true, size: 3 * PAGE });
        await b.process.turn(() => { file.write(bytes, 2 * PAGE); });
        await b.process.turn(() => { file.persist(); });
        const found = new Uint8Array(64);
        await b.process.turn(() => { file.read(found, 2 * PAGE); });
        if (Buffer.compare(found, bytes) !== 0) throw new Error('the new file holds other bytes');
        await file.close();
      },
    ],
  },
  'a close in the middle of a repair of the same opener, and an open': {
    sizeBytes: 2 * PAGE,
    opened: ['a'],
    before: poisonOne,
    bodies: [
      async (a) => {
        await Promise.all([unlessClosed(a.repair(1, 'rebuild')), a.process.turn(() => a.close())]);
      },
      async (b) => {
        await b.open();
        if (await b.repair(1, 'rebuild')) await b.commit(PAGE, 16);
        await b.close();
      },
    ],
  },
  'a shrink beside a repair of what it cuts off': {
    sizeBytes: 3 * PAGE,
    before: (scene) => { scene.poison(2); return Promise.resolve(); },
    bodies: [
      async (a) => {
        await unlessGone(a.repair(2, 'rebuild'));
        await a.close();
      },
      async (b) => {
        await b.resize(2 * PAGE);
        await b.close();
      },
    ],
  },
  'a shrink and a growth beside a loss of what was cut off': {
    sizeBytes: 3 * PAGE,
    before: loseTwo,
    bodies: [
      async (a) => {
        await a.resize(2 * PAGE);
        if (await a.resize(3 * PAGE)) await a.commit(2 * PAGE + 8, 16);
        await a.close();
      },
      async (b) => {
        await unlessGone(b.commit(2 * PAGE + 64, 8));
        await b.close();
      },
    ],
  },
  'an open and a store beside two repairs': {
    sizeBytes: 3 * PAGE,
    opened: ['a', 'b'],
    before: (scene) => {
      scene.poison(1);
      scene.poison(2);
      return Promise.resolve();
    },
    bodies: [
      async (a) => {
        if (await a.repair(1, 'rebuild')) await a.commit(PAGE, 8);
        await a.close();
      },
      async (b) => {
        if (await b.repair(2, 'lose')) await b.commit(2 * PAGE + 8, 8);
        await b.close();
      },
      async (c) => {
        await c.open();
        await c.read();
        await c.close();
      },
    ],
  },
};

/** Ignores an error of a call that ended because its opener has closed. */
async function unlessClosed(action: Promise<unknown>): Promise<void> {
  await unlessOf(action, ['ERR_PMEM_CLOSED']);
}

/** Ignores an error of a call that ended because another process has cut the bytes off. */
async function unlessGone(action: Promise<unknown>): Promise<void> {
  await unlessOf(action, ['ERR_PMEM_TRUNCATED', 'ERR_PMEM_REPAIR_FAILED']);
}

async function unlessOf(action: Promise<unknown>, codes: readonly string[]): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (!(error instanceof PmemError && codes.includes(error.code))) throw error;
  }
}

function tryRead(file: PmemFile, position: number): void {
  try {
    file.read(new Uint8Array(8), position);
  } catch (error) {
    if (!(error instanceof PmemError)) throw error;
  }
}
