// Files that cannot be opened, asked for as a user who is not root. Arguments: directory, then cases.
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { report, thrownBy, thrownSyncBy } from './report.mjs';

const NOBODY = 65534;
const [directory] = process.argv.slice(2);
const at = (name) => path.join(directory, name);

// Loads the addon first: its folder may be one that this process cannot read later.
const driver = nativeDriver();
if (process.getuid() === 0) {
  process.setgroups([]);
  process.setgid(NOBODY);
  process.setuid(NOBODY);
}

async function refusal(name, options) {
  const error = await thrownBy(async () => {
    const file = await PmemFile.open(at(name), { driver, ...options });
    await file.close();
  });
  return error === null ? 'opened' : { code: error.code, path: error.path, inMessage: error.message.includes(`'${at(name)}'`) };
}

async function readOnlyUse() {
  const file = await PmemFile.open(at('read-only'), { driver, readOnly: true });
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0);
  const write = thrownSyncBy(() => { file.write(Uint8Array.of(1), 0); });
  const repair = await thrownBy(() => file.repair({ offset: 0, length: 1 }, { fill: 0 }));
  const resize = await thrownBy(() => file.resize(8192));
  await file.close();
  return {
    bytes: Buffer.compare(bytes, readFileSync(at('read-only'))) === 0 ? 'right' : 'wrong',
    refused: [write, repair, resize].map((error) => ({ name: error?.name, code: error?.code, path: error?.path })),
    sizeBytes: statSync(at('read-only')).size,
  };
}

report({
  readOnly: await refusal('read-only', {}),
  readOnlyCreate: await refusal('read-only', { create: true, size: 4096 }),
  forbidden: await refusal('forbidden', {}),
  forbiddenReadOnly: await refusal('forbidden', { readOnly: true }),
  forbiddenFolder: await refusal('forbidden-folder/file', { create: true, size: 4096 }),
  directory: await refusal('directory', {}),
  directoryReadOnly: await refusal('directory', { readOnly: true }),
  fifo: await refusal('fifo', {}),
  fifoReadOnly: await refusal('fifo', { readOnly: true }),
  fifoCreate: await refusal('fifo', { create: true, size: 4096 }),
  tooSmall: await refusal('small', { size: 8192 }),
  tooSmallCreate: await refusal('small', { size: 8192, create: true }),
  absent: await refusal('absent', {}),
  absentSize: await refusal('absent', { size: 4096 }),
  behindFile: await refusal('small/file', { create: true, size: 4096 }),
  readOnlyUse: await readOnlyUse(),
});
