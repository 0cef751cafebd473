/** Openers of a file whose name, or whose journal's name, other files have or had: foreign files, renames, copies. */
import {
  commitAndClose,
  copyAll,
  JOURNAL,
  loseTwo,
  loseUnlessRefused,
  openReadAndClose,
  refused,
  setMark,
} from './neighbour-actions.js';
import type { Situation } from './opener-situations.js';
import { PAGE } from './scene.js';
import { type Opener, SHARED, type SharedScene } from './shared-file.js';

const THEIRS = new TextEncoder().encode('invoice for the repair of a car');
const LONG = `/pmem/${'n'.repeat(252)}`;

export const NAMES: Readonly<Record<string, Situation>> = {
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
      // A mark that is none: open() refuses, unless it is to do without the journal.
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
        // Until the journal is written again the file has no mark, and its name alone leads to the journal.
        if (await a.commit(2 * PAGE, 16)) await a.process.turn(() => { scene.rename(`${SHARED}.1`); });
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
};
