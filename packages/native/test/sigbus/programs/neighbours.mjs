// One worker faults without pause while other threads use healthy bytes of the same file.
// Arguments: kind (poison or truncation), how many faults, directory.
import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import path from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { firstDifference, PAGE, pattern } from './content.mjs';
import { poison } from '../../fault-injector.mjs';
import { report } from './report.mjs';

const HEALTHY_BYTES = 64 * PAGE;
const BAD = HEALTHY_BYTES;
const SIZE = HEALTHY_BYTES + 4 * PAGE;

/** Loads, stores and flushes of the healthy part, until the faults have ended; at least a hundred rounds. */
async function useHealthyBytes(file, flag, first) {
  const mine = HEALTHY_BYTES / 2;
  const shared = pattern(mine);
  const bytes = new Uint8Array(mine);
  let wrong = 0;
  let rounds = 0;
  for (; rounds < 100 || Atomics.load(flag, 0) === 0; rounds++) {
    file.read(bytes, 0);
    if (firstDifference(bytes, shared) !== undefined) wrong++;
    // The second half is this thread's own: a store must arrive whole as well.
    const stored = pattern(PAGE, rounds);
    file.write(stored, first);
    const back = bytes.subarray(0, PAGE);
    file.read(back, first);
    if (firstDifference(back, stored) !== undefined) wrong++;
    if (rounds % 20 === 0) await file.persistAsync(first, PAGE);
  }
  return { wrong, enough: rounds >= 100 };
}

async function faultingWorker({ kind, target, count, flag }) {
  const request = { create: false, sizeBytes: undefined, readOnly: false, preallocate: false };
  const { file } = await nativeDriver().open(target, request);
  if (kind === 'poison') poison(target, BAD, PAGE);
  parentPort.postMessage('ready');
  await once(parentPort, 'message');
  const bytes = new Uint8Array(100);
  let missed = 0;
  try {
    for (let i = 0; i < count; i++) {
      const fault = i % 2 === 0 ? file.read(bytes, BAD + (i % 3000)) : file.write(bytes, BAD + (i % 3000));
      if (fault === undefined || fault.position < BAD || fault.position >= BAD + PAGE) missed++;
    }
  } finally {
    Atomics.store(flag, 0, 1);
  }
  await file.close();
  parentPort.postMessage({ missed });
}

async function healthyWorker({ target, flag, first }) {
  const file = await PmemFile.open(target, { driver: nativeDriver() });
  parentPort.postMessage('ready');
  await once(parentPort, 'message');
  const used = await useHealthyBytes(file, flag, first);
  await file.close();
  parentPort.postMessage(used);
}

async function main() {
  const [kind, countText, directory] = process.argv.slice(2);
  const target = path.join(directory, 'data');
  const driver = nativeDriver();
  const made = await PmemFile.open(target, { driver, create: true, size: SIZE });
  made.write(pattern(SIZE), 0);
  await made.close();
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const start = async (data) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { ...data, kind, target, flag } });
    await once(worker, 'message');
    return worker;
  };
  // The faulting worker first: what it poisons is the only mapping of the file at that time.
  const faulting = await start({ role: 'faulting', count: Number(countText) });
  const healthy = await start({ role: 'healthy', first: HEALTHY_BYTES / 2 });
  const file = await PmemFile.open(target, { driver });
  if (kind === 'truncation') truncateSync(target, HEALTHY_BYTES);
  const ends = Promise.all([once(faulting, 'message'), once(healthy, 'message')]);
  faulting.postMessage('go');
  healthy.postMessage('go');
  const here = await useHealthyBytes(file, flag, HEALTHY_BYTES - PAGE);
  const [[there], [elsewhere]] = await ends;
  await file.close();
  report({ faults: there, healthyWorker: elsewhere, mainThread: here });
}

if (isMainThread) await main();
else await (workerData.role === 'faulting' ? faultingWorker(workerData) : healthyWorker(workerData));
