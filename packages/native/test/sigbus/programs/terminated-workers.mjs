// Workers that are terminated in the middle of something, with the file open. Arguments: how many, directory.
import { once } from 'node:events';
import path from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { firstDifference, PAGE, pattern } from './content.mjs';
import { poison } from '../../fault-injector.mjs';
import { mappingsOf, openDescriptors } from './process-state.mjs';
import { report } from './report.mjs';

const SIZE = 256 * PAGE;
const CONTENT = pattern(SIZE);

const activities = {
  /** Never gives the event loop a turn: termination has to break into the copies themselves. */
  copies(file) {
    const bytes = new Uint8Array(SIZE);
    for (let i = 0; ; i++) {
      file.read(bytes, 0);
      file.write(CONTENT.subarray(0, 64 * PAGE), 0);
      if (i === 3) parentPort.postMessage('busy');
    }
  },

  /** Many calls in the pool at once, at the moment of termination. */
  async persists(file) {
    for (let i = 0; ; i++) {
      file.write(CONTENT, 0);
      const calls = Array.from({ length: 8 }, (_, at) => file.persistAsync(at * PAGE, SIZE - at * PAGE));
      if (i === 1) parentPort.postMessage('busy');
      await Promise.all(calls);
    }
  },

  /** In one call or another of a repair: the next open finishes it. */
  async repairs(file) {
    const rebuild = (range) => CONTENT.subarray(range.offset, range.offset + range.length);
    for (let i = 0; ; i++) {
      const page = (workerData.round * 7 + i) % (SIZE / PAGE);
      poison(file.path, page * PAGE, PAGE);
      const repair = file.repair({ offset: page * PAGE, length: PAGE }, { rebuild });
      // Each round stops a little further in.
      if (i === workerData.round % 3) parentPort.postMessage('busy');
      await repair;
    }
  },
};

async function terminateWorkers(target, first, count) {
  const names = Object.keys(activities);
  for (let round = first; round < first + count; round++) {
    const activity = names[round % names.length];
    const worker = new Worker(new URL(import.meta.url), { workerData: { activity, target, round } });
    const exit = once(worker, 'exit');
    const [message] = await Promise.race([once(worker, 'message'), exit.then(() => ['exit'])]);
    if (message !== 'busy') throw new Error(`round ${round}: the worker ended by itself`);
    await worker.terminate();
    await exit;
  }
}

async function main() {
  const [countText, directory] = process.argv.slice(2);
  const target = path.join(directory, 'data');
  const driver = nativeDriver();
  const file = await PmemFile.open(target, { driver, create: true, size: SIZE });
  file.write(CONTENT, 0);
  await file.close();
  // The first of each kind makes descriptors that node keeps: the pool's, the injector's.
  await terminateWorkers(target, 0, 3);
  const descriptors = openDescriptors();
  await terminateWorkers(target, 3, Number(countText));
  const newDescriptors = openDescriptors() - descriptors;
  const leftMappings = mappingsOf(target);

  const again = await PmemFile.open(target, { driver });
  const bytes = new Uint8Array(SIZE);
  again.read(bytes, 0);
  await again.close();
  report({ newDescriptors, leftMappings, content: firstDifference(bytes, CONTENT) ?? 'right' });
}

if (isMainThread) {
  await main();
} else {
  const file = await PmemFile.open(workerData.target, { driver: nativeDriver() });
  await activities[workerData.activity](file);
}
