// What an installation has to be able to do, on every runtime: poison and repair on the mock; on real files, read, write
// and persist, and a truncation caught by each of the five ways in which bytes are accessed. Argument: a folder. Prints one
// line of JSON.
import { mkdtempSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { MediaError, PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';

const SIZE = 1 << 18;
const KEPT = 4096;

function check(condition, what) {
  if (!condition) throw new Error(what);
}

async function poisonAndRepair() {
  const machine = mockDriver({ seed: 1 });
  const file = await PmemFile.open('/pmem/file', { driver: machine, create: true, size: 65536 });
  file.write(new TextEncoder().encode('hello'), 4096);
  file.persist();
  machine.poison('/pmem/file', { offset: 4096, length: 1 });
  const bytes = new Uint8Array(5);
  try {
    file.read(bytes, 4096);
    throw new Error('poison was read');
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    await file.repair(error.ranges, { rebuild: ({ length }) => new Uint8Array(length).fill(7) });
  }
  file.read(bytes, 4096);
  check(bytes.every((byte) => byte === 7), `repaired to ${bytes}`);
  await file.close();
}

const WAYS = {
  'guarded read': (file) => { file.read(new Uint8Array(SIZE - KEPT), KEPT); },
  'short read': (file) => { file.read(new Uint8Array(16), 2 * KEPT); },
  'number': (file) => file.readUInt32LE(3 * KEPT),
  'short write': (file) => { file.write(new Uint8Array(16), 4 * KEPT); },
  'view': (file) => file.withView({ offset: 5 * KEPT, length: KEPT }, (view) => view[100]),
};

async function caught(folder, way, driver) {
  const file = await PmemFile.open(path.join(folder, way.replace(' ', '-')), { driver, create: true, size: SIZE });
  const content = Uint8Array.from({ length: SIZE }, (_, i) => i % 251);
  file.write(content, 0);
  file.persist();
  const read = new Uint8Array(SIZE);
  file.read(read, 0);
  check(read.every((byte, i) => byte === i % 251), 'what was written was not read');
  const { persistInstruction } = file.info();
  truncateSync(file.path, KEPT);
  let code = 'nothing was thrown';
  try {
    WAYS[way](file);
  } catch (error) {
    code = error.code ?? `${error}`;
  }
  check(code === 'ERR_PMEM_TRUNCATED', `${way}: ${code}`);
  // What the file still has is read as ever.
  file.read(read.subarray(0, KEPT).fill(0), 0);
  check(read.subarray(0, KEPT).every((byte, i) => byte === i % 251), `${way}: the rest of the file`);
  await file.close();
  return persistInstruction;
}

async function main() {
  const folder = mkdtempSync(path.join(process.argv[2], 'five-ways-'));
  await poisonAndRepair();
  // A single executable names its own copy; without the option the package finds its binary.
  const binary = process.env.SAFE_PMEM_BINARY;
  const driver = nativeDriver(binary ? { binary } : {});
  let persist;
  for (const way of Object.keys(WAYS)) persist = await caught(folder, way, driver);
  console.log(JSON.stringify({ runtime: process.version, arch: process.arch, caught: Object.keys(WAYS), persist }));
}

// Not awaited at the top level, which a CommonJS bundle cannot have.
main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
