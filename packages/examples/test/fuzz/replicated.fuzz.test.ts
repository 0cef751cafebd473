/** The replicated log beside a stream that says odd things: records and numbers that are none, too few of them. */
import { expect, test } from 'vitest';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import { encodeFrame, encodeLost, isFrame } from '../../src/replicated/frame.js';
import type { RecordStream, StreamBounds } from '../../src/replicated/index.js';
import { followStream, ReplicatedWal } from '../../src/replicated/index.js';
import { LogMachine, payloadOf } from '../wal/log-machine.js';
import type { Random } from '../wal/log-machine.js';
import { fuzz, oddNumber, unlessRefused } from './cases.js';

const WRITER = 9n;
const COUNT = 6;
const frameOf = (sequence: number): Uint8Array => encodeFrame(payloadOf(sequence, 10 + sequence * 90), WRITER);

/** Something in the place of a record. */
function oddFrame(random: Random, sequence: number): Uint8Array {
  const kind = random.below(6);
  if (kind === 0) return encodeLost();
  if (kind === 1) return new Uint8Array(random.below(20)).fill(random.below(256));
  if (kind === 2) return frameOf(sequence).subarray(0, random.below(12));
  if (kind === 3) return frameOf(sequence + 1);
  const frame = frameOf(sequence);
  frame[random.below(kind === 4 ? 9 : frame.length)] = random.below(256);
  return frame;
}

/** A stream that answers some questions with what cannot be, and the others as `stream` does. */
function oddStream(stream: RecordStream, random: Random): RecordStream {
  const numbers = [NaN, Infinity, -Infinity, -1, 0, 0.5, 2 ** 53, 2 ** 60, 2 ** 40, 3];
  const odd = (value: number): number => {
    if (random.chance(50)) return numbers[random.below(numbers.length)] ?? 0;
    return Number(BigInt.asIntN(60, oddNumber(random, BigInt(value), 64)));
  };
  let questions = 0;
  const isOdd = (): boolean => ++questions < 50 && random.chance(25);
  return {
    recordBytesMax: stream.recordBytesMax,
    bounds: async (): Promise<StreamBounds> => {
      const { first, last } = await stream.bounds();
      return isOdd() ? { first: random.chance(50) ? odd(first) : first, last: odd(last) } : { first, last };
    },
    publish: (sequence, bytes) => stream.publish(sequence, bytes),
    fetch: async (first, last) => {
      // A fetch of more than the log can ask for would be a loop without end.
      expect(last - first).toBeLessThan(100_000);
      const records = await stream.fetch(first, Math.min(last, first + 1000));
      if (!isOdd()) return records;
      const some = [...records].filter(() => random.chance(70)).map(([sequence, bytes]) => {
        return [sequence, random.chance(40) ? oddFrame(random, sequence) : bytes] as const;
      });
      return new Map([...some, ...(random.chance(30) ? [[odd(first), frameOf(1)] as const] : [])]);
    },
    ready: (signal) => stream.ready(signal),
    changed: (sequence, signal) => stream.changed(sequence, signal),
    close: () => stream.close(),
  };
}

async function oneCase(random: Random): Promise<void> {
  const server = new SimulatedServer();
  const machine = new LogMachine({ pages: 12 });
  const wal = await machine.open({ create: true });
  const local = random.below(COUNT);
  for (let sequence = 1; sequence <= COUNT; sequence++) {
    const isOdd = random.chance(15);
    if (sequence <= local) wal.append(isOdd ? oddFrame(random, sequence) : frameOf(sequence));
    server.records.push(random.chance(10) ? oddFrame(random, sequence) : frameOf(sequence));
  }
  wal.commit();
  const stream = random.chance(60) ? oddStream(server.connect(), random) : server.connect();
  if (random.chance(25)) {
    const stop = new AbortController();
    setImmediate(() => setImmediate(() => { stop.abort(); }));
    await unlessRefused(() => followStream(wal, stream, stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted || (error as Error).name !== 'AbortError') throw error;
    }));
  }
  const log = await unlessRefused(() => ReplicatedWal.open({ wal, stream, ack: random.chance(50) ? 'local' : 'both' }));
  // What is no record is not taken over: every replay of the log goes through, now and later.
  for await (const item of wal.replay()) {
    if (item.type === 'record' && item.sequence > local) expect(isFrame(item.payload)).toBe(true);
  }
  if (log === undefined) return;
  const payload = payloadOf(99, 20);
  const appended = await unlessRefused(() => log.append(payload));
  await unlessRefused(() => log.repair());
  let next = wal.firstSequence;
  await unlessRefused(async () => {
    for await (const item of log.replay()) {
      expect(item.type === 'record' ? item.sequence : item.first).toBe(next);
      next = (item.type === 'record' ? item.sequence : (item.last ?? 0)) + 1;
      if (item.type === 'record' && item.sequence === appended) expect(Buffer.compare(item.payload, payload)).toBe(0);
    }
    expect(next).toBe((wal.lastSequence ?? 0) + 1);
  });
  await log.close();
  wal.close();
}

test('a replicated log beside such a stream', () => fuzz('replicated', 120, oneCase), 600_000);
