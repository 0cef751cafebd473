// Appends to a log and commits without pause, until it is killed. Arguments: JSON { paths, seed, mistake }.
// `mistake` is for the controls: `early` tells of a commit before it is made; `reordered` stores the commit point first.
import { PmemFile } from '@safe-pmem/core';
import { Wal } from '@safe-pmem/examples/wal';
import { nativeDriver } from '@safe-pmem/native';
import { appendSome } from './append-some.mjs';
import { LOG_BYTES, PAGE, randomFrom } from './content.mjs';
import { say } from './protocol.mjs';

/** How often, besides whenever the ring is full. */
const DROPS = 0.15;

const { paths, seed, mistake } = JSON.parse(process.argv[2]);
const random = randomFrom(seed);

/** A file whose records reach the mapping only after the commit point that speaks of them has become durable. */
function reordered(file) {
  const held = [];
  const isHeader = (position) => position < PAGE || position >= LOG_BYTES - PAGE;
  const instead = {
    write: (bytes, position) => {
      if (isHeader(position)) file.write(bytes, position);
      else held.push([Uint8Array.from(bytes), position]);
    },
    persist: (position, length) => {
      file.persist(position, length);
      if (isHeader(position)) for (const [bytes, at] of held.splice(0)) file.write(bytes, at);
    },
  };
  return new Proxy(file, {
    get: (target, name) => {
      const value = instead[name] ?? Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function open(path) {
  const file = await PmemFile.open(path, { driver: nativeDriver(), create: true, size: LOG_BYTES, preallocate: true });
  return mistake === 'reordered' ? reordered(file) : file;
}

function dropOldest(wal) {
  const through = wal.firstSequence + Math.floor((wal.lastSequence - wal.firstSequence) * random());
  say('tryTruncate', through);
  wal.truncate(through);
  say('truncated', through);
}

say('opening', 0);
const [file, mirror] = await Promise.all(paths.map(open));
const wal = await Wal.open({ file, create: true, ...(mirror === undefined ? {} : { mirror }) });
say('opened', wal.lastSequence);
for (;;) {
  const last = appendSome(wal, (limit) => Math.floor(random() * limit));
  if (last === undefined) {
    dropOldest(wal);
    continue;
  }
  say('tryCommit', last);
  if (mistake === 'early') say('committed', last);
  wal.commit();
  say('committed', last);
  if (random() < DROPS && wal.lastSequence > wal.firstSequence) dropOldest(wal);
}
