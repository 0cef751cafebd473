// Explores one target after the other, as run.mjs asks.
import { parentPort } from 'node:worker_threads';

const STACK_FRAMES = 30;

parentPort.on('message', (job) => {
  void run(job);
});

async function run({ url, name, random, seed, limit }) {
  const target = await findTarget({ url, name, random });
  let counts = { states: 0, byKind: {} };
  const onProgress = (progress) => {
    counts = progress;
    parentPort.postMessage({ type: 'progress', states: progress.states });
  };
  let failure;
  // Most states end with errors that are meant to happen: their stacks cost more than their states.
  Error.stackTraceLimit = 0;
  try {
    counts = await target.run({ seed, limit, onProgress });
  } catch (error) {
    Error.stackTraceLimit = STACK_FRAMES;
    failure = { message: error.message, schedule: error.schedule, stack: await stackOf(target, error) };
    if (error.states !== undefined) counts = { ...counts, states: error.states };
  }
  parentPort.postMessage({ type: 'done', name: target.name, states: counts.states, byKind: counts.byKind, failure });
}

async function findTarget({ url, name, random }) {
  const { targets, randomTarget } = await import(url);
  return random === undefined ? targets.find((target) => target.name === name) : randomTarget(random);
}

/** Of the same failure once more, now with its stack. */
async function stackOf(target, error) {
  if (error.schedule === undefined) return error.stack;
  try {
    await target.replay(error.schedule);
  } catch (again) {
    return again.stack;
  }
  return 'it did not fail again: what is explored does not follow from the machine alone';
}
