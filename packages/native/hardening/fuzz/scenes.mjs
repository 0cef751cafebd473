// What one case of the fuzzer is: a folder, some files, and actors.
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statfsSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { Actor } from './actor.mjs';
import { PAGE } from './content.mjs';
import { PmemFileActor } from './pmem-file-actor.mjs';
import { Problem } from './problem.mjs';
import { poison } from '../../test/fault-injector.mjs';

const EXT4 = 0xef53;
const TMPFS = 0x01021994;

function makePlace(random, { base, log, logFile }) {
  const folder = mkdtempSync(path.join(base, 'fuzz-'));
  return {
    folder,
    names: ['a', 'b', 'c'],
    farAllocates: statfsSync(base).type === EXT4,
    log,
    logFile,
    seed: random.next(),
  };
}

/** Driver and addon, often with truncation from another thread. */
async function files(random, place) {
  const actor = new Actor(random, place);
  const vandal = random.chance(0.35) ? startThread('vandal', random, place) : undefined;
  for (let steps = random.between(50, 250); steps > 0; steps--) {
    await actor.step();
    if (vandal === undefined && random.chance(0.01)) await actor.verifyOne();
  }
  await vandal?.end();
  await actor.verifyOne();
  await actor.closeAll();
}

/** Threads with files of their own, terminated at any moment; this one goes on. */
async function threads(random, place) {
  const actor = new Actor(random, place);
  for (let rounds = random.between(1, 3); rounds > 0; rounds--) {
    const others = Array.from({ length: random.between(1, 3) }, () => startThread('actor', random, place));
    for (let steps = random.between(5, 60); steps > 0; steps--) await actor.step();
    for (const other of others) if (random.chance(0.7)) await other.begun;
    for (const other of others) await other.terminate();
  }
  await actor.verifyOne();
  await actor.closeAll();
}

async function pmemFiles(random, place) {
  const withPoison = statfsSync(place.folder).type === TMPFS && random.chance(0.7);
  const actor = new PmemFileActor(random, withPoison ? { ...place, poison: poisonPage } : place);
  for (let steps = random.between(50, 200); steps > 0; steps--) {
    await actor.step();
    if (random.chance(0.01)) await actor.verifyOne();
  }
  await actor.settle();
  await actor.verifyOne();
}

/** Pages poisoned so far: the parent wants to know that the machine can. */
export let poisonedPages = 0;

function poisonPage(file, offset) {
  try {
    poison(file, offset, PAGE);
    poisonedPages++;
  } catch (error) {
    // Poisoned already, mapped for reading only, or gone.
    if (!error.message.startsWith('cannot poison')) throw error;
  }
}

function startThread(kind, random, { folder, names, farAllocates, logFile }) {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const place = { folder, names, farAllocates, log: logFile };
  const worker = new Worker(new URL('./thread.mjs', import.meta.url), {
    workerData: { kind, seed: random.next(), place, flag },
  });
  let failure;
  worker.on('error', (error) => {
    failure ??= error;
  });
  const exit = once(worker, 'exit');
  const rethrow = () => {
    if (failure !== undefined) throw new Problem(`in a thread (${kind}): ${failure.stack ?? failure}`);
  };
  return {
    begun: Promise.race([once(worker, 'message'), exit]),
    terminate: async () => {
      await worker.terminate();
      await exit;
      rethrow();
    },
    end: async () => {
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
      await exit;
      rethrow();
    },
  };
}

/** Descriptors and mappings of the case's files that this process still has. */
function leftovers(folder) {
  const descriptors = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  });
  const mappings = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(folder));
  return [...descriptors.map((fd) => `descriptor ${fd}`), ...mappings];
}

/** What was dropped without close() goes when it is collected, and the collector needs a few rounds. */
async function requireNothingLeft(folder) {
  for (let rounds = 0; rounds < 60; rounds++) {
    globalThis.gc();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    if (leftovers(folder).length === 0) return;
  }
  throw new Problem(`left behind: ${leftovers(folder).join(', ')}`);
}

const scenes = { files, threads, pmemFiles };

/** Runs one case; `bases` are folders on the filesystems to use. Returns the name of its scene. */
export async function playCase(random, { bases, log, logFile }) {
  const name = random.weighted({ files: 9, threads: 4, pmemFiles: 8 });
  const place = makePlace(random, { base: random.pick(bases), log, logFile });
  log(`${name} in ${place.folder}`);
  await scenes[name](random, place);
  await requireNothingLeft(place.folder);
  rmSync(place.folder, { recursive: true });
  return name;
}
