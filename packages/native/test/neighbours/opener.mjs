// A process that has a file open and does with it what its parent says, one message after the other.
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';

let file;
let supply;

/** If the repair has come to its rebuild, it says so and waits for `supply`. */
function supplyLater({ length }) {
  return new Promise((resolve) => {
    supply = (byte) => { resolve(new Uint8Array(length).fill(byte)); };
    process.send({ event: 'rebuilding' });
  });
}

const calls = {
  open: async (path, options) => {
    file = await PmemFile.open(path, { driver: nativeDriver(), ...options });
    return { created: file.size };
  },
  repair: async (range, byte) => {
    const rebuild = byte === undefined ? supplyLater : ({ length }) => new Uint8Array(length).fill(byte);
    return (await file.repair(range, { rebuild })).units.map((unit) => unit.outcome);
  },
  /** Supplies `byte` for ranges that begin at one of `supplied`. Returns what became of each unit. */
  repairSome: async (ranges, supplied, byte) => {
    const rebuild = ({ offset, length }) => (supplied.includes(offset) ? new Uint8Array(length).fill(byte) : undefined);
    const told = ({ units }) => units.map(({ range, outcome, rebuilt, tombstoned }) => {
      return { at: range.offset, outcome, rebuilt, tombstoned };
    });
    try {
      return { units: told(await file.repair(ranges, { rebuild })) };
    } catch (error) {
      return { code: error.code, message: error.message, ranges: error.ranges, units: told(error.receipt) };
    }
  },
  scrub: async () => (await file.scrub()).mediaErrors,
  supply: (byte) => { supply(byte); },
  store: (range, byte) => {
    file.write(new Uint8Array(range.length).fill(byte), range.offset);
    file.persist(range.offset, range.length);
  },
  byteAt: (position) => file.readUInt8(position),
  resize: (size, options) => file.resize(size, options),
  badBlocks: async () => (await file.badBlocks()).status,
  chdir: (folder) => { process.chdir(folder); },
  close: () => file.close(),
};

process.on('message', async ({ id, call, args }) => {
  try {
    process.send({ id, value: await calls[call](...args) });
  } catch (error) {
    process.send({ id, code: error.code ?? error.name, message: error.message });
  }
});
