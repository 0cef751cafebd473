// Which binary this process runs, and whether its guard catches. Arguments: directory.
import { createHash } from 'node:crypto';
import { readFileSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { PAGE } from './content.mjs';
import { report, thrownSyncBy } from './report.mjs';

const [directory] = process.argv.slice(2);
const file = await PmemFile.open(path.join(directory, 'data'), { driver: nativeDriver(), create: true, size: 2 * PAGE });
truncateSync(file.path, PAGE);
const load = thrownSyncBy(() => { file.read(new Uint8Array(8), PAGE); });
const store = thrownSyncBy(() => { file.write(new Uint8Array(8), PAGE); });
await file.close();

const maps = readFileSync('/proc/self/maps', 'utf8');
const addons = new Set(maps.split('\n').filter((line) => line.endsWith('.node')).map((line) => line.slice(line.indexOf('/'))));
report({
  load: load?.code,
  store: store?.code,
  addons: [...addons].map((addon) => createHash('sha256').update(readFileSync(addon)).digest('hex')),
});
