// A process that appends to a replicated log while its server comes and goes; it tells of a record once it is
// where `ack` says.
import { setTimeout as sleep } from 'node:timers/promises';
import { PmemFile } from '@safe-pmem/core';
import { NatsStream, ReplicatedWal } from '@safe-pmem/examples/replicated';
import { Wal } from '@safe-pmem/examples/wal';
import { nativeDriver } from '@safe-pmem/native';
import { payloadOf } from '../../../packages/examples/kill/content.mjs';

const LOG_BYTES = 1024 * 1024;
const driver = nativeDriver();

export async function liveOnReplica({ path, url, token, stream, ack, look }, { tell, stopped }) {
  if (look) return lookAtReplica({ path, url, token, stream }, tell);
  let appended = 0;
  while (!stopped()) {
    let open;
    tell('begin', 'replica');
    try {
      open = await openReplica({ path, url, token, stream, ack });
      while (!stopped()) {
        const sequence = open.wal.nextSequence;
        tell('tryCommit', sequence);
        const given = await open.log.append(payloadOf(sequence)).catch(async (error) => {
          if (error.code !== 'ERR_WAL_FULL') throw error;
          // The ring filled up while the server was away.
          await open.log.drained();
          dropPublished(open, tell);
        });
        if (given === undefined) continue;
        if (given !== sequence) tell('wrong', `record ${sequence} has another number`);
        tell('committed', sequence);
        if (++appended % 50 === 0) dropPublished(open, tell);
      }
      await open.log.drained();
    } catch (error) {
      tell('ended', 'replica', error.code ?? error.stack);
      await sleep(50);
    } finally {
      await open?.close();
    }
  }
  return appended;
}

function dropPublished({ log, wal }, tell) {
  if (log.published <= wal.firstSequence) return;
  const through = Math.min(log.published, wal.lastSequence) - 1;
  tell('tryDrop', through);
  log.truncate(through);
  tell('dropped', through);
}

async function openReplica({ path, url, token, stream, ack = 'both' }) {
  const file = await PmemFile.open(path, { driver, create: true, size: LOG_BYTES, preallocate: true });
  let nats;
  let wal;
  try {
    nats = await NatsStream.open({ url, token, name: stream, createFrom: 1 });
    wal = await Wal.open({ file, create: true });
    const log = await ReplicatedWal.open({ wal, stream: nats, ack });
    return {
      wal,
      log,
      nats,
      close: async () => {
        await log.close();
        await nats.close();
        wal.close();
        await file.close();
      },
    };
  } catch (error) {
    await nats?.close();
    wal?.close();
    await file.close();
    throw error;
  }
}

/** Log and stream are one history, and both have every record that was told of. */
async function lookAtReplica(options, tell) {
  const { log, wal, nats, close } = await openReplica(options);
  await log.drained();
  for await (const item of log.replay()) {
    if (item.type === 'lost') tell('wrong', `records ${item.first} to ${item.last} are lost`);
    else if (Buffer.compare(item.payload, payloadOf(item.sequence)) !== 0)
      tell('wrong', `record ${item.sequence} is wrong`);
  }
  const { first, last } = await nats.bounds();
  if (first !== 1 || last !== wal.lastSequence)
    tell('wrong', `the stream has ${first} to ${last}, the log ends at ${wal.lastSequence}`);
  const records = await nats.fetch(first, last);
  for (let sequence = first; sequence <= last; sequence++) {
    const frame = records.get(sequence);
    const payload = payloadOf(sequence);
    if (frame === undefined || Buffer.compare(frame.subarray(frame.length - payload.length), payload) !== 0)
      tell('wrong', `record ${sequence} is wrong in the stream`);
  }
  tell('sawLog', wal.firstSequence, wal.lastSequence);
  await close();
  return last;
}
