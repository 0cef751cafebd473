// A store, and on tmpfs a load, that needs a block which the filesystem does not have. Arguments: a small empty tmpfs.
import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { firstDifference, PAGE, pattern } from './content.mjs';
import { report, thrownBy, thrownSyncBy } from './report.mjs';

const [directory] = process.argv.slice(2);
const driver = nativeDriver();
const freePages = () => statfsSync(directory).bavail;

const pages = 16;
const file = await PmemFile.open(path.join(directory, 'data'), { driver, create: true, size: pages * PAGE });
file.write(pattern(4 * PAGE), 0);
const ballast = path.join(directory, 'ballast');
writeFileSync(ballast, Buffer.alloc(freePages() * PAGE, 1));
const freeWhenFull = freePages();

const store = thrownSyncBy(() => { file.write(pattern(3 * PAGE, 2), 2 * PAGE); });
const load = thrownSyncBy(() => { file.read(new Uint8Array(100), 9 * PAGE - 50); });
const overwritten = new Uint8Array(4 * PAGE);
file.read(overwritten, 0);
const expected = Buffer.concat([pattern(4 * PAGE).subarray(0, 2 * PAGE), pattern(3 * PAGE, 2).subarray(0, 2 * PAGE)]);
const { gaps } = await file.salvage({ offset: 3 * PAGE, length: 3 * PAGE });
const preallocated = path.join(directory, 'preallocated');
const open = await thrownBy(() => PmemFile.open(preallocated, { driver, create: true, size: 8 * PAGE, preallocate: true }));
const resize = await thrownBy(() => file.resize(20 * PAGE, { preallocate: true }));
const sizeAfterResize = file.size;
const stillFull = thrownSyncBy(() => { file.write(Uint8Array.of(1), 7 * PAGE); });

rmSync(ballast);
file.write(pattern(pages * PAGE, 3), 0);
file.persist();
await file.close();
const again = await PmemFile.open(file.path, { driver });
const reread = new Uint8Array(pages * PAGE);
again.read(reread, 0);
await again.close();

report({
  freeWhenFull,
  store,
  load,
  overwrittenBytes: firstDifference(overwritten, expected) ?? 'right',
  gaps,
  open,
  leftBehind: existsSync(preallocated),
  resize,
  sizeAfterResize,
  stillFull: stillFull?.code,
  rereadBytes: firstDifference(reread, pattern(pages * PAGE, 3)) ?? 'right',
});
