// Mapped memory that JavaScript touches by itself: numbers and views. Arguments: scenario, thread, a directory on tmpfs.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { deflate } from 'node:zlib';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { poison, poisonView } from '../../fault-injector.mjs';
import { firstDifference, PAGE, pattern, storedBytes } from './content.mjs';
import { onThread } from './on-thread.mjs';
import { mappingsOf } from './process-state.mjs';
import { report, thrownBy, thrownSyncBy } from './report.mjs';

const [scenario, thread, directory] = process.argv.slice(2);
const target = path.join(directory, 'data');
const driver = nativeDriver();
const SIZE = 8 * PAGE + 100;
const content = pattern(SIZE);

/** A page of the file in its mapping and in the view: a medium that loses it loses it for both. */
function poisonEverywhere(offset) {
  poison(target, offset, PAGE);
  poisonView(target, offset, PAGE);
}

async function newFile() {
  const file = await PmemFile.open(target, { driver, create: true, size: SIZE });
  file.write(content, 0);
  file.persist();
  return file;
}

/** Element by element, as a user's loop would, often enough that the engine compiles it. */
function sum(bytes) {
  let total = 0;
  for (let i = 0; i < bytes.length; i++) total += bytes[i];
  return total;
}
for (let i = 0; i < 200; i++) sum(content);

/** The sum that the bytes should have. */
const good = (from, to) => sum(content.subarray(from, to));

const scenarios = {
  /** A number of each size, in a poisoned page, across its edge, and beside it. */
  async numbers() {
    const file = await newFile();
    const expected = new DataView(content.buffer);
    for (let i = 0; i < 10_000; i++) file.readUInt32LE(i % (2 * PAGE));
    poison(target, 3 * PAGE, PAGE);
    const beside = [file.readUInt32LE(3 * PAGE - 4), file.readDoubleBE(4 * PAGE), file.readBigInt64LE(PAGE + 1)];
    const right = [expected.getUint32(3 * PAGE - 4, true), expected.getFloat64(4 * PAGE), expected.getBigInt64(PAGE + 1, true)];
    const error = thrownSyncBy(() => { file.readUInt32LE(3 * PAGE - 1); });
    const again = thrownSyncBy(() => { file.readUInt8(3 * PAGE + 7); });
    const afterwards = file.readUInt16BE(5 * PAGE) === expected.getUint16(5 * PAGE);
    await file.close();
    const closed = thrownSyncBy(() => { file.readUInt8(0); });
    return { beside: beside.every((value, i) => Object.is(value, right[i])), error, again, afterwards, closed };
  },

  /** Below PmemFile: a fault in the window that no takeFault() has asked about when the next calls come. */
  async untaken() {
    const calls = {
      read: (file) => {
        const bytes = new Uint8Array(SIZE);
        return [file.read(bytes, 0), firstDifference(bytes.subarray(0, 2 * PAGE), content.subarray(0, 2 * PAGE)) ?? 'right'];
      },
      write: (file) => [file.write(pattern(8, 3), 2 * PAGE + 8), firstDifference(storedBytes(target, 2 * PAGE + 8, 8), pattern(8, 3)) ?? 'right'],
      writeAndPersist: (file) => [file.writeAndPersist(pattern(8, 4), 2 * PAGE), firstDifference(storedBytes(target, 2 * PAGE, 8), pattern(8, 4)) ?? 'right'],
      persist: (file) => [file.persist(0, SIZE)],
      persistRanges: (file) => [file.persistRanges([{ offset: 2 * PAGE, length: 10 }])],
    };
    const outcomes = {};
    for (const [name, call] of Object.entries(calls)) {
      const file = await newFile();
      await file.close();
      const outcome = await driver.open(target, { readOnly: false, create: false, sizeBytes: undefined, preallocate: false });
      const window = outcome.file.memoryWindow(0, SIZE);
      truncateSync(target, 2 * PAGE);
      const zero = window.bytes[2 * PAGE + 8];
      const counted = window.faults[0];
      truncateSync(target, SIZE);
      outcomes[name] = { zero, counted, result: call(outcome.file).map((value) => value ?? null), left: window.faults[0] };
      await outcome.file.close();
    }
    return outcomes;
  },

  /** Short stores go without the addon: into a truncated page, and across its edge. */
  async shortStores() {
    const file = await newFile();
    truncateSync(target, 2 * PAGE);
    const errors = [2 * PAGE, 2 * PAGE - 10].map((at) => thrownSyncBy(() => { file.write(pattern(20, 5), at); }));
    truncateSync(target, SIZE);
    const edge = firstDifference(storedBytes(target, 2 * PAGE - 10, 10), pattern(20, 5).subarray(0, 10)) ?? 'right';
    const lost = storedBytes(target, 2 * PAGE, 20).every((byte) => byte === 0);
    // The page is the file's again: what is stored now arrives.
    file.write(pattern(20, 6), 2 * PAGE);
    const arrives = firstDifference(storedBytes(target, 2 * PAGE, 20), pattern(20, 6)) ?? 'right';
    await file.close();
    return { errors, edge, lost, arrives };
  },

  async view() {
    const file = await newFile();
    const range = { offset: PAGE + 50, length: 5 * PAGE };
    const view = file.view(range);
    poisonEverywhere(2 * PAGE);
    poisonEverywhere(4 * PAGE);
    const untouched = thrownSyncBy(() => { view.verify(); });
    const head = sum(view.subarray(0, PAGE - 50)) === good(PAGE + 50, 2 * PAGE);
    const stillGood = thrownSyncBy(() => { view.verify(); });
    const first = view[PAGE];
    const one = thrownSyncBy(() => { view.verify(); });
    sum(view);
    const both = thrownSyncBy(() => { view.verify(); });
    const tail = sum(view.subarray(4 * PAGE - 50)) === good(5 * PAGE, 6 * PAGE + 50);
    const refused = thrownSyncBy(() => { file.view(range); });
    const fresh = file.view({ offset: 5 * PAGE, length: PAGE });
    const freshGood = sum(fresh) === good(5 * PAGE, 6 * PAGE) && thrownSyncBy(() => { fresh.verify(); });
    const { length } = view;
    await file.close();
    return { length, untouched, head, stillGood, first, one, both, tail, refused, freshGood };
  },

  /** By code that is not JavaScript: on this thread, on a thread of the pool, in the kernel. */
  async elsewhere() {
    const file = await newFile();
    const verdicts = {};
    const views = { crypto: (view) => createHash('sha256').update(view).digest(), zlib: (view) => promisify(deflate)(view) };
    for (const [name, use] of Object.entries(views)) {
      const view = file.view({ offset: 0, length: 4 * PAGE });
      poisonView(target, 2 * PAGE, PAGE);
      await use(view);
      verdicts[name] = thrownSyncBy(() => { view.verify(); })?.ranges;
      view.release();
      // Met, and so known: forgotten with a new file, so that the next finds it by itself.
      await file.repair({ offset: 2 * PAGE, length: PAGE }, { rebuild: ({ offset, length }) => content.subarray(offset, offset + length) });
    }
    const view = file.view({ offset: 0, length: 4 * PAGE });
    poisonView(target, 2 * PAGE, PAGE);
    const null_ = openSync(path.join(directory, 'copy'), 'w');
    let written;
    try {
      written = writeSync(null_, view);
    } catch (error) {
      written = error.code;
    }
    closeSync(null_);
    // A short count or EFAULT: never the whole length with zeros in it.
    verdicts.kernel = written === 'EFAULT' || written === 2 * PAGE ? 'refused' : written;
    await file.close();
    return verdicts;
  },

  async stores() {
    const file = await newFile();
    const view = file.view({ offset: PAGE, length: PAGE });
    file.write(Uint8Array.of(77), PAGE + 5);
    const showsUp = view[5] === 77;
    view.fill(0xee);
    const stays = storedBytes(target, PAGE, PAGE).every((byte, i) => byte === (i === 5 ? 77 : content[PAGE + i]));
    await file.close();
    return { showsUp, stays };
  },

  async lifetime() {
    const file = await newFile();
    const view = file.view({ offset: 4 * PAGE, length: 4 * PAGE });
    const part = view.subarray(0, 10);
    const released = file.view({ offset: 0, length: 10 });
    released.release();
    const before = sum(view);
    await file.resize(6 * PAGE);
    const head = sum(view.subarray(0, 2 * PAGE)) === good(4 * PAGE, 6 * PAGE);
    const stillGood = thrownSyncBy(() => { view.verify(); });
    const beyond = view[3 * PAGE];
    const truncated = thrownSyncBy(() => { view.verify(); });
    await file.resize(SIZE);
    const numberBehind = file.readUInt32LE(7 * PAGE);
    await file.close();
    const lengths = [released.length, view.length, part.length];
    const closed = thrownSyncBy(() => { view.verify(); });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    return { before: before === good(4 * PAGE, 8 * PAGE), head, stillGood, beyond, truncated, numberBehind, lengths, closed, mappings: mappingsOf(target) };
  },

  /** A copy of a view, or its very memory, in another thread: no thread is left with memory that is not there. */
  async posted() {
    const file = await newFile();
    const view = file.view({ offset: 0, length: SIZE });
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       let kept;
       parentPort.on('message', (bytes) => {
         kept ??= new Uint8Array(bytes);
         let total = 0;
         for (const byte of kept) total += byte;
         parentPort.postMessage(total);
       });`,
      { eval: true },
    );
    const ask = async (message, transfer) => {
      const answer = once(worker, 'message');
      worker.postMessage(message, transfer);
      return (await answer)[0];
    };
    // Node 20 copies what may not be transferred, later releases refuse.
    const first = await ask(view.buffer, [view.buffer]).catch((error) => {
      if (error.name !== 'DataCloneError') throw error;
      return ask(view.buffer);
    });
    // Of whole pages: the file's last one is zeros after its end.
    const right = first === good(0, SIZE);
    await file.close();
    const afterClose = await ask('again') === first;
    await worker.terminate();
    return { right, afterClose };
  },

  async withView() {
    const file = await newFile();
    const whole = { offset: 0, length: 8 * PAGE };
    const result = file.withView(whole, sum) === good(0, 8 * PAGE);
    const poisoned = (read) => thrownBy(() => file.withView(whole, (view) => {
      poisonEverywhere(6 * PAGE);
      return read(view);
    }));
    const returned = await poisoned(sum);
    await file.repair({ offset: 6 * PAGE, length: PAGE }, { rebuild: ({ offset, length }) => content.subarray(offset, offset + length) });
    const threw = await poisoned((view) => {
      if (view[6 * PAGE] === 0) throw new RangeError('a zero where none can be');
    });
    const own = await new Promise((resolve) => {
      try {
        file.withView({ offset: 0, length: 8 }, () => { throw new SyntaxError('mine'); });
      } catch (error) {
        resolve(error.message);
      }
    });
    await file.close();
    return { result, returned, threw, own };
  },
};

await onThread(thread, import.meta.url, async () => {
  report(await scenarios[scenario]());
});
