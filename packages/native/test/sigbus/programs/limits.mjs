// What the process may have runs out: address space for a larger mapping, descriptors for one more file. Argument: a directory.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { firstDifference, PAGE, pattern } from './content.mjs';
import { report, thrownBy } from './report.mjs';

const [directory] = process.argv.slice(2);
const driver = nativeDriver();
const GIB = 2 ** 30;

/** Sets the soft limit of this process only, so that it can be lifted again. */
function limit(resource, value) {
  const { status, stderr, error } = spawnSync('prlimit', ['--pid', String(process.pid), `--${resource}=${value}:`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`this test needs prlimit (util-linux): ${error?.message ?? stderr}`);
}

const target = path.join(directory, 'file');
const file = await PmemFile.open(target, { driver, create: true, size: 4 * PAGE });
file.write(pattern(4 * PAGE), 0);
const kib = Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
limit('as', kib * 1024 + GIB / 4);
const grow = await thrownBy(() => file.resize(2 * GIB, { preallocate: true }));
const growSparse = await thrownBy(() => file.resize(2 * GIB));
const sizes = [file.size, statSync(target).size];
limit('as', 'unlimited');
await file.resize(2 * GIB);
const grown = [file.size, statSync(target).size];
const back = new Uint8Array(4 * PAGE);
file.read(back, 0);
await file.close();

limit('nofile', 3);
const tooMany = await thrownBy(() => PmemFile.open(target, { driver }));
report({ grow, growSparse, sizes, grown, bytes: firstDifference(back, pattern(4 * PAGE)) ?? 'right', tooMany });
