// Something of the application listens for SIGBUS after the first open(); then the file is cut off under a read.
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

const file = path.join(process.argv[2], 'file');
writeFileSync(file, Buffer.alloc(16 * 4096, 1));
const opened = await PmemFile.open(file, { driver: nativeDriver() });
process.on('SIGBUS', () => undefined);
truncateSync(file, 0);
try {
  opened.read(new Uint8Array(8), 4096);
  console.log('read what is gone');
} catch (error) {
  console.log(error.code.startsWith('ERR_PMEM_') ? 'told, and alive' : String(error));
}
process.exit(0);
