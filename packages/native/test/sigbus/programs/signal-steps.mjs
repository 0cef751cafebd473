// Signals that are ours and signals that are not, in an order that the test chooses.
// Arguments: a directory, then steps. Every step says that it begins, so that last words tell what the process died of.
import { truncateSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { firstDifference, PAGE, pattern } from './content.mjs';
import { injector } from '../../fault-injector.mjs';
import { sigbusBlocked } from './process-state.mjs';
import { report, thrownSyncBy } from './report.mjs';

const [directory, ...steps] = process.argv.slice(2);
const driver = nativeDriver();
const CONTENT = pattern(2 * PAGE);
const opened = [];

/** Four pages of which the last two are gone, so that loads after 2 * PAGE fault. */
async function open() {
  const file = await PmemFile.open(path.join(directory, `file-${opened.length}`), { driver, create: true, size: 4 * PAGE });
  file.write(CONTENT, 0);
  truncateSync(file.path, 2 * PAGE);
  opened.push(file);
  return 'opened';
}

function ownFault() {
  return thrownSyncBy(() => { opened.at(-1).read(new Uint8Array(100), 3 * PAGE); })?.code ?? 'nothing was thrown';
}

function ownLoad() {
  const bytes = new Uint8Array(2 * PAGE);
  opened.at(-1).read(bytes, 0);
  return firstDifference(bytes, CONTENT) ?? 'right';
}

/** Installs an action with sigaction(2): siginfo, plain, ignore, default, or chain, which calls what was there before. */
function install(action) {
  const errno = injector.installAction(action);
  return errno === 0 ? 'installed' : `errno ${errno}`;
}

function foreignFault() {
  return injector.faultForeignMapping() ? 'the handler jumped out' : 'went on behind the fault';
}

/** What the last handler was told. Where the injector mapped its own file only the injector knows: a page, not in ours. */
function handlerCalls() {
  const { count, lastCode, lastAddress } = injector.actionCalls();
  const mapping = opened.length === 0 ? undefined : injector.findMapping(opened.at(-1).path);
  const inOurFile = mapping !== undefined && lastAddress >= mapping.begin && lastAddress < mapping.end;
  return { count, lastCode, lastAddress: lastAddress < 65536 ? lastAddress : { aligned: lastAddress % PAGE === 0, inOurFile } };
}

/** A BUS_MCEERR_AO, sent to this thread: about the byte `offset` of our mapping, or about address 4096. */
function advisory(offset) {
  const errno = offset === undefined ? injector.sendAdvisory() : injector.sendAdvisory(opened.at(-1).path, Number(offset));
  return errno === 0 ? 'sent' : `errno ${errno}`;
}

/** The test sends the signal, then ends our stdin. */
async function waitForSignal(expectedCalls) {
  report({ ready: true });
  process.stdin.resume();
  await once(process.stdin, 'end');
  // kill(2) returns before the signal is handled; which thread of this process handles it is the kernel's choice.
  while (injector.actionCalls().count < Number(expectedCalls)) await new Promise((resolve) => { setTimeout(resolve, 1); });
  return 'went on';
}

/** `count` foreign faults on a worker while this thread does guarded copies, healthy and faulting. */
async function foreignFaultsElsewhere(count) {
  const flag = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL('./foreign-faults.mjs', import.meta.url), { workerData: { flag, count: Number(count) } });
  let ended = false;
  const exit = once(worker, 'exit').then(([code]) => { ended = true; return code; });
  await Promise.race([once(worker, 'message'), exit]);
  const wrong = { loads: 0, faults: 0 };
  let copies = 0;
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
  while (Atomics.load(flag, 1) < Number(count) && !ended) {
    if (ownLoad() !== 'right') wrong.loads++;
    if (ownFault() !== 'ERR_PMEM_TRUNCATED') wrong.faults++;
    if (++copies % 100 === 0) await new Promise(setImmediate);
  }
  return { exitCode: await exit, foreign: Atomics.load(flag, 1), wrong, some: copies > 0 };
}

let heard = 0;
const listener = () => { heard++; };

function listen() {
  process.on('SIGBUS', listener);
  return 'listening';
}

function unlisten() {
  process.off('SIGBUS', listener);
  return 'not listening';
}

function listenAndStop(count) {
  for (let i = 0; i < Number(count); i++) {
    listen();
    unlisten();
  }
  return 'not listening';
}

/** Node calls listeners in a later turn of the event loop. */
async function listenerCalls(expected) {
  while (heard < Number(expected)) await new Promise((resolve) => { setTimeout(resolve, 1); });
  return heard;
}

const doing = {
  listen, unlisten, listenAndStop, listenerCalls, open, ownFault, ownLoad, install, foreignFault, handlerCalls, advisory, waitForSignal, foreignFaultsElsewhere, sigbusBlocked,
};

for (const step of steps) {
  const [name, argument] = step.split('=');
  report({ doing: step });
  report({ done: step, result: await doing[name](argument) });
}
for (const file of opened) await file.close();
