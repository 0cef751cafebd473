// The kernel's report of a consumed memory error, about another mapping than the one that was accessed: two files on one path,
// and a view. Arguments: scenario, thread, log2 of the granule, a directory on tmpfs.
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { injector, poison, poisonView } from '../../fault-injector.mjs';
import { firstDifference, PAGE, pattern, storedBytes } from './content.mjs';
import { onThread } from './on-thread.mjs';
import { report, thrownSyncBy } from './report.mjs';

const [scenario, thread, log2, directory] = process.argv.slice(2);
const target = path.join(directory, 'data');
const driver = nativeDriver();
const SIZE = 1200 * PAGE;
const BAD = 600 * PAGE;
const content = pattern(SIZE);

async function openBoth() {
  const first = await PmemFile.open(target, { driver, create: true, size: SIZE });
  first.write(content, 0);
  first.persist();
  const second = await PmemFile.open(target, { driver });
  // Windows are open, and every page is mapped.
  for (const file of [first, second]) {
    file.read(new Uint8Array(SIZE), 0);
    file.write(content.subarray(BAD, BAD + 64), BAD);
    file.readUInt32LE(BAD);
  }
  return [first, second];
}

function check(errno) {
  if (errno !== 0) throw new Error(`errno ${errno}`);
}

/** What a look through every path finds: `right`, the error's code and ranges, or where it differs. */
function look(file) {
  const whole = new Uint8Array(SIZE);
  const short = new Uint8Array(100);
  const error = thrownSyncBy(() => {
    file.read(whole, 0);
    file.read(short, BAD + 7);
  });
  if (error !== null) return { code: error.code, ranges: error.ranges };
  const number = file.readUInt32LE(BAD + 4) === new DataView(content.buffer).getUint32(BAD + 4, true);
  return firstDifference(whole, content) ?? firstDifference(short, content.subarray(BAD + 7, BAD + 107)) ?? (number ? 'right' : 'number');
}

const accesses = {
  longRead: (file) => { file.read(new Uint8Array(3 * PAGE), BAD - PAGE); },
  unalignedRead: (file) => { file.read(new Uint8Array(3 * PAGE).subarray(5), BAD - PAGE + 3); },
  shortRead: (file) => { file.read(new Uint8Array(64), BAD + 100); },
  number: (file) => { file.readDoubleLE(BAD + 96); },
  longWrite: (file) => { file.write(content.subarray(BAD - PAGE, BAD + 2 * PAGE), BAD - PAGE); },
  shortWrite: (file) => { file.write(content.subarray(BAD + 10, BAD + 20), BAD + 10); },
  writeAndPersist: (file) => { file.writeAndPersist(content.subarray(BAD, BAD + 2000), BAD); },
};

const scenarios = {
  /** Nothing is being accessed when the signal comes. */
  async noAccess() {
    const [first, second] = await openBoth();
    const view = first.view({ offset: 0, length: SIZE });
    for (const [kind, skip] of [['file', 0], ['file', 1], ['view', 0]]) {
      check(injector.sendMemoryFailure(target, BAD, kind, skip, Number(log2)));
    }
    const looks = [look(first), look(second)];
    const stored = pattern(8, 9);
    first.write(stored, BAD + 8);
    first.persist(BAD + 8, 8);
    const arrived = firstDifference(storedBytes(target, BAD + 8, 8), stored) ?? 'right';
    first.writeAndPersist(content.subarray(BAD, BAD + 64), BAD);
    view.verify();
    const viewed = firstDifference(view, content) ?? 'right';
    const outcome = { looks, arrived, viewed, again: [look(first), look(second)] };
    await first.close();
    await second.close();
    return outcome;
  },

  /** One of the two mappings has a bad page, and the signal names the other: once for every way to access it. */
  async elsewhere() {
    const outcome = {};
    for (const [name, access] of Object.entries(accesses)) {
      const both = await openBoth();
      poison(target, BAD, PAGE);
      check(injector.nameMemoryFailure(target, BAD, 'file', 1, Number(log2)));
      check(injector.installAction('relabel'));
      const errors = both.map((file) => thrownSyncBy(() => { access(file); }));
      const met = errors.filter((error) => error !== null).map(({ code, ranges }) => ({ code, ranges }));
      const healthy = both[errors.indexOf(null)];
      outcome[name] = { met, healthy: healthy === undefined ? 'none' : look(healthy) };
      await Promise.all(both.map((file) => file.close()));
    }
    return outcome;
  },

  /** The same for a view, which JavaScript reads by itself. */
  async view() {
    const [first, second] = await openBoth();
    const view = first.view({ offset: 0, length: SIZE });
    poisonView(target, BAD, PAGE);
    check(injector.nameMemoryFailure(target, BAD, 'file', 0, Number(log2)));
    check(injector.installAction('relabel'));
    let total = 0;
    for (let i = 0; i < SIZE; i++) total += view[i];
    const error = thrownSyncBy(() => { view.verify(); });
    const outcome = { zeros: view[BAD] === 0 && total > 0, code: error?.code, ranges: error?.ranges, other: look(second) };
    await first.close();
    await second.close();
    return outcome;
  },
};

await onThread(thread, import.meta.url, async () => {
  report(await scenarios[scenario]());
});
