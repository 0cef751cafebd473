// A worker has a file open; the main thread, which knows nothing of this library, listens for SIGBUS. Argument: a directory.
import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import path from 'node:path';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { PAGE } from './content.mjs';
import { report, thrownSyncBy } from './report.mjs';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
  const exit = once(worker, 'exit');
  await once(worker, 'message');
  process.on('SIGBUS', () => { throw new Error('it was ours'); });
  worker.postMessage('go');
  const [code] = await exit;
  process.exitCode = code;
  process.removeAllListeners('SIGBUS');
} else {
  const { PmemFile } = await import('@safe-pmem/core');
  const { nativeDriver } = await import('@safe-pmem/native');
  const name = path.join(process.argv[2], 'data');
  const file = await PmemFile.open(name, { driver: nativeDriver(), create: true, size: 4 * PAGE });
  truncateSync(file.path, PAGE);
  parentPort.postMessage('open');
  await once(parentPort, 'message');
  await file.persistAsync(0, 1);
  report({ caught: thrownSyncBy(() => { file.read(new Uint8Array(100), 3 * PAGE); })?.code });
  await file.close();
}
