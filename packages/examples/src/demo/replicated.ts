/** `npm run demo -- replicated`: two hosts, a server that is killed, poison on both sides, and nothing acknowledged lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { FRAME_BYTES } from '../replicated/frame.js';
import type { NatsServer } from '../replicated/index.js';
import { NatsStream, ReplicatedWal, followStream, startNatsServer } from '../replicated/index.js';
import { Wal } from '../wal/index.js';
import type { Audit, DemoOptions } from './demo.js';
import { unplayed } from './demo.js';
import { newMockFile } from './mock-file.js';
import { drawLegend, drawMap, markRebuilt, rebuiltIn, statesOf } from './page-map.js';
import type { Screen } from './screen.js';
import { audit, expectNothingLost, payloadOf, randomFrom } from './workload.js';

const PAGE_BYTES = 4096;
const LOG_PAGES = 192;
const RECORDS = 2000;
const WRITERS = 100;
/** Records measured, one writer after the other, or as many writers at once. */
const MEASURED = { one: 100, many: 2000 } as const;

export const title = 'a write-ahead log that a stream keeps as well';

export async function play(screen: Screen, options: DemoOptions): Promise<readonly Audit[]> {
  const server = await startNatsServer();
  try {
    const audits = await playTwoHosts(screen, server, options.seed);
    if (options.mockOnly) return audits;
    await showCosts(screen, server).catch((error: unknown) => {
      audits.push(unplayed('what an acknowledgement costs', error));
    });
    return audits;
  } finally {
    await server.stop();
  }
}

async function playTwoHosts(screen: Screen, server: NatsServer, seed: number): Promise<Audit[]> {
  const random = randomFrom(seed + 3);
  const [a, b] = [mockDriver({ seed }), mockDriver({ seed: seed + 1 })];
  const [fileA, fileB] = [await newMockFile(a, '/pmem0/host-a', LOG_PAGES), await newMockFile(b, '/pmem0/host-b', LOG_PAGES)];
  const [streamA, streamB] = [await connectTo(server, 'demo'), await connectTo(server, 'demo')];

  screen.heading('1  Two hosts and a stream');
  screen.say(`Host A takes records. They count as written once they are durable in A's persistent memory and stored by a
    NATS server (process ${server.processId}), which keeps them under the same numbers. Host B follows the stream.`);
  const wal = await Wal.open({ file: fileA, create: true });
  const log = await ReplicatedWal.open({ wal, stream: streamA, ack: 'both' });
  const copy = await Wal.open({ file: fileB, create: true });
  const stop = new AbortController();
  const following = followStream(copy, streamB, stop.signal);
  await fill(screen, log, RECORDS / 2);

  screen.heading('2  The server is killed');
  const dead = server.processId;
  await server.kill('SIGKILL');
  screen.line(`    process ${dead}: killed by SIGKILL`, 'red');
  const more = fill(screen, log, RECORDS);
  await server.restart();
  await more;
  screen.say(`Writers waited; it was started again, on the same files, and they went on. What had been on its way was sent
    again under the numbers it had, so that nothing is there twice.`);

  screen.heading('3  Poison on host A');
  const pages = pick(fileA, 6, random);
  for (const page of pages) a.poison(fileA.path, { offset: page * PAGE_BYTES, length: 64 });
  const alone = await audit(screen, 'host A alone, poisoned', withoutFrames(wal), RECORDS);
  drawMap(screen, fileA.path, statesOf(fileA));
  drawLegend(screen, statesOf(fileA));
  screen.say(`A has no mirror: ${alone.lost} records are lost to it. Read through the stream, none is:`);
  const through = expectNothingLost(await audit(screen, 'host A and the stream, poisoned', log, RECORDS));

  screen.heading('4  Repair, with exactly those records from the stream');
  const report = await log.repair();
  const states = markRebuilt(statesOf(fileA), rebuiltIn(report, 'log'));
  drawMap(screen, fileA.path, states);
  drawLegend(screen, states);
  const repaired = expectNothingLost(await audit(screen, 'host A alone, repaired', withoutFrames(wal), RECORDS));

  screen.heading('5  Host A is gone, host B takes over');
  while ((copy.lastSequence ?? 0) < RECORDS) await new Promise(setImmediate);
  stop.abort();
  await following;
  await log.close();
  for (const page of pick(fileB, 4, random)) b.poison(fileB.path, { offset: page * PAGE_BYTES, length: 64 });
  const successor = await ReplicatedWal.open({ wal: copy, stream: streamB, ack: 'both' });
  const reportB = await successor.repair();
  await fill(screen, successor, RECORDS + 100);
  const statesB = markRebuilt(statesOf(fileB), rebuiltIn(reportB, 'log'));
  drawMap(screen, fileB.path, statesB);
  drawLegend(screen, statesB);
  const taken = expectNothingLost(await audit(screen, 'host B, poisoned, repaired, 100 more', successor, RECORDS + 100));
  if (alone.lost === 0) alone.problems.push('poisoned pages without a copy, and nothing lost');
  await successor.close();
  for (const open of [streamA, streamB, fileA, fileB]) await open.close();
  return [alone, through, repaired, taken];
}

/** The same records with each acknowledgement, on this machine's own files. */
async function showCosts(screen: Screen, server: NatsServer): Promise<void> {
  screen.heading('6  What an acknowledgement costs here');
  const directory = mkdtempSync(join(tmpdir(), 'safe-pmem-demo-'));
  try {
    const { nativeDriver } = await import('@safe-pmem/native');
    for (const ack of ['local', 'stream', 'both'] as const) {
      const request = { driver: nativeDriver(), create: true, size: 4096 * PAGE_BYTES };
      const file = await PmemFile.open(join(directory, ack), request);
      const stream = await connectTo(server, `cost-${ack}`);
      const log = await ReplicatedWal.open({ wal: await Wal.open({ file, create: true }), stream, ack });
      const [one, many] = [await measure(log, 1, MEASURED.one), await measure(log, WRITERS, MEASURED.many)];
      screen.line(`    ack ${ack.padEnd(6)}  1 writer: ${perSecond(one)} records/s   ${WRITERS} writers: ${perSecond(many)} records/s`);
      await log.drained();
      await log.close();
      await stream.close();
      await file.close();
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Milliseconds a record, with so many writers who each wait for their own. */
async function measure(log: ReplicatedWal, writers: number, records: number): Promise<number> {
  const payload = new Uint8Array(64).fill(1);
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: writers }, async () => {
      for (let i = 0; i < records / writers; i++) await log.append(payload);
    }),
  );
  return (performance.now() - startedAt) / records;
}

function perSecond(millisecondsEach: number): string {
  return String(Math.round(1000 / millisecondsEach)).padStart(6);
}

function connectTo(server: NatsServer, name: string): Promise<NatsStream> {
  return NatsStream.open({ url: server.url, token: server.token, name, createFrom: 1 });
}

/** Records up to number `last`, as many writers at a time. */
async function fill(screen: Screen, log: ReplicatedWal, last: number): Promise<void> {
  for (let first = log.wal.nextSequence ?? 1; first <= last; first += WRITERS) {
    const count = Math.min(WRITERS, last - first + 1);
    await Promise.all(Array.from({ length: count }, (_, i) => log.append(payloadOf(first + i))));
    screen.progress(`writing ${last} records`, first + count - 1, last);
  }
}

/** The local log alone, its records as the application wrote them: without the frame of the replicated log. */
function withoutFrames(wal: Wal): Pick<ReplicatedWal, 'replay'> {
  return {
    async *replay() {
      for await (const item of wal.replay()) {
        yield item.type === 'record' ? { ...item, payload: item.payload.subarray(FRAME_BYTES) } : item;
      }
    },
  };
}

/** Pages that hold records, all different, the one being filled left out: that comes back from memory. */
function pick(file: PmemFile, count: number, random: (limit: number) => number): number[] {
  const pages = statesOf(file).flatMap((state, page) => (state === 'records' ? [page] : [])).slice(0, -1);
  return Array.from({ length: count }, () => pages.splice(random(pages.length), 1)[0] ?? 1);
}

