// A worker that faults on a mapping of its own, over and over, and relies on another handler to get out again.
import { parentPort, workerData } from 'node:worker_threads';
import { injector } from '../../fault-injector.mjs';

const { flag, count } = workerData;
parentPort.postMessage('ready');
Atomics.wait(flag, 0, 0);
for (let i = 0; i < count; i++) {
  if (!injector.faultForeignMapping()) throw new Error('went on behind the fault');
  Atomics.add(flag, 1, 1);
}
