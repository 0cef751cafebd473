import { describe, expect, test } from 'vitest';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import { ReplicatedWal, followStream } from '../../src/replicated/index.js';
import type { Wal } from '../../src/wal/index.js';
import { LogMachine, payloadOf } from '../wal/log-machine.js';
import { account, appendAll, Host, LENGTHS, PAGES, payloads } from './host.js';

describe('two hosts', () => {
  async function following(host: Host): Promise<{ wal: Wal; stop: () => Promise<void> }> {
    const wal = await host.machine.open({ create: true, firstSequence: host.server.first });
    const stop = new AbortController();
    const followed = followStream(wal, host.server.connect(), stop.signal);
    return {
      wal,
      stop: async () => {
        stop.abort();
        await followed;
      },
    };
  }

  test('one writes, the other follows, also when the server goes away in between, and takes over', async () => {
    const server = new SimulatedServer();
    const [a, b] = [new Host(server), new Host(server)];
    const log = await a.open('both');
    const follower = await following(b);
    await appendAll(log, 1, LENGTHS.slice(0, 4));
    const killAt = server.questions + 3;
    server.plan = (question) => (question === killAt ? 'killed' : 'done');
    await appendAll(log, 5, LENGTHS.slice(4));
    while ((follower.wal.lastSequence ?? 0) < 8) await new Promise(setImmediate);
    await follower.stop();
    await a.die();
    const taken = await b.open('both');
    expect(await taken.append(payloadOf(9, 40))).toBe(9);
    expect((await account(taken, [...LENGTHS, 40])).returned).toHaveLength(9);
    await taken.close();
  });

  test('a writer that was replaced is told so, and nothing of it is acknowledged by the stream', async () => {
    const server = new SimulatedServer();
    const [a, b] = [new Host(server), new Host(server)];
    const old = await a.open('both');
    await appendAll(old, 1, LENGTHS);
    await (await b.open('both')).append(payloadOf(9, 50));
    await expect(old.append(payloadOf(9, 60))).rejects.toMatchObject({ code: 'ERR_REPLICATED_DIVERGED' });
    await expect(old.append(payloadOf(10, 60))).rejects.toMatchObject({ code: 'ERR_REPLICATED_DIVERGED' });
    expect(payloads(server)[8]).toEqual(payloadOf(9, 50));
    await old.close();
    await expect(a.open('both')).rejects.toMatchObject({ code: 'ERR_REPLICATED_DIVERGED' });
    await b.log.close();
  });
});

describe('truncate()', () => {
  test('waits for the stream, and a stream or a log without its beginning is noticed', async () => {
    const host = new Host(new SimulatedServer());
    const log = await host.open('local');
    await appendAll(log, 1, LENGTHS);
    await log.drained();
    host.server.plan = () => 'unheard';
    await log.append(payloadOf(9, 10));
    expect(() => { log.truncate(9); }).toThrow(expect.objectContaining({ code: 'ERR_REPLICATED_BEHIND' }));
    log.truncate(8);
    await log.close();
    const empty = new Host(new SimulatedServer());
    const wal = await host.machine.open();
    const orphan = await ReplicatedWal.open({ wal, stream: empty.server.connect() });
    await expect(orphan.drained()).rejects.toMatchObject({ code: 'ERR_REPLICATED_GAP' });
    await orphan.close();
    const late = new SimulatedServer(5);
    late.records.push(Uint8Array.of(1));
    const fresh = await new LogMachine({ pages: PAGES }).open({ create: true });
    await expect(ReplicatedWal.open({ wal: fresh, stream: late.connect() })).rejects.toMatchObject({ code: 'ERR_REPLICATED_GAP' });
  });
});
