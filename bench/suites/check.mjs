/** `safe-pmem check` of a tree of 1,000,000 sparse files, one of them with a bad block: one walk, constant memory. */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { nativeSurroundings, runCli } from '@safe-pmem/cli';
import { openForLooking } from '@safe-pmem/core/tools';
import { nativeDriver } from '@safe-pmem/native';
import { directory } from '../place.mjs';

const FILES = process.env.SAFE_PMEM_BENCH_SHORT === '1' ? 50_000 : 1_000_000;
const FILES_IN_A_FOLDER = 1000;
/** What the walk itself may hold: names of one folder, results on their way, and what the collector has not come to. */
const GROWTH_BYTES_MAX = 96 * 1024 * 1024;

const tree = path.join(directory, 'tree');
mkdirSync(tree);
for (let made = 0; made < FILES; made += FILES_IN_A_FOLDER) {
  const folder = path.join(tree, `folder-${made}`);
  mkdirSync(folder);
  for (let i = 0; i < FILES_IN_A_FOLDER; i++) {
    const descriptor = openSync(path.join(folder, `file-${i}.db`), 'w');
    ftruncateSync(descriptor, 1 << 30);
    closeSync(descriptor);
  }
}
const damaged = path.join(tree, `folder-${FILES / 2}`, 'damaged.db');
writeFileSync(damaged, Buffer.alloc(8192, 1), { flush: true });

const native = nativeDriver();
const file = await openForLooking(damaged, native);
const { extents } = await file.extents(0, 8192);
await file.close();

let opened = 0;
let listed = [];
const driver = {
  name: 'native with a list',
  devices: {
    ofPath: (name) => native.devices.ofPath(name),
    badBlocks: () => Promise.resolve({ supported: true, ranges: listed }),
  },
  open: (name, request) => {
    opened++;
    return native.open(name, request);
  },
};
const surroundings = nativeSurroundings();

/** Runs check, and returns nanoseconds for all files. */
async function check(expected) {
  let text = '';
  const out = (more) => { text += more; };
  const screen = { out, err: () => undefined, hasColor: false, canRewrite: false, columns: 80 };
  const { tree: files, destination, now, interrupted, stayAlive } = surroundings;
  const own = { driver, tree: files, destination, screen, now, interrupted, stayAlive };
  const begun = performance.now();
  const status = await runCli(['check', tree], own);
  const ns = (performance.now() - begun) * 1e6;
  if (status !== expected) throw new Error(`check ended with ${status}: ${text}`);
  return ns;
}

const healthyNs = await check(0);
if (opened !== 0) throw new Error('a device without bad blocks was answered by looking at files');
listed = [{ offset: extents[0].physicalOffset, length: 512 }];
globalThis.gc();
const before = process.memoryUsage.rss();
const checkNs = await check(1);
globalThis.gc();
const grown = process.memoryUsage.rss() - before;
const grownText = `${Math.round(grown / 2 ** 20)} MiB`;
if (opened !== 1) throw new Error(`${opened} files were asked for their place, 1 has any`);
if (grown > GROWTH_BYTES_MAX) throw new Error(`check holds ${grownText} more than before`);

const found = performance.now();
const { status } = spawnSync('find', [tree, '-type', 'f', '-size', '+3G'], { stdio: 'ignore' });
if (status !== 0) throw new Error('find failed');
const findNs = (performance.now() - found) * 1e6;
const seconds = (checkNs / 1e9).toFixed(1);
const healthyMs = (healthyNs / 1e6).toFixed(1);
console.log(`  ${FILES} files: ${seconds} s, ${grownText} more memory; ${healthyMs} ms without bad blocks`);
const times = { 'safe-pmem check': { medianNs: checkNs / FILES }, 'find -size': { medianNs: findNs / FILES } };
const title = `check of ${FILES} files, each`;
process.send({ rows: [{ title, unit: 'ns', baseline: 'find -size', times }], absent: [] });
