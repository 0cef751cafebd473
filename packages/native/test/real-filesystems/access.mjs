// Opens a file and does the steps it is told, and reports what each of them did: `ok`, or the error as data. Arguments: the file,
// and the steps as JSON, each `[name, …arguments]`.
import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

const PAGE = 4096;
const [name, text] = process.argv.slice(2);
const steps = JSON.parse(text);
const driver = nativeDriver();
let file;

const actions = {
  open: async (options) => { file = await PmemFile.open(name, { driver, ...options }); },
  close: () => file.close(),
  /** All bytes have to be `byte`. */
  read: (offset, length, byte) => {
    const bytes = new Uint8Array(length);
    file.read(bytes, offset);
    const at = bytes.findIndex((found) => found !== byte);
    if (at >= 0) throw new Error(`byte ${offset + at} is ${bytes[at]}, expected ${byte}`);
  },
  number: (offset) => file.readUInt8(offset),
  view: (offset, length) => file.withView({ offset, length }, (view) => view[0]),
  write: (offset, length, byte) => { file.write(new Uint8Array(length).fill(byte), offset); },
  /** Pages are written one after the other, to the first that fails. */
  writePages: (from, to, byte) => {
    for (let page = from; page < to; page++) file.write(new Uint8Array(PAGE).fill(byte), page * PAGE);
  },
  persist: (...range) => { file.persist(...range); },
  /** A persist on this thread, made when one on the pool has ended and this thread has not heard of it. */
  persistBeside: async (now, later) => {
    const codeOf = async (action) => {
      try {
        await action();
        return 'ok';
      } catch ({ code }) {
        return code;
      }
    };
    const inFlight = codeOf(() => file.persistAsync(...later));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    return { now: await codeOf(() => file.persist(...now)), later: await inFlight };
  },
  /** Supplies what is lost as `byte`, and reports what became of the units. */
  repair: async (offset, length, byte) => {
    const rebuild = (range) => new Uint8Array(range.length).fill(byte);
    const { units } = await file.repair({ offset, length }, { rebuild });
    return units.map(({ outcome }) => outcome);
  },
  scrub: async () => (await file.scrub()).mediaErrors,
  salvage: async () => (await file.salvage()).gaps,
  badBlocks: async () => (await file.badBlocks()).status,
  statfs: () => statfsSync(path.dirname(name)).bavail * statfsSync(path.dirname(name)).bsize,
  grow: (sizeBytes) => file.resize(sizeBytes, { preallocate: true }),
  remove: (other) => { rmSync(other); },
  command: (...words) => { execFileSync(words[0], words.slice(1), { stdio: 'pipe' }); },
};

const outcomes = [];
for (const [action, ...args] of steps) {
  try {
    outcomes.push((await actions[action](...args)) ?? 'ok');
  } catch (error) {
    if (error.code === undefined) throw error;
    const { code, ranges, source, message } = error;
    outcomes.push({ code, ranges, source, message, errno: error.cause?.code });
  }
}
writeSync(1, JSON.stringify(outcomes));
