// An engine with its files on two devices, of which one fails as it is told: with that no record and no key may
// be lost. Its process is killed and started again; at the end another one looks at everything.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { storePaths } from '../actors/store-life.mjs';
import * as weather from '../weather.mjs';

const KEYS = 200;
const LANES = 8;
/** Versions that one life may use. */
const VERSIONS = 1_000_000;
/** Pages of a file that are made bad: the first, where headers are, more often than others. */
const PAGES = 18;

export const logRound = (context) =>
  engineRound(context, ({ healthy, failing, fifo }) => {
    const paths = [path.join(healthy.folder, 'log'), path.join(failing.folder, 'log-mirror')];
    return { life: 'log', failing: [paths[1]], options: () => ({ paths, fifo }) };
  });

export const storeRound = (engine) => (context) =>
  engineRound(context, ({ healthy, failing, fifo }) => {
    const [location, mirrorLocation] = [path.join(healthy.folder, 'db'), path.join(failing.folder, 'db')];
    const { mirror, logMirror } = storePaths(location, mirrorLocation);
    const options = (life) => ({
      engine,
      location,
      mirrorLocation,
      fifo,
      keys: KEYS,
      lanes: LANES,
      firstVersion: life * VERSIONS + 1,
    });
    return { life: 'store', failing: [mirror, logMirror], options };
  });

async function engineRound({ place, oracle, random, startActor, durationMs }, describe) {
  const { tell, fifo } = oracle;
  const [healthy, failing] = [await place(random.pick(['tmpfs', 'ext4'])), await place('fuse')];
  const { life, failing: files, options } = describe({ healthy, failing, fifo });
  let lives = 0;
  const look = (actor) =>
    report({ actor, life: actor.call('live', life, { ...options(0), look: true, seed: 0 }) }, tell);
  // It is made in good weather: an engine whose making failed has promised nothing.
  await look(startActor('maker'));
  const begin = () => {
    const actor = startActor('engine');
    return { actor, life: actor.call('live', life, { ...options(++lives), seed: random.below(2 ** 31) }) };
  };
  let running = begin();
  for (const end = performance.now() + durationMs; performance.now() < end;) {
    await sleep(50 + random.below(250));
    const what = random.weighted({ kill: 4, badPages: 4, transientErrors: 2, slowness: 1 });
    if (what === 'kill') {
      await running.actor.kill();
      tell('dead', 'engine');
      running = begin();
    } else if (what === 'badPages') {
      const file = random.pick(files);
      const page = random.chance(0.3) ? 0 : random.below(PAGES);
      await failing.makeBad(file, page).catch((error) => {
        if (error.code !== 'ENOENT') throw error;
      });
    } else if (what === 'transientErrors') {
      await weather.excusing(tell, ['any'], () => weather.transientErrors({ place: failing, random, tell }));
    } else {
      await weather.slowness({ place: failing, random });
    }
    if (running.actor.ended !== undefined) {
      tell('wrong', `the engine's process ended by itself with ${running.actor.ended}`);
      break;
    }
  }
  // Half of the time it is stopped, half of the time killed.
  if (random.chance(0.5)) {
    await running.actor.call('stop');
    await report(running, tell);
  }
  await running.actor.kill();
  tell('dead', 'engine');
  await failing.command('calm');
  await look(startActor('reader'));
}

async function report({ actor, life }, tell) {
  const { error } = await life;
  if (error !== undefined) tell('wrong', `${actor.name}: ${error.code} ${error.stack ?? error.message}`);
}
