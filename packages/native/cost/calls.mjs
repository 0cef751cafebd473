// System calls of operations on one file, for strace to count. Between two markers, a thousand operations of one kind.
import { accessSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

const directory = mkdtempSync(path.join(process.argv[2], 'cost-'));
const file = await PmemFile.open(path.join(directory, 'file'), { driver: nativeDriver(), create: true, size: 1 << 20, preallocate: true });
file.write(new Uint8Array(1 << 19).fill(7), 0);
const short = new Uint8Array(64);
const zeros = new Uint8Array(64);
const long = new Uint8Array(10_000);
const ranges = Array.from({ length: 16 }, (_, i) => ({ offset: i * 8192, length: 64 }));
const operations = {
  readShort: (i) => { file.read(short, i * 64); },
  readLong: (i) => { file.read(long, i * 64); },
  readNumber: (i) => { file.readUInt32LE(i * 64); },
  // Zeros at the end of a read may be what the kernel puts after a cut: the file is asked for its size.
  readZeros: (i) => { file.read(zeros, (1 << 19) + i * 64); },
  writeShort: (i) => { file.write(short, i * 64); },
  writeLong: (i) => { file.write(long, i * 64); },
  persist: (i) => { file.persist(i * 64, 64); },
  writeAndPersist: (i) => { file.writeAndPersist(short, i * 64); },
  persistRanges: () => { file.persistRanges(ranges); },
  withView: (i) => { file.withView({ offset: i * 64, length: 64 }, (view) => view[0]); },
};

function mark(name) {
  try {
    accessSync(`/cost-marker/${name}`);
  } catch {
    // There is no such file: the call is the mark.
  }
}

for (const [name, operation] of Object.entries(operations)) {
  for (let i = 0; i < 2000; i++) operation(i % 1000);
  mark(name);
  for (let i = 0; i < 1000; i++) operation(i);
  mark('end');
}
await file.close();
rmSync(directory, { recursive: true });
