/**
 * End to end, with a real nats-server: two hosts' files, poison on both, the server killed and started again in between,
 * and nothing acknowledged lost.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import { truncateElsewhere } from '../../src/demo/naive-reader.js';
import type { NatsServer } from '../../src/replicated/index.js';
import { NatsStream, ReplicatedWal, StreamConflict, followStream, startNatsServer } from '../../src/replicated/index.js';
import { Wal } from '../../src/wal/index.js';

const PAGE = 4096;
const PAGES = 64;
let server: NatsServer;
let streams = 0;

beforeAll(async () => {
  server = await startNatsServer();
}, 180_000);

afterAll(async () => {
  await server.stop();
});

function payloadOf(sequence: number): Uint8Array {
  return Uint8Array.from({ length: 20 + (sequence % 7) * 150 }, (_, i) => (sequence * 131 + i * 17) & 0xff);
}

function connectTo(name: string): Promise<NatsStream> {
  return NatsStream.open({ url: server.url, token: server.token, name, createFrom: 1, timeoutMs: 1000 });
}

/** Appends `count` records at once, as that many writers do. */
async function appendMany(log: ReplicatedWal, first: number, count: number): Promise<void> {
  const sequences = await Promise.all(Array.from({ length: count }, (_, i) => log.append(payloadOf(first + i))));
  expect(sequences).toEqual(Array.from({ length: count }, (_, i) => first + i));
}

async function numbersOf(log: ReplicatedWal): Promise<number[]> {
  const numbers: number[] = [];
  for await (const item of log.replay()) {
    if (item.type !== 'record') throw new Error(`records ${item.first} to ${item.last ?? '?'} are lost`);
    expect(Buffer.compare(item.payload, payloadOf(item.sequence))).toBe(0);
    numbers.push(item.sequence);
  }
  return numbers;
}

interface Machine {
  readonly open: (name: string) => Promise<PmemFile>;
  /** Damages some pages, so that their records are gone from this file; the file is usable afterwards. */
  readonly damage: (file: PmemFile, pages: readonly number[]) => void;
  readonly end: () => void;
}

function simulated(): Machine {
  const driver = mockDriver();
  return {
    open: (name) => {
      if (!driver.listFiles().includes(`/pmem/${name}`)) driver.writeFile(`/pmem/${name}`, new Uint8Array(PAGES * PAGE));
      return PmemFile.open(`/pmem/${name}`, { driver });
    },
    damage: (file, pages) => {
      for (const page of pages) driver.poison(file.path, { offset: page * PAGE, length: 64 });
    },
    end: () => undefined,
  };
}

/** This machine's own files. What is lost here is lost by truncation: the one damage that needs no special kernel. */
function native(): Machine {
  const directory = mkdtempSync(join(tmpdir(), 'safe-pmem-replicated-'));
  return {
    open: (name) => PmemFile.open(join(directory, name), { driver: nativeDriver(), create: true, size: PAGES * PAGE }),
    damage: (file, pages) => {
      truncateElsewhere(file.path, Math.min(...pages) * PAGE);
      truncateElsewhere(file.path, PAGES * PAGE);
    },
    end: () => {
      rmSync(directory, { recursive: true });
    },
  };
}

describe.each([['simulated', simulated], ['native', native]] as const)('two hosts on %s files', (_, machineOf) => {
  test('poison on both, the server killed in between: nothing acknowledged is lost', async () => {
    const [a, b] = [machineOf(), machineOf()];
    const name = `two-hosts-${++streams}`;
    const [streamA, streamB] = [await connectTo(name), await connectTo(name)];
    const [fileA, fileB] = [await a.open('log'), await b.open('log')];
    const writer = await ReplicatedWal.open({ wal: await Wal.open({ file: fileA, create: true }), stream: streamA, ack: 'both' });
    const copy = await Wal.open({ file: fileB, create: true });
    const stop = new AbortController();
    const following = followStream(copy, streamB, stop.signal);

    await appendMany(writer, 1, 100);
    await server.kill('SIGKILL');
    const meanwhile = appendMany(writer, 101, 50);
    await server.restart();
    await meanwhile;
    await appendMany(writer, 151, 50);

    a.damage(fileA, [3, 7, 8]);
    expect(await numbersOf(writer)).toHaveLength(200);
    const report = await writer.repair();
    expect([report.lost, report.failed]).toEqual([[], []]);
    expect(report.rebuilt.filter(({ from }) => from === 'rebuild').length).toBeGreaterThan(0);
    const local: number[] = [];
    for await (const item of writer.wal.replay()) local.push(item.type === 'record' ? item.sequence : -item.first);
    expect(local).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));

    while ((copy.lastSequence ?? 0) < 200) await new Promise(setImmediate);
    stop.abort();
    await following;
    await writer.close();
    b.damage(fileB, [2, 5]);
    const successor = await ReplicatedWal.open({ wal: copy, stream: streamB, ack: 'both' });
    await successor.repair();
    await appendMany(successor, 201, 20);
    expect(await numbersOf(successor)).toHaveLength(220);
    await successor.close();
    for (const closing of [streamA, streamB, fileA, fileB]) await closing.close();
    for (const machine of [a, b]) machine.end();
  }, 180_000);
});

describe('a stream on a real server', () => {
  test('takes every record once, in order, from the first on', async () => {
    const stream = await connectTo(`order-${++streams}`);
    expect(await stream.bounds()).toEqual({ first: 1, last: 0 });
    await stream.publish(1, payloadOf(1));
    await expect(stream.publish(1, payloadOf(1))).rejects.toThrow(StreamConflict);
    await expect(stream.publish(3, payloadOf(3))).rejects.toThrow(StreamConflict);
    await stream.publish(2, new Uint8Array(0));
    expect(await stream.bounds()).toEqual({ first: 1, last: 2 });
    expect([...(await stream.fetch(1, 5))].map(([number, bytes]) => [number, bytes.length])).toEqual([[1, payloadOf(1).length], [2, 0]]);
    await stream.close();
  }, 180_000);

  test('begins where the log begins, and says so to a later opener', async () => {
    const name = `base-${++streams}`;
    const open = (createFrom?: number): Promise<NatsStream> =>
      NatsStream.open({ url: server.url, token: server.token, name, ...(createFrom === undefined ? {} : { createFrom }) });
    await expect(open()).rejects.toMatchObject({ code: 'ERR_REPLICATED_FOREIGN' });
    const stream = await open(500);
    await stream.publish(500, payloadOf(500));
    const again = await open(1);
    expect(await again.bounds()).toEqual({ first: 500, last: 500 });
    expect([...(await again.fetch(400, 600)).keys()]).toEqual([500]);
    for (const opened of [stream, again]) await opened.close();
  }, 180_000);

  test('keeps what it has confirmed when the server is killed', async () => {
    const stream = await connectTo(`kill-${++streams}`);
    for (let sequence = 1; sequence <= 50; sequence++) await stream.publish(sequence, payloadOf(sequence));
    await server.kill('SIGKILL');
    await expect(stream.publish(51, payloadOf(51))).rejects.toMatchObject({ code: 'ERR_REPLICATED_SERVER' });
    await server.restart();
    await stream.ready();
    const { last } = await stream.bounds();
    expect(last).toBeGreaterThanOrEqual(50);
    expect((await stream.fetch(1, 50)).get(50)).toEqual(payloadOf(50));
    await stream.close();
  }, 180_000);

  test('is not opened by a client without the token', async () => {
    const opened = NatsStream.open({ url: server.url, name: 'any', createFrom: 1, timeoutMs: 1000 });
    await expect(opened).rejects.toMatchObject({ code: 'ERR_REPLICATED_SERVER' });
  }, 180_000);
});

test('a machine without nats-server is told which package to install', async () => {
  await expect(startNatsServer({ search: [tmpdir()] })).rejects.toMatchObject({
    code: 'ERR_REPLICATED_SERVER',
    message: expect.stringContaining('apt-get install nats-server') as string,
  });
});
