// Single calls of PmemFile for the cases.
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { poison, poisonView } from '../../../packages/native/test/fault-injector.mjs';
import { run } from '../places/command.mjs';

/** The native driver, of whose files some facts are as on another machine. */
function pretending(facts) {
  const driver = nativeDriver();
  return {
    devices: driver.devices,
    open: async (...request) => {
      const outcome = await driver.open(...request);
      if (outcome.file !== undefined) Object.assign(outcome.file.facts, facts);
      return outcome;
    },
  };
}

export function fileCalls(process) {
  const files = new Map();
  const fillers = [];
  const file = (key) => files.get(key ?? 'file');
  let supply;

  /** Says that the repair has come to its rebuild, and waits for `supply`. */
  const supplied = ({ length }) =>
    new Promise((resolve) => {
      supply = (byte) => {
        resolve(new Uint8Array(length).fill(byte));
      };
      process.send({ event: 'rebuilding' });
    });
  const rebuildOf = (byte) => {
    if (byte === 'later') return supplied;
    return byte === undefined ? () => undefined : ({ length }) => new Uint8Array(length).fill(byte);
  };

  return {
    /** `pretend`: facts of another machine. */
    open: async ([path, { pretend, ...options } = {}, key = 'file']) => {
      const driver = pretend === undefined ? nativeDriver() : pretending(pretend);
      files.set(key, await PmemFile.open(path, { driver, ...options }));
      return file(key).size;
    },
    close: async ([key]) => {
      await file(key).close();
    },
    /** What is read: the byte, if all are the same, or a count by byte. */
    read: ([offset, length, key]) => {
      const bytes = Buffer.alloc(length);
      file(key).read(bytes, offset);
      const counts = {};
      for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
      return Object.keys(counts).length === 1 ? bytes[0] : counts;
    },
    write: ([offset, length, byte, key]) => {
      file(key).write(new Uint8Array(length).fill(byte), offset);
    },
    persist: ([offset, length, key]) => {
      file(key).persist(offset, length);
    },
    persistAsync: ([offset, length, key]) => file(key).persistAsync(offset, length),
    persistRanges: ([offset, length, key]) => {
      file(key).persistRanges([{ offset, length }]);
    },
    writeAndPersist: ([offset, length, byte, key]) => {
      file(key).writeAndPersist(new Uint8Array(length).fill(byte), offset);
    },
    /** From here on the process may map so many bytes more. */
    limitMemory: ([moreBytes]) => {
      const usedKib = Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
      run('prlimit', '--pid', String(process.pid), `--as=${usedKib * 1024 + moreBytes}`);
    },
    /** From here on the process may have `more` files open than it has now. */
    limitFiles: ([more = 0]) => {
      // The limit is one of numbers: the free ones below it are filled, and `more` of them given back.
      const most = Math.max(...readdirSync('/proc/self/fd').map(Number)) + 1 + more;
      run('prlimit', '--pid', String(process.pid), `--nofile=${most}`);
      try {
        for (;;) fillers.push(openSync('/dev/null', 'r'));
      } catch (error) {
        if (error.code !== 'EMFILE') throw error;
      }
      for (const filler of fillers.splice(0, more)) closeSync(filler);
    },
    resize: ([size, key]) => file(key).resize(size),
    /** `later` waits for `supply`; undefined leaves what is lost lost. */
    repair: async ([ranges, byte, key]) => {
      const rebuilt = [];
      const rebuild = rebuildOf(byte);
      const receipt = await file(key).repair(ranges, { rebuild: (range) => (rebuilt.push(range), rebuild(range)) });
      return { outcomes: receipt.units.map((unit) => unit.outcome), rebuilt };
    },
    supply: ([byte]) => {
      supply(byte);
    },
    /** Whole file, stores its progress nowhere; says how long the event loop stood still at most. */
    repairAll: async ([abortAfterMs]) => {
      let longestMs = 0;
      let last = performance.now();
      const timer = setInterval(() => {
        longestMs = Math.max(longestMs, performance.now() - last);
        last = performance.now();
      }, 5);
      const stop = new AbortController();
      if (abortAfterMs !== undefined)
        setTimeout(() => {
          stop.abort(new Error('stopped'));
        }, abortAfterMs);
      try {
        const { units } = await file().repair(
          { offset: 0, length: file().size },
          { fill: 0, signal: stop.signal, onProgress: () => undefined },
        );
        return { entries: units.length, outcomes: [...new Set(units.map((unit) => unit.outcome))], longestMs };
      } finally {
        clearInterval(timer);
      }
    },
    scrub: async ([key]) => (await file(key).scrub()).mediaErrors,
    salvage: async ([key]) => (await file(key).salvage()).gaps,
    badBlocks: async ([key]) => (await file(key).badBlocks()).status,
    /** Loads one byte of each of `positions` through a view, and verifies it. */
    view: async ([offset, length, positions, during, key]) =>
      file(key).withView({ offset, length }, (view) => {
        if (during !== undefined) process.send({ event: during });
        return positions.map((at) => view[at]);
      }),
    /** The same, with the file cut off between the making of the view and the loads. */
    viewTruncated: async ([length, stride, to]) => {
      const { truncateSync } = await import('node:fs');
      const view = file().view({ offset: 0, length });
      truncateSync(file().path, to);
      let sum = 0;
      for (let at = 0; at < length; at += stride) sum += view[at];
      try {
        view.verify();
      } finally {
        view.release();
      }
      return sum;
    },
    poison: ([offset, length, key]) => {
      poison(file(key).path, offset, length);
    },
    poisonView: ([offset, length, key]) => {
      poisonView(file(key).path, offset, length);
    },
    /** Reads the whole file for a while, beside whoever rewrites it: how it went, by code. */
    readFor: async ([durationMs]) => {
      const bytes = Buffer.alloc(file().size);
      const outcomes = {};
      for (const end = performance.now() + durationMs; performance.now() < end;) {
        let outcome = 'ok';
        try {
          file().read(bytes, 0);
        } catch (error) {
          outcome = error.code;
        }
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        if (outcomes[outcome] % 500 === 0) await sleep(0);
      }
      return outcomes;
    },
  };
}
