// A view of a sparse file of 5 GiB: it works, or is refused; the process does not die of it, also not when it ends.
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

const LENGTH = 5 * 2 ** 30;
const file = path.join(process.argv[2], 'file');
writeFileSync(file, '');
truncateSync(file, LENGTH);
const opened = await PmemFile.open(file, { driver: nativeDriver(), readOnly: true });
for (let i = 0; i < 3; i++) {
  try {
    const view = opened.view({ offset: 0, length: LENGTH });
    if (view.bytes?.[LENGTH - 1] !== undefined && view.bytes[LENGTH - 1] !== 0) throw new Error('not zeros');
  } catch (error) {
    if (!(error instanceof RangeError) && !String(error.code).startsWith('ERR_')) throw error;
  }
}
await opened.close();
globalThis.gc?.();
console.log('alive');
