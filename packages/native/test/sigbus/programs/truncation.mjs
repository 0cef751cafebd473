// The file is truncated under the mapping. Arguments: directory.
import { truncateSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { firstDifference, PAGE, pattern } from './content.mjs';
import { report, thrownSyncBy } from './report.mjs';

const [directory] = process.argv.slice(2);
const driver = nativeDriver();
const content = pattern(8 * PAGE);
const file = await PmemFile.open(path.join(directory, 'data'), { driver, create: true, size: 8 * PAGE });
file.write(content, 0);
file.persist();
truncateSync(file.path, 3 * PAGE + 100);

const whole = new Uint8Array(8 * PAGE);
const readAcross = thrownSyncBy(() => { file.read(whole, 0); });
const readBehind = thrownSyncBy(() => { file.read(new Uint8Array(10), 6 * PAGE + 5); });
const writeAcross = thrownSyncBy(() => { file.write(pattern(4 * PAGE, 2), PAGE); });
const { pieces, gaps } = await file.salvage();
const kept = Buffer.concat([content.subarray(0, PAGE), pattern(4 * PAGE, 2).subarray(0, 2 * PAGE + 100)]);
await new Promise(setImmediate);

await file.resize(10 * PAGE);
const sizeAfterResize = file.size;
const grown = new Uint8Array(6 * PAGE);
file.read(grown, 4 * PAGE);
const longer = pattern(10 * PAGE, 3);
file.write(longer, 0);
file.persist();
await file.close();

const again = await PmemFile.open(file.path, { driver });
const reread = new Uint8Array(10 * PAGE);
again.read(reread, 0);
await again.close();

report({
  readAcross,
  readBehind,
  writeAcross,
  bytesBeforeTheNewEnd: firstDifference(whole.subarray(0, 3 * PAGE + 100), content.subarray(0, 3 * PAGE + 100)) ?? 'right',
  salvaged: pieces.map(({ offset, bytes }) => ({ offset, length: bytes.length })),
  salvagedBytes: firstDifference(pieces[0].bytes.subarray(0, kept.length), kept) ?? 'right',
  gaps,
  sizeAfterResize,
  grownBytes: firstDifference(grown, new Uint8Array(6 * PAGE)) ?? 'zeros',
  rereadBytes: firstDifference(reread, longer) ?? 'right',
});
