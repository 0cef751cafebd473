// One thread repairs page after page while another thread and another process read the whole file and store into it.
// Arguments: how many pages to repair, directory. With a role as third argument: the other process.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { poison } from '../../fault-injector.mjs';
import { firstDifference, PAGE, pattern } from './content.mjs';
import { report } from './report.mjs';

const [countText, directory, role] = process.argv.slice(2);
const PAGES = Number(countText);
const target = path.join(directory, 'data');
/** The repaired part, then one page for each of the others to store into. */
const SHARED = PAGES * PAGE;
const shared = pattern(SHARED);

/** Reads all and stores its own page, again and again until told to stop; says what was not as it should be. */
async function useFile(page, started, stopped) {
  const file = await PmemFile.open(target, { driver: nativeDriver() });
  started();
  const bytes = new Uint8Array(SHARED);
  const mine = new Uint8Array(PAGE);
  const result = { wrong: 0, rounds: 0 };
  while (!stopped() || result.rounds < 20) {
    file.read(bytes, 0);
    if (firstDifference(bytes, shared) !== undefined) result.wrong++;
    const stored = pattern(PAGE, result.rounds);
    file.write(stored, SHARED + page * PAGE);
    file.persist(SHARED + page * PAGE, PAGE);
    file.read(mine, SHARED + page * PAGE);
    if (firstDifference(mine, stored) !== undefined) result.wrong++;
    result.rounds++;
    await new Promise(setImmediate);
  }
  await file.close();
  return { wrong: result.wrong, worked: result.rounds >= 20 };
}

async function asThread() {
  let stop = false;
  parentPort.once('message', () => { stop = true; });
  parentPort.postMessage(await useFile(0, () => parentPort.postMessage('started'), () => stop));
}

async function asProcess() {
  let stop = false;
  process.once('message', () => { stop = true; });
  const result = await useFile(1, () => process.send('started'), () => stop);
  process.send(result);
  process.disconnect();
}

async function main() {
  const driver = nativeDriver();
  const file = await PmemFile.open(target, { driver, create: true, size: SHARED + 2 * PAGE });
  file.write(shared, 0);
  // All at once, while this is the only mapping of the file in this process.
  for (let page = 0; page < PAGES; page++) poison(target, page * PAGE, PAGE);
  const thread = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), workerData: 'thread' });
  const other = fork(new URL(import.meta.url), [countText, directory, 'process']);
  await Promise.all([once(thread, 'message'), once(other, 'message')]);
  let repaired = 0;
  for (let page = 0; page < PAGES; page++) {
    const range = { offset: page * PAGE, length: PAGE };
    let met = false;
    try {
      file.read(new Uint8Array(1), range.offset);
    } catch (error) {
      met = error.code === 'ERR_PMEM_MEDIA';
    }
    const { units } = await file.repair(range, { rebuild: ({ offset, length }) => shared.subarray(offset, offset + length) });
    if (met && units[0].outcome === 'healthy') repaired++;
  }
  const ends = Promise.all([once(thread, 'message'), once(other, 'message')]);
  thread.postMessage('stop');
  other.send('stop');
  const [[inThread], [inProcess]] = await ends;
  const bytes = new Uint8Array(SHARED);
  file.read(bytes, 0);
  await file.close();
  report({ repaired, wrongHere: firstDifference(bytes, shared) ?? null, inThread, inProcess });
}

if (!isMainThread && workerData === 'thread') await asThread();
else await (role === 'process' ? asProcess() : main());
