/** A server that answers, and will not: the stream is full or gone, or it holds what no replicated log has written. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import { decodeFrame, encodeFrame } from '../../src/replicated/frame.js';
import type { Ack, NatsServer } from '../../src/replicated/index.js';
import { NatsStream, ReplicatedWal, startNatsServer } from '../../src/replicated/index.js';
import { LogMachine, payloadOf } from '../wal/log-machine.js';

const WRITER = 7n;

async function openedLog(server: SimulatedServer, ack: Ack = 'both'): Promise<ReplicatedWal> {
  const wal = await new LogMachine({ pages: 16 }).open({ create: true });
  return ReplicatedWal.open({ wal, stream: server.connect(), ack });
}

describe('a stream that takes no more', () => {
  test('is asked some times, then append() and drained() say why', async () => {
    const server = new SimulatedServer();
    const log = await openedLog(server);
    await log.append(payloadOf(1, 10));
    server.refusal = 'maximum messages exceeded';
    const before = server.questions;
    const refused = { code: 'ERR_REPLICATED_REFUSED', cause: new Error('maximum messages exceeded') };
    const waiting = [log.append(payloadOf(2, 10)), log.append(payloadOf(3, 10)), log.drained()];
    for (const outcome of await Promise.allSettled(waiting)) expect(outcome).toMatchObject({ status: 'rejected', reason: refused });
    expect(log.refusal).toMatchObject(refused);
    // Each attempt asks for both records, and where the stream ends.
    expect(server.questions - before).toBeLessThan(60);
    await log.close();
  });

  test('and takes them later gets every record once, also those whose append() was rejected', async () => {
    const server = new SimulatedServer();
    const log = await openedLog(server);
    server.refusal = 'maximum bytes exceeded';
    await expect(log.append(payloadOf(1, 10))).rejects.toMatchObject({ code: 'ERR_REPLICATED_REFUSED' });
    server.refusal = undefined;
    await log.append(payloadOf(2, 20));
    expect(server.records.map((frame) => decodeFrame(frame))).toEqual([payloadOf(1, 10), payloadOf(2, 20)]);
    expect(log.refusal).toBeUndefined();
    await log.close();
  });

  test('does not keep ack local from going on, and is reported', async () => {
    const server = new SimulatedServer();
    const log = await openedLog(server, 'local');
    server.refusal = 'maximum messages exceeded';
    for (let sequence = 1; sequence <= 5; sequence++) await log.append(payloadOf(sequence, 10));
    await expect(log.drained()).rejects.toMatchObject({ code: 'ERR_REPLICATED_REFUSED' });
    expect(log.refusal).toBeDefined();
    expect(await log.append(payloadOf(6, 10))).toBe(6);
    await log.close();
  });
});

describe('a record of the stream that no replicated log has written', () => {
  test('is not taken over by open(), and the log can be replayed', async () => {
    const server = new SimulatedServer();
    const frame = encodeFrame(payloadOf(1, 10), WRITER);
    server.records.push(frame, Buffer.from('something else'), frame);
    const machine = new LogMachine({ pages: 16 });
    const wal = await machine.open({ create: true });
    await expect(ReplicatedWal.open({ wal, stream: server.connect() })).rejects.toMatchObject({ code: 'ERR_REPLICATED_FOREIGN' });
    await wal.commitAsync();
    const replayed: unknown[] = [];
    for await (const item of wal.replay()) replayed.push(item.type === 'record' ? decodeFrame(item.payload) : item);
    expect(replayed).toEqual([payloadOf(1, 10)]);
  });

  test('that is in the local log already is lost by its number, or comes from the stream', async () => {
    const server = new SimulatedServer();
    const log = await openedLog(server);
    await log.append(payloadOf(1, 10));
    log.wal.append(Buffer.from('something else'));
    log.wal.append(Buffer.from('something else'));
    await log.wal.commitAsync();
    server.records.push(encodeFrame(payloadOf(2, 10), WRITER));
    const replayed: unknown[] = [];
    for await (const item of log.replay()) replayed.push(item.type === 'record' ? item.sequence : ['lost', item.first, item.last]);
    expect(replayed).toEqual([1, 2, ['lost', 3, 3]]);
    await log.close();
  });
});

describe('a real server', () => {
  let server: NatsServer;
  let streams = 0;

  beforeAll(async () => {
    server = await startNatsServer();
  }, 180_000);

  afterAll(async () => {
    await server.stop();
  });

  async function onServer(action: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<unknown>): Promise<void> {
    const connection = await connect({ servers: server.url, token: server.token });
    await action(await jetstreamManager(connection));
    await connection.close();
  }

  async function logOn(name: string): Promise<readonly [ReplicatedWal, NatsStream]> {
    const stream = await NatsStream.open({ url: server.url, token: server.token, name, createFrom: 1, timeoutMs: 1000 });
    const wal = await new LogMachine({ pages: 16 }).open({ create: true });
    return [await ReplicatedWal.open({ wal, stream }), stream];
  }

  /** The server is as it was: what it refused comes to pass, and the next record too. */
  async function expectToGoOn(log: ReplicatedWal, stream: NatsStream): Promise<void> {
    await server.kill('SIGKILL');
    await server.restart();
    expect(await log.append(payloadOf(3, 10))).toBe(3);
    expect(log.published).toBe(3);
    await log.close();
    await stream.close();
  }

  test('whose stream is full says so in its own words, and goes on when there is room', async () => {
    const name = `full-${++streams}`;
    const [log, stream] = await logOn(name);
    await onServer((manager) => manager.streams.update(name, { max_msgs: 2 }));
    for (let sequence = 1; sequence <= 2; sequence++) await log.append(payloadOf(sequence, 10));
    await expect(log.append(payloadOf(3, 10))).rejects.toMatchObject({
      code: 'ERR_REPLICATED_REFUSED',
      cause: expect.objectContaining({ message: expect.stringContaining('maximum messages') as string }) as Error,
    });
    await onServer((manager) => manager.streams.update(name, { max_msgs: -1 }));
    expect(await log.append(payloadOf(4, 10))).toBe(4);
    expect(log.published).toBe(4);
    await log.close();
    await stream.close();
  }, 180_000);

  test('whose stream was deleted says so', async () => {
    const name = `gone-${++streams}`;
    const [log, stream] = await logOn(name);
    await log.append(payloadOf(1, 10));
    await onServer((manager) => manager.streams.delete(name));
    await expect(log.append(payloadOf(2, 10))).rejects.toMatchObject({
      code: 'ERR_REPLICATED_REFUSED',
      cause: expect.objectContaining({ message: expect.stringContaining('stream not found') as string }) as Error,
    });
    await expect(log.drained()).rejects.toMatchObject({ code: 'ERR_REPLICATED_REFUSED' });
    await log.close();
    await stream.close();
  }, 180_000);

  test('whose limit for a message became smaller says how long the record is', async () => {
    const [log, stream] = await logOn(`long-${++streams}`);
    await log.append(payloadOf(1, 10));
    await server.kill('SIGKILL');
    await server.restart({ payloadBytesMax: 2000 });
    const refused = { code: 'ERR_REPLICATED_REFUSED', message: expect.stringContaining('3009 bytes') as string };
    const outcomes = await Promise.allSettled([log.append(payloadOf(2, 3000)), log.drained()]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: refused });
    expect(log.refusal).toMatchObject(refused);
    await expectToGoOn(log, stream);
  }, 180_000);

  test.each([
    ['that was started again without JetStream', { jetStream: false }, /not enabled|no responders/],
    ['that asks for another token now', { token: 'another' }, /authorization/i],
  ])('%s says so, and goes on when that was mended', async (_, changes, words) => {
    const [log, stream] = await logOn(`off-${++streams}`);
    await log.append(payloadOf(1, 10));
    await server.kill('SIGKILL');
    await server.restart(changes);
    const outcomes = await Promise.allSettled([log.append(payloadOf(2, 10)), log.drained()]);
    const cause = expect.objectContaining({ message: expect.stringMatching(words) as string }) as Error;
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_REPLICATED_REFUSED', cause } });
    }
    await expectToGoOn(log, stream);
  }, 60_000);
});
