// The kernel's report of a consumed memory error comes outside of any access, and names a mapping whose bytes are fine.
// Arguments: a folder on tmpfs, and log2 of the granule.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { injector } from '../../../../packages/native/test/fault-injector.mjs';

const PAGE = 4096;
const SIZE = 2048 * PAGE;
const AT = 700 * PAGE;
const [folder, log2] = process.argv.slice(2);
const name = path.join(folder, 'file');
writeFileSync(name, Buffer.alloc(SIZE, 65));
const file = await PmemFile.open(name, { driver: nativeDriver() });
const bytes = Buffer.alloc(SIZE);
const wrong = () => bytes.findIndex((byte) => byte !== 65);
file.read(bytes, 0);
if (injector.sendMemoryFailure(name, AT, 'file', 0, Number(log2)) !== 0) throw new Error('the signal was not sent');
bytes.fill(0);
file.read(bytes, 0);
if (wrong() >= 0) throw new Error(`byte ${wrong()} is not what the file holds`);
file.write(Buffer.alloc(8, 66), AT + 8);
file.persist(AT + 8, 8);
const { readFileSync } = await import('node:fs');
const stored = readFileSync(name)
  .subarray(AT + 8, AT + 16)
  .toString();
console.log(stored === 'BBBBBBBB' ? 'right' : `the file holds ${stored}`);
await file.close();
