// Several processes at one file, with losses in it from the start, in every weather that its place allows; at
// the end a process of its own looks at each page. With `power`, the filesystem stops in the middle of it and is
// mounted again.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pageOf } from '../actors/content.mjs';
import { plantLosses } from '../actors/plant-losses.mjs';
import { LOST } from '../oracle/cell.mjs';
import * as weather from '../weather.mjs';

const PAGES = 24;
const ACTORS = 3;
/** Values that one life of an actor may use. */
const VALUES = 100_000;

const EVERYWHERE = {
  kill: 4,
  rename: 4,
  link: 2,
  foreignJournal: 1,
  plantedTemporary: 1,
  readersLock: 2,
  truncate: 2,
  nothing: 3,
};
const BY_PLACE = {
  tmpfs: {},
  ext4: { fullDisk: 3 },
  xfs: { fullDisk: 2 },
  btrfs: { fullDisk: 3 },
  fuse: { badPages: 8, transientErrors: 6, slowness: 3 },
};

export async function fileRound({ place, oracle, random, startActor, durationMs, power = false }) {
  const { tell } = oracle;
  place.clear();
  const paths = ['file', 'file.1'].map((name) => path.join(place.folder, name));
  const lost = Array.from({ length: PAGES }, (_, page) => page).filter(() => random.chance(0.12));
  await plantLosses(
    paths[0],
    Buffer.concat(Array.from({ length: PAGES }, (_, page) => pageOf(page + 1, page))),
    lost,
  );
  for (let page = 0; page < PAGES; page++) tell('set', page, lost.includes(page) ? LOST : page + 1);
  // Two repairs, or a repair and a resize, are told so.
  tell('excuse', 'ERR_PMEM_LOCKED,nothing-lost,own-poison');

  let lives = 0;
  const begin = async (index) => {
    const actor = startActor(`actor-${index}`);
    const options = {
      paths,
      pages: PAGES,
      seed: random.below(2 ** 31),
      firstValue: ++lives * VALUES,
      canPoison: place.kind === 'tmpfs',
    };
    return { actor, life: actor.call('live', 'file', options) };
  };
  const running = await Promise.all(Array.from({ length: ACTORS }, (_, i) => begin(i)));
  const kill = async (index) => {
    const { actor } = running[index];
    await actor.kill();
    tell('dead', actor.name);
  };
  const context = { place, paths, random, pages: PAGES, tell };
  const happenings = { ...EVERYWHERE, ...BY_PLACE[place.kind], ...(power ? { truncate: 0, fullDisk: 0 } : {}) };
  for (const end = performance.now() + durationMs; performance.now() < end;) {
    await sleep(10 + random.below(120));
    const what = random.weighted(happenings);
    if (what === 'kill') {
      const index = random.below(ACTORS);
      await kill(index);
      running[index] = await begin(index);
    } else if (what !== 'nothing') {
      await weather[what](context);
    }
    const dead = running.find(({ actor }) => actor.ended !== undefined);
    if (dead !== undefined) {
      tell('wrong', `${dead.actor.name} ended by itself with ${dead.actor.ended}`);
      break;
    }
  }

  if (power) {
    await weather.excusing(tell, weather.IO_CODES, async () => {
      place.cutPower();
      for (let i = 0; i < ACTORS; i++) await kill(i);
      place.restorePower();
    });
  } else {
    for (const { actor, life } of running) {
      await actor.call('stop');
      const { error } = await life;
      if (error !== undefined) tell('wrong', `${actor.name}: ${error.code} ${error.stack ?? error.message}`);
      await actor.kill();
      tell('dead', actor.name);
    }
  }
  await place.command?.('calm');
  await lookAtAll({ paths, startActor, tell });
}

/** Whoever opens the file last finds what was acknowledged last, or a loss where there can be one. */
async function lookAtAll({ paths, startActor, tell }) {
  const reader = startActor('reader');
  const { error } = await reader.call('live', 'reader', { paths, pages: PAGES });
  if (error !== undefined) tell('wrong', `reader: ${error.code} ${error.stack ?? error.message}`);
  await reader.kill();
}
