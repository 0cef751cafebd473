// One command line of the built command on a simulated machine with damage, on the terminal that this process has.
import { nativeSurroundings, runCli } from '../../dist/index.js';
import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';

const PAGE = 4096;
const DB = '/mnt/pmem/db/app.db';
const content = (pages) => Uint8Array.from({ length: pages * PAGE }, (_, i) => ((i * 7 + (i >>> 12) * 13) % 255) + 1);

const driver = mockDriver();
for (const folder of ['/mnt', '/mnt/pmem', '/mnt/pmem/db']) driver.makeDirectory(folder);
driver.writeFile(DB, content(1024));
driver.truncate(DB, 1280 * PAGE);
driver.writeFile('/mnt/pmem/db/replica.db', content(1024));
driver.truncate('/mnt/pmem/db/replica.db', 1280 * PAGE);
driver.writeFile('/mnt/pmem/db/old.db', content(64));
driver.poison('/mnt/pmem/db/old.db', { offset: 3 * PAGE, length: PAGE });
const old = await PmemFile.open('/mnt/pmem/db/old.db', { driver });
await old.repair({ offset: 3 * PAGE, length: PAGE });
await old.close();
driver.poison(DB, { offset: 5 * PAGE + 100, length: 1 });
driver.poison(DB, { offset: 700 * PAGE, length: 3 * PAGE });

/** As test/mock-surroundings.ts: every file of the machine. */
const tree = {
  *walk(path) {
    for (const name of driver.listFiles().filter((file) => file === path || file.startsWith(`${path}/`))) {
      const sizeBytes = driver.readFile(name).length;
      const withPath = (use) => use(name);
      yield { kind: 'file', name, nameBytes: undefined, sizeBytes, allocatedBytes: sizeBytes, withPath };
    }
  },
  isDirectory: (path) => !driver.listFiles().includes(path),
  blockBytes: () => PAGE,
  estimate: () => undefined,
};
const { screen: terminal, destination, interrupted, stayAlive } = nativeSurroundings();
/** Tells the terminal, and lets the next error come once it is waited for. */
const saying = (say) => (text) => {
  say(text);
  if (text.startsWith('watching')) setImmediate(() => { driver.poison(DB, { offset: 9 * PAGE, length: 1 }); });
};
const { hasColor, canRewrite, columns } = terminal;
const screen = { out: saying(terminal.out), err: saying(terminal.err), hasColor, canRewrite, columns };
const now = () => new Date('2026-11-28T18:44:31');
const argv = process.argv.slice(2);
process.exitCode = await runCli(argv, { driver, tree, destination, screen, now, interrupted, stayAlive });
