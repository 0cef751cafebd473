/** Openers that may not read the journal, or may not have the file: other owners, exclusive openers, no locks. */
import { PmemError } from '@safe-pmem/core';
import {
  aloneOrRefused,
  commitAndClose,
  JOURNAL,
  loseTwo,
  mendJournal,
  openReadAndClose,
  refused,
  setMark,
  spoilJournal,
} from './neighbour-actions.js';
import type { Situation } from './opener-situations.js';
import { PAGE } from './scene.js';
import { Opener, SHARED } from './shared-file.js';

export const ACCESS: Readonly<Record<string, Situation>> = {
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
        // An opener that was refused does not keep the others out.
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
