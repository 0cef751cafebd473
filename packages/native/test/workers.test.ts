/** Worker threads open files of their own, and may be ended at any moment. */
import { readdirSync, readFileSync, readlinkSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { findMapping } from './fault-injector.mjs';
import { openScratch, packageFolder, PAGE, scratchFolder } from './scratch.js';
import { sizeOf } from './share.js';

/** A worker that runs `body` with an open `file` and `say` (a message to here); it ends only when it is told to. */
function startWorker(path_: string, body: string): Worker {
  const source = `
    const { parentPort } = require('node:worker_threads');
    const { nativeDriver } = require(${JSON.stringify(path.join(packageFolder, 'dist', 'index.cjs'))});
    parentPort.on('message', () => {});
    (async () => {
      const driver = nativeDriver();
      const open = async (name) => (await driver.open(name, {
        readOnly: false, create: true, sizeBytes: ${64 * PAGE}, preallocate: false })).file;
      const file = await open(${JSON.stringify(path_)});
      const say = (message) => parentPort.postMessage(message);
      ${body}
    })();`;
  return new Worker(source, { eval: true });
}

async function nextMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
}

function descriptorsOf(file: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path.dirname(file));
    } catch {
      return false;
    }
  }).length;
}

function expectNothingLeft(file: string): void {
  expect(descriptorsOf(file)).toBe(0);
  const mappings = readFileSync('/proc/self/maps', 'utf8').split('\n');
  expect(mappings.filter((line) => line.includes(file))).toEqual([]);
}

it('unmaps and closes the files of a worker that is terminated', async () => {
  const file = path.join(scratchFolder(), 'file');
  const worker = startWorker(file, `say('open')`);
  expect(await nextMessage(worker)).toBe('open');
  expect(descriptorsOf(file)).toBe(2);
  expect(findMapping(file)).toBeDefined();
  await worker.terminate();
  expectNothingLeft(file);
});

it('survives termination with every kind of call in flight', async () => {
  for (let round = 0; round < 10; round++) {
    const file = path.join(scratchFolder(), 'file');
    const worker = startWorker(file, `
      for (let i = 0; i < 20; i++) {
        file.sync(); file.persistAsync(0, 4096); file.pread(new Uint8Array(65536), 0);
        file.pwrite(new Uint8Array(65536), 0); file.resize(${64 * PAGE} + i * 4096, i % 2 === 0);
        file.writeJournal('f.repair', { bytes: new Uint8Array(1000), mark: new Uint8Array(9), temporary: '.f.tmp', isNew: false }); file.extents(0, 4096); file.fileSize(); file.readJournal('f.repair', 5000);
        open(${JSON.stringify(file)} + i);
      }
      if (${round % 3} === 1) file.close();
      say('busy');
      if (${round % 3} === 2) for (;;) file.read(new Uint8Array(16), 0);
    `);
    expect(await nextMessage(worker)).toBe('busy');
    await worker.terminate();
    expectNothingLeft(file);
  }
});

// Termination is seen by whichever call of Node-API comes next, also by the one that would have given the memory an
// owner.
it('unmaps what a worker was being given when it was terminated', async () => {
  for (let round = 0; round < sizeOf({ whole: 60, share: 15 }); round++) {
    const file = path.join(scratchFolder(), 'file');
    const worker = startWorker(file, `say('busy'); for (;;) file.view(4096, 8 * 4096).view.release();`);
    expect(await nextMessage(worker)).toBe('busy');
    await worker.terminate();
    expectNothingLeft(file);
  }
});

it('keeps the handler when the only worker that loaded the addon is gone', async () => {
  const file = path.join(scratchFolder(), 'file');
  const worker = startWorker(file, `say('open')`);
  await nextMessage(worker);
  await worker.terminate();
  // Node has closed the addon with the worker; had the system unloaded it, SIGBUS would now jump into the void.
  expect(readFileSync('/proc/self/maps', 'utf8')).toContain('safe-pmem.node');
  const here = await openScratch(file, { create: false });
  truncateSync(file, PAGE);
  expect(here.read(new Uint8Array(1), 2 * PAGE)).toMatchObject({ position: 2 * PAGE, signalCode: 2 });
});

it('catches faults on every thread at once, each with its own position', async () => {
  const folder = scratchFolder();
  const workers = Array.from({ length: 4 }, (_, i) => {
    const file = path.join(folder, `file${i}`);
    return startWorker(file, `
      require('node:fs').truncateSync(${JSON.stringify(file)}, ${PAGE});
      let wrong = 0;
      for (let i = 0; i < 3000; i++) {
        const position = ${PAGE} * (1 + i % 60) + i;
        const fault = file.read(new Uint8Array(1), position);
        if (fault?.position !== position || fault.signalCode !== 2) wrong++;
        if (file.read(new Uint8Array(64), i % 4000) !== undefined) wrong++;
      }
      await file.close();
      say({ wrong });`);
  });
  expect(await Promise.all(workers.map(nextMessage))).toEqual(Array(4).fill({ wrong: 0 }));
  await Promise.all(workers.map((worker) => worker.terminate()));
});
