import { describe, expect, test } from 'vitest';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import type { Answer } from '../../explore/simulated-stream.js';
import { decodeFrame, encodeFrame, encodeLost } from '../../src/replicated/frame.js';
import type { Ack } from '../../src/replicated/index.js';
import { ReplicatedWal, followStream } from '../../src/replicated/index.js';
import type { Wal } from '../../src/wal/index.js';
import { LogMachine, PAGE, Random, payloadOf, seedsFor, sequencesByPage, union } from '../wal/log-machine.js';

const WRITER = 7n;

const PAGES = 16;
const ACKS: readonly Ack[] = ['local', 'stream', 'both'];

class Host {
  readonly machine: LogMachine;
  readonly server: SimulatedServer;
  log!: ReplicatedWal;
  stream = new SimulatedServer().connect();

  constructor(server: SimulatedServer, pages = PAGES) {
    this.machine = new LogMachine({ pages });
    this.server = server;
  }

  async open(ack: Ack, backlogBytes?: number): Promise<ReplicatedWal> {
    const wal = await this.machine.open({ create: true, firstSequence: this.server.first });
    this.stream = this.server.connect();
    this.log = await ReplicatedWal.open({ wal, stream: this.stream, ack, ...(backlogBytes === undefined ? {} : { backlogBytes }) });
    return this.log;
  }

  /** The host is gone, with all that was not persisted. */
  async die(): Promise<void> {
    await this.stream.close();
    await this.log.close();
    this.machine.crash();
  }
}

async function appendAll(log: ReplicatedWal, first: number, lengths: readonly number[]): Promise<number[]> {
  return Promise.all(lengths.map((length, index) => log.append(payloadOf(first + index, length))));
}

/** Numbers that come back with the right bytes, and numbers that are reported lost. */
async function account(log: ReplicatedWal, lengths: readonly number[]): Promise<{ returned: number[]; lost: number[] }> {
  const found = { returned: [] as number[], lost: [] as number[] };
  let next = 1;
  for await (const item of log.replay()) {
    const first = item.type === 'record' ? item.sequence : item.first;
    expect(first).toBe(next);
    if (item.type === 'record') {
      expect(Buffer.compare(item.payload, payloadOf(next, lengths[next - 1] ?? -1))).toBe(0);
      found.returned.push(next++);
    } else {
      while (next <= (item.last ?? 0)) found.lost.push(next++);
    }
  }
  return found;
}

function payloads(server: SimulatedServer): (Uint8Array | undefined)[] {
  return server.records.map((frame) => decodeFrame(frame));
}

const LENGTHS = [10, 5000, 70, 3000, 0, 900, 4040, 25];

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

test('random lives: server and host die in turn, pages are poisoned, and nothing acknowledged is lost', async () => {
  for (const seed of seedsFor(30)) {
    const random = new Random(seed);
    const server = new SimulatedServer();
    const host = new Host(server, 40);
    const lengths: number[] = [];
    const answers: readonly Answer[] = ['unheard', 'unanswered', 'killed'];
    server.plan = () => (random.chance(85) ? 'done' : (answers[random.below(3)] ?? 'done'));
    const reopen = async (): Promise<void> => {
      for (let attempts = 0; ; attempts++) {
        try {
          await host.open(random.chance(50) ? 'both' : 'stream');
          return;
        } catch (error) {
          if ((error as { code?: string }).code !== 'ERR_REPLICATED_SERVER' || attempts > 200) throw error;
          server.isDown = false;
        }
      }
    };
    await reopen();
    for (let step = 0; step < 12; step++) {
      const count = 1 + random.below(6);
      const more = Array.from({ length: count }, () => random.below(random.chance(20) ? 5000 : 200));
      const first = (host.log.wal.nextSequence ?? 0);
      await Promise.all(more.map((length, index) => host.log.append(payloadOf(first + index, length))));
      lengths.push(...more);
      if (random.chance(40)) host.machine.poison('log', 1 + random.below(38));
      if (random.chance(40)) {
        await host.die();
        await reopen();
      }
      if (random.chance(30)) await host.log.repair().catch(() => undefined);
    }
    server.plan = () => 'done';
    server.isDown = false;
    await host.log.repair();
    const { returned, lost } = await account(host.log, lengths);
    expect([`WAL_SEED=${seed}`, lost, returned.length]).toEqual([`WAL_SEED=${seed}`, [], lengths.length]);
    await host.log.close();
  }
}, 180_000);
