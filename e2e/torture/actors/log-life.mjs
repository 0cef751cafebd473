// A process that appends to a mirrored log and commits, drops what is old, repairs and scrubs, until it is killed.
import { setImmediate as turn } from 'node:timers/promises';
import { PmemFile } from '@safe-pmem/core';
import { Wal } from '@safe-pmem/examples/wal';
import { nativeDriver } from '@safe-pmem/native';
import { appendSome } from '../../../packages/examples/kill/append-some.mjs';
import { LOG_BYTES, payloadOf } from '../../../packages/examples/kill/content.mjs';
import { randomFrom } from '../random.mjs';

const driver = nativeDriver();
/** New pages may turn bad between a repair and the next try. */
const TRIES_MAX = 3;

export async function liveOnLog({ paths, seed, look }, { tell, stopped }) {
  if (look) return lookAtLog(paths, tell);
  const random = randomFrom(seed);
  let commits = 0;
  for (let open; !stopped();) {
    tell('begin', 'log');
    try {
      open = await openLog(paths, { create: true });
      tell('opened', paths[0]);
      while (!stopped()) {
        await step(open.wal, random, tell);
        if (++commits % 16 === 0) await turn();
      }
    } catch (error) {
      // What was being committed may be there or not: so it was told.
      tell('note', 'log', error.stack);
      tell('ended', 'log', error.code ?? error.name);
      await turn();
    } finally {
      await open?.close();
      open = undefined;
    }
  }
  return commits;
}

async function openLog(paths, options) {
  const files = [];
  const close = async () => {
    for (const file of files) await file.close().catch(() => undefined);
  };
  try {
    for (const path of paths) {
      const how = options.create ? { create: true, size: LOG_BYTES, preallocate: true } : {};
      files.push(await PmemFile.open(path, { driver, ...how }));
    }
    const [file, mirror] = files;
    const wal = await Wal.open({ file, mirror, ...options });
    return {
      wal,
      close: async () => {
        wal.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function step(wal, random, tell) {
  tell('begin', 'log');
  const last = appendSome(wal, random.below);
  if (last === undefined || random.chance(0.1)) await drop(wal, random, tell);
  if (last === undefined) return;
  tell('tryCommit', last);
  const isAsync = random.chance(0.5);
  await repairing(wal, () => (isAsync ? wal.commitAsync() : wal.commit()));
  tell('committed', last);
  if (random.chance(0.02)) await wal.repair();
  if (random.chance(0.01)) await wal.scrub();
}

/** A page that refuses a store leaves the log as it was: it is repaired, and the call is made again. */
async function repairing(wal, action) {
  for (let tries = 0; ; tries++) {
    try {
      return await action();
    } catch (error) {
      if (error.code !== 'ERR_PMEM_MEDIA' || tries === TRIES_MAX) throw error;
      await wal.repair();
    }
  }
}

async function drop(wal, random, tell) {
  if (wal.lastSequence <= wal.firstSequence) return;
  const through = wal.firstSequence + random.below(wal.lastSequence - wal.firstSequence);
  tell('tryDrop', through);
  await repairing(wal, () => wal.truncate(through));
  tell('dropped', through);
}

/** Reads it as it was left. With one bad device nothing may be lost. */
async function lookAtLog(paths, tell) {
  const { wal, close } = await openLog(paths, { create: true });
  await wal.repair();
  let expected = wal.firstSequence;
  for await (const item of wal.replay()) {
    if (item.type === 'lost') {
      tell('wrong', `records ${item.first} to ${item.last} are lost`);
      expected = (item.last ?? Infinity) + 1;
      continue;
    }
    if (item.sequence !== expected) tell('wrong', `record ${item.sequence} comes where ${expected} belongs`);
    if (Buffer.compare(item.payload, payloadOf(item.sequence)) !== 0)
      tell('wrong', `record ${item.sequence} is wrong`);
    expected = item.sequence + 1;
  }
  tell('sawLog', wal.firstSequence, wal.lastSequence);
  await close();
  return expected;
}
