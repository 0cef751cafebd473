import { describe, expect, test } from 'vitest';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import type { Answer } from '../../explore/simulated-stream.js';
import type { Ack } from '../../src/replicated/index.js';
import { payloadOf } from '../wal/log-machine.js';
import { account, appendAll, Host, LENGTHS, payloads } from './host.js';

const ACKS: readonly Ack[] = ['local', 'stream', 'both'];

describe('append()', () => {
  test.each(ACKS)('with ack %s gives the same numbers to log and stream', async (ack) => {
    const host = new Host(new SimulatedServer());
    const log = await host.open(ack);
    expect(await appendAll(log, 1, LENGTHS)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await log.drained();
    expect(payloads(host.server)).toEqual(LENGTHS.map((length, index) => payloadOf(index + 1, length)));
    expect((await account(log, LENGTHS)).returned).toHaveLength(8);
    await log.close();
  });

  test('acknowledges what its option says, and not before', async () => {
    for (const ack of ACKS) {
      const host = new Host(new SimulatedServer());
      const log = await host.open(ack);
      await log.append(payloadOf(1, 30));
      if (ack !== 'local') expect(host.server.last).toBe(1);
      if (ack !== 'stream') expect(log.wal.lastSequence).toBe(1);
      host.server.plan = () => 'unheard';
      const second = log.append(payloadOf(2, 30));
      let isAcknowledged = false;
      void second.then(() => { isAcknowledged = true; });
      for (let i = 0; i < 20; i++) await new Promise(setImmediate);
      expect([ack, isAcknowledged]).toEqual([ack, ack === 'local']);
      host.server.plan = () => 'done';
      await second;
      await log.drained();
      expect(host.server.last).toBe(2);
      await log.close();
    }
  });

  test.each(['unheard', 'unanswered', 'killed', 'forgotten'] as const)('stores each record once although any question ends %s', async (answer) => {
    for (let at = 1; at < 40; at++) {
      const host = new Host(new SimulatedServer());
      const log = await host.open('both');
      const start = host.server.questions;
      host.server.plan = (question): Answer => (question === start + at ? answer : 'done');
      await appendAll(log, 1, LENGTHS);
      await log.append(payloadOf(9, 11));
      await log.append(payloadOf(10, 12));
      await log.drained();
      expect(payloads(host.server).map((payload) => payload?.length)).toEqual([...LENGTHS, 11, 12]);
      await log.close();
    }
  });

  test('with little memory for a backlog reads it from the log', async () => {
    const host = new Host(new SimulatedServer());
    const log = await host.open('local', 100);
    host.server.plan = () => 'unheard';
    await appendAll(log, 1, LENGTHS);
    host.server.plan = () => 'done';
    await log.drained();
    expect(payloads(host.server)).toEqual(LENGTHS.map((length, index) => payloadOf(index + 1, length)));
    await log.close();
  });

  test('refuses a record that the stream would not take, and everything after close()', async () => {
    const host = new Host(new SimulatedServer(), 600);
    const log = await host.open('local');
    await expect(log.append(new Uint8Array(1_000_000))).rejects.toThrow(RangeError);
    expect(log.wal.nextSequence).toBe(1);
    host.server.plan = () => 'unheard';
    await log.append(new Uint8Array(1));
    const drained = expect(log.drained()).rejects.toMatchObject({ code: 'ERR_REPLICATED_CLOSED' });
    await log.close();
    await drained;
    await expect(log.append(new Uint8Array(1))).rejects.toMatchObject({ code: 'ERR_REPLICATED_CLOSED' });
  });
});
