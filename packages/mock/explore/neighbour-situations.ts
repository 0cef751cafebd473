/** What openers of one file meet beside it: files of others, files with a loss of their own, copies, other names. */
import { type CompleteFile, PmemError } from '@safe-pmem/core';
import type { MockDriver } from '../src/index.js';
import type { Situation } from './opener-situations.js';
import { PAGE } from './scene.js';
import { Opener, SHARED, type SharedScene } from './shared-file.js';

const JOURNAL = `${SHARED}.repair`;
const THEIRS = new TextEncoder().encode('invoice for the repair of a car');
const LONG = `/pmem/${'n'.repeat(252)}`;

const loseTwo = async (scene: SharedScene, opener: Opener): Promise<void> => {
  scene.poison(2);
  await opener.repair(2, 'lose');
};

const commitAndClose = async (opener: Opener): Promise<void> => {
  await opener.commit(8, 16);
  await opener.close();
};

const openReadAndClose = async (opener: Opener): Promise<void> => {
  await opener.open();
  await opener.read();
  await opener.close();
};

export const NEIGHBOURS: Readonly<Record<string, Situation>> = {
  'a repair where a file of others has the name of the journal': {
    sizeBytes: 3 * PAGE,
    opened: ['a'],
    before: (scene) => {
      scene.plant(JOURNAL, THEIRS);
      scene.poison(1);
      return Promise.resolve();
    },
    bodies: [
      async (a) => {
        await a.repair(1, 'lose');
        await commitAndClose(a);
      },
      openReadAndClose,
    ],
  },
  'an open without the journal where a file of others has its name': {
    sizeBytes: PAGE,
    opened: [],
    before: async (scene) => {
      scene.plant(JOURNAL, THEIRS);
      // One that nobody understands: open() refuses, unless it is to do without.
      await setMark(scene.driver, SHARED, THEIRS);
    },
    bodies: [
      async (a) => {
        await a.open({ journal: 'discard' });
        await commitAndClose(a);
      },
    ],
    settle: (scene) => setMark(scene.driver, SHARED, new Uint8Array(0)),
  },
  'a new file where a file of others has the name of its journal': {
    sizeBytes: PAGE,
    before: (scene) => {
      scene.plant('/pmem/new.repair', THEIRS);
      return Promise.resolve();
    },
    bodies: [
      commitAndClose,
      async (b, scene) => {
        const opener = scene.other('/pmem/new', PAGE, true).opener(b.process);
        await opener.open({ create: true, size: PAGE });
        await commitAndClose(opener);
        await b.close();
      },
    ],
  },
  'a new file under the name of one that was renamed, and a loss in each': {
    sizeBytes: 3 * PAGE,
    before: async (scene, a) => {
      await loseTwo(scene, a);
      scene.rename(`${SHARED}.1`);
    },
    bodies: [
      commitAndClose,
      async (b, scene) => {
        const fresh = scene.other(SHARED, 2 * PAGE, true);
        const opener = fresh.opener(b.process);
        await opener.open({ create: true, size: 2 * PAGE });
        await opener.commit(PAGE, 64);
        await opener.close();
        await opener.open();
        await b.process.turn(() => { fresh.poison(1); });
        await opener.repair(1, 'lose');
        await commitAndClose(opener);
        await openReadAndClose(opener);
        await b.close();
      },
    ],
  },
  'a rotation of two files with a loss in each': {
    sizeBytes: 3 * PAGE,
    opened: ['a'],
    before: async (scene, a) => {
      await loseTwo(scene, a);
      const older = scene.other(`${SHARED}.1`);
      const opener = older.opener(a.process);
      await opener.open();
      older.poison(1);
      await opener.repair(1, 'lose');
      await opener.close();
      older.rename(`${SHARED}.2`);
      scene.rename(`${SHARED}.1`);
    },
    bodies: [
      commitAndClose,
      openReadAndClose,
      (c, scene) => openReadAndClose(scene.other(`${SHARED}.1`).opener(c.process)),
    ],
  },
  'a move to another directory while the file is closed': {
    sizeBytes: 3 * PAGE,
    opened: ['a'],
    before: async (scene, a) => {
      await loseTwo(scene, a);
      scene.driver.makeDirectory('/pmem/archive');
    },
    bodies: [
      async (a, scene) => {
        await commitAndClose(a);
        await a.process.turn(() => { scene.rename('/pmem/archive/shared'); });
        await a.open();
        await a.read();
        await a.close();
      },
    ],
  },
  'a copy of a file and its journal, with their attributes': {
    sizeBytes: 3 * PAGE,
    opened: ['a'],
    before: async (scene, a) => {
      await loseTwo(scene, a);
      await copyAll(scene, '/pmem/copy');
    },
    bodies: [
      async (a) => {
        await a.repair(2, 'rebuild');
        await commitAndClose(a);
      },
      async (b, scene) => {
        const copy = scene.other('/pmem/copy').opener(b.process);
        await copy.open();
        await copy.read();
        await refused(copy.file.repair({ offset: 2 * PAGE, length: PAGE }));
        await refused(copy.file.resize(4 * PAGE));
        await commitAndClose(copy);
      },
    ],
  },
  'a journal from a filesystem without marks, then another name': {
    sizeBytes: 3 * PAGE,
    before: async (scene, a) => {
      await loseTwo(scene, a);
      for (const path of [SHARED, JOURNAL]) await setMark(scene.driver, path, new Uint8Array(0));
    },
    bodies: [
      async (a, scene) => {
        await a.commit(2 * PAGE, 16);
        await a.process.turn(() => { scene.rename(`${SHARED}.1`); });
        await a.close();
      },
      async (b) => { await b.close(); },
    ],
  },
  'without marks, a file of two names': {
    sizeBytes: 3 * PAGE,
    machine: { extendedAttributes: false },
    opened: ['a'],
    before: (scene) => {
      scene.rename('/pmem/link', true);
      scene.poison(1);
      return Promise.resolve();
    },
    bodies: [loseUnlessRefused],
  },
  'without marks, a file that was renamed': {
    sizeBytes: 3 * PAGE,
    machine: { extendedAttributes: false },
    opened: ['a'],
    before: (scene) => {
      scene.rename(`${SHARED}.1`);
      scene.poison(1);
      return Promise.resolve();
    },
    bodies: [loseUnlessRefused],
  },
  'without marks, two long names that differ in their ends': {
    sizeBytes: 2 * PAGE,
    machine: { extendedAttributes: false },
    opened: [],
    before: (scene) => {
      for (const end of ['a', 'b']) scene.other(LONG + end).poison(1);
      return Promise.resolve();
    },
    bodies: ['a', 'b'].map((end) => async (opener: Opener, scene: SharedScene) => {
      const own = scene.other(LONG + end).opener(opener.process);
      await own.open();
      await own.repair(1, 'lose');
      await commitAndClose(own);
    }),
  },
  "root's journal of a user's file, and a user's journal of a file that was given away": {
    sizeBytes: 3 * PAGE,
    opened: ['a'],
    before: async (scene, a) => {
      await loseTwo(scene, a);
      scene.driver.setOwner(JOURNAL, 0);
      const given = scene.other('/pmem/given');
      const opener = given.opener(a.process);
      await opener.open();
      await loseTwo(given, opener);
      await opener.close();
      scene.driver.setOwner('/pmem/given', 2000);
    },
    bodies: [
      commitAndClose,
      async (b, scene) => {
        await openReadAndClose(b);
        await openReadAndClose(scene.other('/pmem/given').opener(b.process));
      },
    ],
  },
  'a journal that another user has planted': {
    sizeBytes: 3 * PAGE,
    opened: [],
    before: async (scene, a) => {
      const planted = scene.other('/pmem/planted');
      const opener = planted.opener(a.process);
      await opener.open();
      planted.poison(1);
      await opener.repair(1, 'lose');
      await opener.close();
      for (const path of ['/pmem/planted', '/pmem/planted.repair']) {
        await setMark(scene.driver, path, new Uint8Array(0));
      }
      scene.driver.setOwner('/pmem/planted.repair', 4711);
    },
    bodies: [
      async (a, scene) => {
        const opener = scene.other('/pmem/planted').opener(a.process);
        await refused(opener.open());
        await a.process.turn(() => { scene.driver.setOwner('/pmem/planted.repair', 1000); });
        await openReadAndClose(opener);
      },
    ],
    settle: (scene) => { scene.driver.setOwner('/pmem/planted.repair', 1000); },
  },
  'a journal that cannot be read for a while': {
    sizeBytes: 3 * PAGE,
    opened: ['a'],
    before: loseTwo,
    bodies: [
      async (a, scene) => {
        await a.process.turn(() => { spoilJournal(scene); });
        await refused(a.file.repair({ offset: PAGE, length: PAGE }));
        await refused(a.file.resize(4 * PAGE));
        await a.process.turn(() => { mendJournal(scene); });
        // Who was refused does not keep the others out.
        const other = new Opener(scene, a.process);
        await other.open();
        const isDone = await other.repair(2, 'rebuild');
        if (!isDone && !scene.disturbed) throw new Error('the repair is kept out by one that has ended');
        await other.close();
        await a.close();
      },
    ],
    settle: mendJournal,
  },
  'an open that ends a repair whose process died': {
    sizeBytes: 3 * PAGE,
    opened: [],
    before: async (scene) => {
      const z = scene.opener(scene.driver.process('z'));
      await z.open();
      scene.notePoison(1);
      scene.driver.poison(SHARED, { offset: PAGE, length: 512 });
      const stop = scene.driver.observe(({ name }) => (name === 'sync' ? { errno: 5 } : undefined));
      await z.repair(1, 'rebuild').catch((error: unknown) => { if (!(error instanceof PmemError)) throw error; });
      stop();
      z.process.kill();
    },
    bodies: [
      async (a) => {
        await a.open();
        await commitAndClose(a);
      },
      openReadAndClose,
    ],
  },
  'two that want the file for themselves, and a reader': {
    sizeBytes: PAGE,
    opened: [],
    bodies: [aloneOrRefused, aloneOrRefused, async (c) => {
      await c.open({ readOnly: true });
      await c.read();
      await c.close();
    }],
  },
  'one that wants the file for itself beside a writer and a reader that are there': {
    sizeBytes: PAGE,
    opened: [],
    bodies: [
      async (a, scene) => {
        await a.open({ readOnly: true });
        const [b, c] = [new Opener(scene, a.process), new Opener(scene, a.process)];
        await b.open({ exclusive: true });
        await refused(c.open(), 'ERR_PMEM_LOCKED', scene);
        await b.close();
        await c.open();
        await refused(b.open({ exclusive: true }), 'ERR_PMEM_LOCKED', scene);
        await commitAndClose(c);
        await a.close();
      },
    ],
  },
  'a filesystem without locks': {
    sizeBytes: PAGE,
    machine: { locks: false },
    opened: [],
    bodies: [
      async (a) => {
        await a.open();
        await commitAndClose(a);
        await openReadAndClose(a);
      },
    ],
  },
};

/** What the journal held before it was spoiled. */
const journals = new WeakMap<SharedScene, Uint8Array>();

function spoilJournal(scene: SharedScene): void {
  journals.set(scene, scene.driver.readFile(JOURNAL));
  scene.driver.overwrite(JOURNAL, new Uint8Array(16).fill(0xff), 16);
}

function mendJournal(scene: SharedScene): void {
  const bytes = journals.get(scene);
  journals.delete(scene);
  if (bytes !== undefined && scene.driver.listFiles().includes(JOURNAL)) scene.driver.overwrite(JOURNAL, bytes, 0);
}

async function loseUnlessRefused(opener: Opener): Promise<void> {
  try {
    const isDone = await opener.repair(1, 'lose');
    if (isDone && !opener.scene.disturbed) throw new Error('a loss was left where nothing finds its journal');
  } catch (error) {
    if (!(error instanceof PmemError && error.code === 'ERR_PMEM_REPAIR_FAILED')) throw error;
  }
  await commitAndClose(opener);
}

/** Nobody else may have the file while one has it for itself. */
async function aloneOrRefused(opener: Opener, scene: SharedScene): Promise<void> {
  const { wanting, having } = scene;
  const wasWanted = wanting.size > 0;
  wanting.add(opener);
  const asked = ++scene.asked;
  try {
    await opener.open({ exclusive: true });
    having.add(opener);
    const living = [...having].filter((one) => one.process.alive);
    if (living.length > 1) throw new Error('two have the file for themselves');
    await opener.commit(8, 16);
    having.delete(opener);
    await opener.close();
  } catch (error) {
    if (!(error instanceof PmemError && error.code === 'ERR_PMEM_LOCKED')) throw error;
    // Whoever has kept it out may be gone by now.
    if (!wasWanted && scene.asked === asked) throw error;
  }
  wanting.delete(opener);
}

/** With a scene, not where something was made to fail: a lock that fails otherwise than by EAGAIN keeps nobody out. */
async function refused(action: Promise<unknown>, code = 'ERR_PMEM_JOURNAL', scene?: SharedScene): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (error instanceof PmemError && error.code === code) return;
    throw error;
  }
  if (scene?.disturbed !== true) throw new Error(`was not refused with ${code}`);
}

/** cp -a of the file and its journal. */
async function copyAll(scene: SharedScene, to: string): Promise<void> {
  const { driver, ledger } = scene;
  const copy = scene.other(to);
  for (const ending of ['', '.repair']) {
    driver.writeFile(to + ending, driver.readFile(SHARED + ending));
    await setMark(driver, to + ending, await markOf(driver, SHARED + ending));
  }
  copy.ledger.mayReport([{ offset: 2 * PAGE, length: Math.min(PAGE, ledger.sizeBytes - 2 * PAGE) }]);
}

async function markOf(driver: MockDriver, path: string): Promise<Uint8Array> {
  const file = await bare(driver, path);
  const mark = file.readMark();
  await file.close();
  return mark.status === 'present' ? mark.bytes : new Uint8Array(0);
}

async function setMark(driver: MockDriver, path: string, mark: Uint8Array): Promise<void> {
  const file = await bare(driver, path);
  await file.writeMark(mark);
  await file.close();
}

async function bare(driver: MockDriver, path: string): Promise<CompleteFile> {
  const outcome = await driver.open(path, { create: false, readOnly: false, preallocate: false, sizeBytes: undefined });
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  return outcome.file;
}
