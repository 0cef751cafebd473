// Poisoned pages under an open file. Arguments: scenario, thread (main or worker), a directory on tmpfs.
import path from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { firstDifference, PAGE, pattern, storedBytes } from './content.mjs';
import { injector, poison } from '../../fault-injector.mjs';
import { onThread } from './on-thread.mjs';
import { report, thrownSyncBy } from './report.mjs';

const [scenario, thread, directory] = process.argv.slice(2);
const target = path.join(directory, 'data');
const driver = nativeDriver();

async function newFile(sizeBytes) {
  const file = await PmemFile.open(target, { driver, create: true, size: sizeBytes });
  file.write(pattern(sizeBytes), 0);
  file.persist();
  return file;
}

function poisonPages(...numbers) {
  for (const number of numbers) poison(target, number * PAGE, PAGE);
}

/** `'right'`, or the offset in `bytes` of the first byte that is not what the file holds there. */
function judge(bytes, position, content) {
  return firstDifference(bytes, content.subarray(position, position + bytes.length)) ?? 'right';
}

const scenarios = {
  /** One byte at a time: the first, a middle and the last byte of a page, and the bytes just outside. */
  async oneByteLoads() {
    const content = pattern(8 * PAGE);
    const file = await newFile(content.length);
    poisonPages(1, 3, 5);
    const byte = new Uint8Array(1);
    const errors = [PAGE, 3 * PAGE + 2048, 6 * PAGE - 1].map((at) => thrownSyncBy(() => { file.read(byte, at); }));
    const outside = [PAGE - 1, 2 * PAGE, 3 * PAGE - 1, 4 * PAGE, 5 * PAGE - 1, 6 * PAGE].map((at) => {
      file.read(byte, at);
      return judge(byte, at, content);
    });
    const again = thrownSyncBy(() => { file.read(byte, PAGE + 1); });
    await file.close();
    return { errors, outside, again };
  },

  async oneByteStores() {
    const content = pattern(8 * PAGE);
    const file = await newFile(content.length);
    poisonPages(1, 3, 5);
    const errors = [PAGE, 3 * PAGE + 2048, 6 * PAGE - 1].map((at) => thrownSyncBy(() => { file.write(Uint8Array.of(9), at); }));
    const outside = [PAGE - 1, 2 * PAGE, 3 * PAGE - 1, 4 * PAGE, 5 * PAGE - 1, 6 * PAGE].map((at) => {
      file.write(Uint8Array.of(9), at);
      return storedBytes(target, at, 1)[0];
    });
    await file.close();
    return { errors, outside };
  },

  /** Pages 2, 3, 5 and the last, which is 100 bytes long, in one unaligned load; the buffer's margins stay as they were. */
  async load() {
    const content = pattern(8 * PAGE + 100);
    const file = await newFile(content.length);
    poisonPages(2, 3, 5, 8);
    const from = PAGE + 77;
    const arena = new Uint8Array(content.length - from + 20).fill(0xee);
    const bytes = arena.subarray(10, 10 + content.length - from);
    const error = thrownSyncBy(() => { file.read(bytes, from); });
    const goodParts = [[from, 2 * PAGE], [4 * PAGE, 5 * PAGE], [6 * PAGE, 8 * PAGE]].map(([start, end]) =>
      judge(bytes.subarray(start - from, end - from), start, content));
    const margins = [...arena.subarray(0, 10), ...arena.subarray(-10)].every((byte) => byte === 0xee);
    await file.close();
    return { error, goodParts, margins };
  },

  /** A handler above ours counts the faults and hands them on. */
  async touches() {
    const file = await newFile(8 * PAGE);
    poisonPages(1, 3, 4, 7);
    injector.installAction('chain');
    const bytes = new Uint8Array(8 * PAGE);
    const counts = [];
    for (const access of [() => { file.read(bytes, 0); }, () => { file.read(bytes, 0); }, () => { file.write(bytes, 0); }]) {
      const before = injector.actionCalls().count;
      thrownSyncBy(access);
      counts.push(injector.actionCalls().count - before);
    }
    await file.salvage();
    await file.repair({ offset: 0, length: 8 * PAGE }, { fill: 1 });
    file.read(bytes, 0);
    counts.push(injector.actionCalls().count - counts[0]);
    await file.close();
    return { faults: counts };
  },

  async store() {
    const content = pattern(8 * PAGE + 100);
    const file = await newFile(content.length);
    poisonPages(2, 3, 5, 8);
    const from = PAGE + 77;
    const stored = pattern(content.length, 2);
    const error = thrownSyncBy(() => { file.write(stored.subarray(from), from); });
    const goodParts = [[from, 2 * PAGE], [4 * PAGE, 5 * PAGE], [6 * PAGE, 8 * PAGE]].map(([start, end]) =>
      judge(storedBytes(target, start, end - start), start, stored));
    const before = judge(storedBytes(target, 0, from), 0, content);
    await file.close();
    return { error, goodParts, before };
  },

  /** The receipt, then the bytes through this mapping, through pread and after reopening. */
  async rebuild() {
    const content = pattern(8 * PAGE + 100);
    const file = await newFile(content.length);
    poisonPages(2, 3, 8);
    const error = thrownSyncBy(() => { file.read(new Uint8Array(content.length), 0); });
    const asked = [];
    const receipt = await file.repair(error.ranges, {
      rebuild: (range) => {
        asked.push(range);
        return content.subarray(range.offset, range.offset + range.length);
      },
    });
    const bytes = new Uint8Array(content.length);
    file.read(bytes, 0);
    file.write(pattern(100, 5), 2 * PAGE);
    content.set(pattern(100, 5), 2 * PAGE);
    file.persist();
    const throughPread = judge(storedBytes(target, 0, content.length + 1), 0, content);
    await file.close();
    const again = await PmemFile.open(target, { driver });
    const reread = new Uint8Array(again.size);
    again.read(reread, 0);
    await again.close();
    return {
      error,
      asked,
      units: receipt.units.map(({ range, outcome, lost }) => ({ range, outcome, lost })),
      bytes: judge(bytes, 0, pattern(8 * PAGE + 100)),
      throughPread,
      reread: judge(reread, 0, content),
      size: reread.length,
    };
  },

  /** Neither rebuild nor fill: the bytes are there all the same, through pread. */
  async nothingSupplied() {
    const content = pattern(6 * PAGE);
    const file = await newFile(content.length);
    poisonPages(2, 3);
    const error = thrownSyncBy(() => { file.read(new Uint8Array(2), 3 * PAGE - 1); });
    const receipt = await file.repair(error.ranges);
    const here = new Uint8Array(content.length);
    file.read(here, 0);
    await file.close();
    const again = await PmemFile.open(target, { driver });
    const reread = new Uint8Array(content.length);
    again.read(reread, 0);
    await again.close();
    const tombstoned = receipt.units.map((unit) => unit.tombstoned);
    return { error, tombstoned, here: judge(here, 0, content), reread: judge(reread, 0, content) };
  },
};

await onThread(thread, import.meta.url, async () => {
  report(await scenarios[scenario]());
});
