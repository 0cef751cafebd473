// The application listens for SIGBUS after the first open(), and again, and stops; then the file is cut off under each
// way to load. None kills the process or has it fault for ever.
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

const PAGE = 4096;
const loads = {
  read: (opened) => opened.read(new Uint8Array(8), PAGE),
  readUInt32LE: (opened) => opened.readUInt32LE(PAGE),
  withView: (opened) => opened.withView({ offset: PAGE, length: 8 }, (view) => view[0]),
  // The mapping is there before the listener.
  view: (opened, view) => {
    if (view[PAGE] !== 0) throw new Error('read what is gone');
    view.verify();
  },
};
const told = [];
const listener = () => undefined;
for (const [name, load] of Object.entries(loads)) {
  const file = path.join(process.argv[2], name);
  writeFileSync(file, Buffer.alloc(16 * PAGE, 1));
  const opened = await PmemFile.open(file, { driver: nativeDriver() });
  const view = opened.view({ offset: 0, length: 2 * PAGE });
  process.on('SIGBUS', listener);
  truncateSync(file, 0);
  try {
    load(opened, view);
  } catch (error) {
    if (!String(error.code).startsWith('ERR_PMEM_')) throw error;
    told.push(name);
  }
  process.removeListener('SIGBUS', listener);
  view.release();
  await opened.close();
}
console.log(`${told.join(' ')} told, and alive`);
process.exit(0);
