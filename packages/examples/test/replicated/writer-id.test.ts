/**
 * Two writers that have the same history and append the same bytes: one of the two records is stored, and one writer
 * has it.
 */
import { describe, expect, test } from 'vitest';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import { decodeFrame, encodeFrame, encodeLost, isFrame } from '../../src/replicated/frame.js';
import { ReplicatedWal } from '../../src/replicated/index.js';
import { itemsOf, LogMachine } from '../wal/log-machine.js';

const SAME = Buffer.from('heartbeat');
const diverged = { code: 'ERR_REPLICATED_DIVERGED' };

async function opened(server: SimulatedServer, machine = new LogMachine({ pages: 16 })): Promise<ReplicatedWal> {
  const wal = await machine.open(machine.files.length === 0 ? { create: true } : {});
  return ReplicatedWal.open({ wal, stream: server.connect() });
}

async function replayed(log: ReplicatedWal): Promise<string[]> {
  const texts: string[] = [];
  for await (const item of log.replay()) {
    texts.push(item.type === 'record' ? Buffer.from(item.payload).toString() : 'lost');
  }
  return texts;
}

test('the second of two writers of equal records is told, and has nothing acknowledged', async () => {
  const server = new SimulatedServer();
  const [first, second] = [await opened(server), await opened(server)];
  expect(await first.append(SAME)).toBe(1);
  await expect(second.append(SAME)).rejects.toMatchObject(diverged);
  await expect(second.append(SAME)).rejects.toMatchObject(diverged);
  expect(await first.append(SAME)).toBe(2);
  expect(server.records).toHaveLength(2);
});

test('equal records in two local logs are two histories: open() says so', async () => {
  const server = new SimulatedServer();
  const machine = new LogMachine({ pages: 16 });
  const lonely = await opened(server, machine);
  server.refusal = 'maximum messages exceeded';
  await expect(lonely.append(SAME)).rejects.toMatchObject({ code: 'ERR_REPLICATED_REFUSED' });
  await lonely.close();
  server.refusal = undefined;
  await (await opened(server)).append(SAME);
  await expect(opened(server, machine)).rejects.toMatchObject(diverged);
});

test('a record whose answer was lost is its own writer\'s, also after a restart', async () => {
  const server = new SimulatedServer();
  const machine = new LogMachine({ pages: 16 });
  const log = await opened(server, machine);
  const asked = server.questions;
  server.plan = (question) => (question === asked + 1 ? 'unanswered' : 'done');
  expect(await log.append(SAME)).toBe(1);
  await log.close();
  const again = await opened(server, machine);
  expect(await again.append(SAME)).toBe(2);
  expect(await replayed(again)).toEqual(['heartbeat', 'heartbeat']);
  expect(server.records).toHaveLength(2);
});

describe('records of version 1, without a writer', () => {
  const old = (text: string): Uint8Array => Buffer.concat([Uint8Array.of(1), Buffer.from(text)]);

  test('are returned from log and stream, and new ones follow', async () => {
    const server = new SimulatedServer();
    const machine = new LogMachine({ pages: 16 });
    const wal = await machine.open({ create: true });
    for (const text of ['one', 'two']) wal.append(old(text));
    wal.commit();
    server.records.push(old('one'), old('two'), old('three'));
    const log = await ReplicatedWal.open({ wal, stream: server.connect() });
    expect(await log.append(Buffer.from('four'))).toBe(4);
    expect(await replayed(log)).toEqual(['one', 'two', 'three', 'four']);
    expect((await itemsOf(wal)).length).toBe(4);
  });
});

test('a frame is what its table says, and nothing else is one', () => {
  const frame = Buffer.from(encodeFrame(Buffer.from('ab'), 0x1122_3344_5566_7788n));
  expect(frame.toString('hex')).toBe('0388776655443322116162');
  const areFrames = (...texts: string[]): boolean[] => texts.map((hex) => isFrame(Buffer.from(hex, 'hex')));
  expect(areFrames('', '00', '0200', '03', '0388776655443322', '04', 'ff')).not.toContain(true);
  expect(areFrames('01', '0100', '02', '038877665544332211')).not.toContain(false);
  expect(decodeFrame(encodeFrame(new Uint8Array(0), 1n))).toHaveLength(0);
  expect(decodeFrame(encodeLost())).toBeUndefined();
});
