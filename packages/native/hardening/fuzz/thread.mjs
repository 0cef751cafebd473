// Other threads of a fuzzed process: one that truncates without pause, as another process would, and actors that are
// terminated in the middle of whatever they do.
import { truncateSync } from 'node:fs';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { Actor } from './actor.mjs';
import { SPAN } from './content.mjs';
import { openLog } from './log.mjs';
import { Random } from './random.mjs';

const { kind, seed, place, flag } = workerData;
const random = new Random(seed);

function truncateUntilTold() {
  while (Atomics.load(flag, 0) === 0) {
    try {
      truncateSync(path.join(place.folder, random.pick(place.names)), random.pick([0, 1, 4096, random.below(SPAN)]));
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    Atomics.wait(flag, 0, 0, random.below(3));
  }
}

async function act() {
  const log = openLog(place.log);
  const actor = new Actor(random, {
    ...place,
    log: (text) => {
      log(`  thread ${seed}: ${text}`);
    },
  });
  for (let steps = 1; ; steps++) {
    await actor.step();
    if (steps % 10 === 0) parentPort.postMessage({ steps });
  }
}

if (kind === 'vandal') truncateUntilTold();
else await act();
