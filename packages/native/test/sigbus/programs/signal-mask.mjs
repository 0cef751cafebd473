// Which signals the thread blocks, around faults that are caught. Arguments: thread (main or worker), directory.
import { truncateSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { PAGE } from './content.mjs';
import { onThread } from './on-thread.mjs';
import { blockedSignals, sigbusBlocked } from './process-state.mjs';
import { report, thrownSyncBy } from './report.mjs';

const [thread, directory] = process.argv.slice(2);

await onThread(thread, import.meta.url, async () => {
  const file = await PmemFile.open(path.join(directory, 'data'), { driver: nativeDriver(), create: true, size: 2 * PAGE });
  truncateSync(file.path, PAGE);
  const before = blockedSignals();
  const afterOpen = sigbusBlocked();
  const afterEachFault = [];
  for (let i = 0; i < 3; i++) {
    const error = thrownSyncBy(() => { file.read(new Uint8Array(8), PAGE); });
    afterEachFault.push({ code: error?.code, blocked: sigbusBlocked() });
  }
  const otherSignals = blockedSignals() === before ? 'as before' : { before, after: blockedSignals() };
  await file.close();
  report({ afterOpen, afterEachFault, otherSignals });
});
