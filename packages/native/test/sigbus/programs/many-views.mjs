// Views in numbers and sizes that a process has no room for. Arguments: scenario, a directory.
import { closeSync, ftruncateSync, openSync, readFileSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { PAGE, pattern } from './content.mjs';
import { mappingsOf } from './process-state.mjs';
import { report, thrownSyncBy } from './report.mjs';

const [scenario, directory] = process.argv.slice(2);
const target = path.join(directory, 'data');
const driver = nativeDriver();

async function sparseFile(size) {
  const fd = openSync(target, 'w');
  ftruncateSync(fd, size);
  closeSync(fd);
  return PmemFile.open(target, { driver });
}

async function filledFile() {
  const file = await PmemFile.open(target, { driver, create: true, size: 4 * PAGE });
  file.write(pattern(4 * PAGE), 0);
  return file;
}

const scenarios = {
  /** Nothing that could free memory later runs in between. */
  async oneTurn() {
    const file = await filledFile();
    const range = { offset: PAGE, length: 100 };
    const expected = pattern(4 * PAGE)[PAGE];
    const before = mappingsOf(target);
    let wrong = 0;
    for (let i = 0; i < 12_000; i++) {
      if (file.withView(range, (view) => view[0]) !== expected) wrong++;
    }
    const afterWithView = mappingsOf(target);
    for (let i = 0; i < 12_000; i++) {
      const view = file.view(range);
      if (view[0] !== expected) wrong++;
      view.release();
      view.release();
      if (view.length !== 0) wrong++;
    }
    const afterRelease = mappingsOf(target);
    await file.close();
    return { wrong, before, afterWithView, afterRelease };
  },

  async limit() {
    const file = await filledFile();
    const most = Math.floor(Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8')) / 2);
    const views = [];
    let refused = null;
    while (refused === null && views.length <= most) refused = thrownSyncBy(() => { views.push(file.view({ offset: 0, length: 1 })); });
    const { code, message } = refused ?? {};
    views.pop()?.release();
    const afterOneRelease = thrownSyncBy(() => { views.push(file.view({ offset: 0, length: 1 })); });
    const reads = new Uint8Array(4 * PAGE);
    file.read(reads, 0);
    const made = views.length === most;
    await file.close();
    return { made, code, namesRelease: message?.includes('release()'), afterOneRelease, reads: reads[PAGE] === pattern(4 * PAGE)[PAGE], left: mappingsOf(target) };
  },

  /** Longer than an ArrayBuffer of Node 20 can be. */
  async fiveGiB() {
    const file = await sparseFile(5 * 2 ** 30);
    let outcome;
    try {
      const view = file.view({ offset: 0, length: file.size });
      outcome = view.length === file.size && view.at(-1) === 0 ? 'whole' : 'wrong';
      view.verify();
      view.release();
    } catch (error) {
      outcome = error instanceof RangeError ? 'RangeError' : error.message;
    }
    const part = file.view({ offset: 3 * 2 ** 30, length: 2 ** 30 });
    const partRight = part.at(-1) === 0;
    // Whatever was queued to be freed is freed.
    for (let i = 0; i < 5; i++) {
      globalThis.gc();
      await new Promise(setImmediate);
    }
    await file.close();
    return { outcome, partRight };
  },

  /** More bad pages than the kernel has map entries for. */
  async strided() {
    const file = await sparseFile(131_072 * PAGE);
    const view = file.view({ offset: 0, length: file.size });
    truncateSync(target, PAGE);
    let total = 0;
    for (let i = 0; i < view.length; i += 2 * PAGE) total += view[i];
    const error = thrownSyncBy(() => { view.verify(); });
    const again = thrownSyncBy(() => { view.verify(); });
    const few = mappingsOf(target) < 10;
    await file.close();
    return { total, code: error?.code, again: again?.code, first: error?.ranges[0]?.offset, few };
  },
};

report(await scenarios[scenario]());
