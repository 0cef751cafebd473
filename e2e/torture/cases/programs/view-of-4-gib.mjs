// Views at the edge of what arrays of Node 20 hold: each works to its last byte, or is refused; and all are released.
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

const EDGE = 2 ** 32;
const file = path.join(process.argv[2], 'file');
writeFileSync(file, '');
truncateSync(file, EDGE + 8192);
const opened = await PmemFile.open(file, { driver: nativeDriver() });
opened.write(Uint8Array.of(1, 2, 3, 4), EDGE - 2);
for (const length of [EDGE - 1, EDGE, EDGE + 1]) {
  for (let i = 0; i < 2; i++) {
    let view;
    try {
      view = opened.view({ offset: 0, length });
    } catch (error) {
      if (!(error instanceof RangeError) && !String(error.code).startsWith('ERR_PMEM_')) throw error;
      continue;
    }
    if (view.length !== length) throw new Error(`${view.length} bytes in place of ${length}`);
    const expected = { [EDGE - 1]: 1, [EDGE]: 2, [EDGE + 1]: 3 }[length];
    if (view[length - 1] !== expected) throw new Error(`byte ${length - 1} is ${view[length - 1]}`);
    view.verify();
    view.release();
  }
}
await opened.close();
globalThis.gc?.();
console.log('alive');
