import { describe, expect, test } from 'vitest';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import { encodeFrame, encodeLost } from '../../src/replicated/frame.js';
import { ReplicatedWal } from '../../src/replicated/index.js';
import { LogMachine, PAGE, payloadOf, sequencesByPage, union } from '../wal/log-machine.js';
import { account, appendAll, Host, LENGTHS, payloads } from './host.js';

const WRITER = 7n;

describe('what local media lose', () => {
  test('is repaired by each of two repairs in turn: neither is refused because of the other', async () => {
    const host = new Host(new SimulatedServer());
    const log = await host.open('both');
    await appendAll(log, 1, LENGTHS);
    host.machine.poison('log', 1);
    const reports = await Promise.all([log.repair(), log.repair()]);
    expect(reports.map(({ lost, failed }) => [lost, failed])).toEqual([[[], []], [[], []]]);
    expect((await account(log, LENGTHS)).lost).toEqual([]);
  });

  test('is read through the stream, and repair() brings back exactly those records', async () => {
    const pages = new Host(new SimulatedServer());
    await appendAll(await pages.open('both'), 1, LENGTHS);
    for (const [page, sequences] of sequencesByPage(pages.machine)) {
      const host = new Host(new SimulatedServer());
      await appendAll(await host.open('both'), 1, LENGTHS);
      host.machine.poison('log', page);
      await host.die();
      const log = await host.open('both');
      expect((await account(log, LENGTHS)).lost).toEqual([]);
      const asked: number[] = [];
      const fetch = host.stream.fetch.bind(host.stream);
      host.stream.fetch = (first, last) => {
        for (let sequence = first; sequence <= last; sequence++) asked.push(sequence);
        return fetch(first, last);
      };
      const report = await log.repair();
      expect(asked).toEqual(union([sequences]));
      expect(report).toMatchObject({ lost: [], failed: [], rebuilt: [{ range: { offset: page * PAGE }, from: 'rebuild' }] });
      host.server.records.length = 0;
      host.server.isDown = true;
      expect((await account(log, LENGTHS)).lost).toEqual([]);
      await log.close();
    }
    await pages.log.close();
  });

  test('and cannot be repaired leaves less room: open() on the same log says that again, not that the stream has a gap', async () => {
    const server = new SimulatedServer();
    for (let sequence = 1; sequence <= 7; sequence++) {
      server.records.push(encodeFrame(payloadOf(sequence, 3000), WRITER));
    }
    const machine = new LogMachine({ pages: 8, clearable: false });
    const wal = await machine.open({ create: true });
    machine.poison('log', 4);
    for (let attempt = 0; attempt < 2; attempt++) {
      const opened = ReplicatedWal.open({ wal, stream: server.connect(), ack: 'both' });
      await expect(opened).rejects.toMatchObject({ code: 'ERR_WAL_FULL' });
    }
  });

  test('may leave too little room for what the stream has: open() says so, and opens after truncate()', async () => {
    const bytes = 3000;
    const probe = await new Host(new SimulatedServer(), 8).machine.open({ create: true });
    let count = 0;
    expect(() => {
      for (; ; count++) {
        probe.append(new Uint8Array(bytes + 1));
        probe.commit();
      }
    }).toThrow(expect.objectContaining({ code: 'ERR_WAL_FULL' }));
    let refused = 0;
    for (let page = 2; page < 8; page++) {
      const server = new SimulatedServer();
      const frameOf = (sequence: number): Uint8Array => encodeFrame(payloadOf(sequence, bytes), WRITER);
      const publish = (sequence: number): unknown => server.records.push(frameOf(sequence));
      for (let sequence = 1; sequence < count; sequence++) publish(sequence);
      const host = new Host(server, 8);
      await host.open('both');
      await host.die();
      publish(count);
      host.machine.poison('log', page);
      const wal = await host.machine.open();
      const open = (): Promise<ReplicatedWal> => ReplicatedWal.open({ wal, stream: server.connect(), ack: 'both' });
      const log = await open().catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'ERR_WAL_FULL' });
        refused++;
        wal.truncate(count - 1);
        return open();
      });
      expect(await log.append(payloadOf(count + 1, 10)).catch((error: unknown) => error)).toSatisfy(
        (result: unknown) => result === count + 1 || (result as { code?: string }).code === 'ERR_WAL_FULL',
      );
      for await (const item of log.replay()) expect(item.type).toBe('record');
      await log.close();
    }
    expect(refused).toBeGreaterThan(0);
  });

  test('before the stream had it is lost by its number, there as well, and the log goes on', async () => {
    const host = new Host(new SimulatedServer());
    const log = await host.open('local', 0);
    await log.append(payloadOf(1, LENGTHS[0] ?? 0));
    await log.drained();
    host.server.plan = () => 'unheard';
    await appendAll(log, 2, LENGTHS.slice(1));
    const lost = sequencesByPage(host.machine).get(2) ?? [];
    host.machine.poison('log', 2);
    await host.die();
    host.server.plan = () => 'done';
    const again = await host.open('local', 0);
    await again.drained();
    expect((await account(again, LENGTHS)).lost).toEqual(union([lost]));
    expect(payloads(host.server).flatMap((payload, index) => (payload === undefined ? index + 1 : []))).toEqual(union([lost]));
    const other = new Host(host.server);
    expect((await account(await other.open('both'), LENGTHS)).lost).toEqual(union([lost]));
    await again.close();
    await other.log.close();
  });

  test.each(['stream', 'both'] as const)('before the stream had it is never acknowledged with ack %s', async (ack) => {
    const host = new Host(new SimulatedServer());
    const log = await host.open(ack, 0);
    host.server.plan = () => 'unheard';
    const outcomes = LENGTHS.map((length, index) => log.append(payloadOf(index + 1, length)));
    const settled = Promise.allSettled(outcomes);
    await log.wal.commitAsync();
    const lost = union([sequencesByPage(host.machine).get(2) ?? []]);
    host.machine.poison('log', 2);
    host.server.plan = () => 'done';
    const rejected = (await settled).flatMap((outcome, index) => (outcome.status === 'rejected' ? [index + 1] : []));
    expect(rejected).toEqual(lost);
    await expect(outcomes[(lost[0] ?? 0) - 1]).rejects.toMatchObject({ code: 'ERR_REPLICATED_LOST' });
    expect((await account(log, LENGTHS)).lost).toEqual(lost);
    await log.close();
  });

  test('and memory still has is not given up for lost', async () => {
    const host = new Host(new SimulatedServer());
    const log = await host.open('local', 0);
    host.server.plan = () => 'unheard';
    await appendAll(log, 1, [10, 20, 30]);
    host.machine.poison('log', 1);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    host.server.plan = () => 'done';
    await log.drained();
    expect(payloads(host.server)).toEqual([10, 20, 30].map((length, index) => payloadOf(index + 1, length)));
    await log.close();
  });

  test('as far as the stream knows, and can be read again after all, is returned; other bytes are another history', async () => {
    const host = new Host(new SimulatedServer());
    await appendAll(await host.open('both'), 1, LENGTHS);
    await host.die();
    host.server.records[7] = encodeLost();
    expect((await account(await host.open('both'), LENGTHS)).returned).toHaveLength(8);
    const other = new Host(host.server);
    expect((await account(await other.open('both'), LENGTHS)).lost).toEqual([8]);
    await other.log.close();
    await host.die();
    host.server.records[6] = encodeFrame(payloadOf(70, LENGTHS[6] ?? 0), WRITER);
    await expect(host.open('both')).rejects.toMatchObject({ code: 'ERR_REPLICATED_DIVERGED' });
  });

  test('all of it: a new file gets everything from the stream', async () => {
    const host = new Host(new SimulatedServer(1));
    await appendAll(await host.open('stream'), 1, LENGTHS);
    await host.die();
    const replacement = new Host(host.server);
    expect((await account(await replacement.open('both'), LENGTHS)).returned).toHaveLength(8);
    await replacement.log.close();
  });
});
