/** A host of a replicated log, for tests that let hosts and servers die. */
import { expect } from 'vitest';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import { decodeFrame } from '../../src/replicated/frame.js';
import type { Ack } from '../../src/replicated/index.js';
import { ReplicatedWal } from '../../src/replicated/index.js';
import { LogMachine, payloadOf } from '../wal/log-machine.js';

export const PAGES = 16;

/** A machine with a local log, which replicates to a simulated server. */
export class Host {
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

  /** Ends the host, with all that was not persisted. */
  async die(): Promise<void> {
    await this.stream.close();
    await this.log.close();
    this.machine.crash();
  }
}

/** Appends one record of each length; resolves to their numbers. */
export async function appendAll(log: ReplicatedWal, first: number, lengths: readonly number[]): Promise<number[]> {
  return Promise.all(lengths.map((length, index) => log.append(payloadOf(first + index, length))));
}

/** Returns the numbers that replay() returns with the right bytes, and those that it reports lost. */
export async function account(log: ReplicatedWal, lengths: readonly number[]): Promise<{ returned: number[]; lost: number[] }> {
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

/** Returns the payloads that the server has; undefined for a record that was lost. */
export function payloads(server: SimulatedServer): (Uint8Array | undefined)[] {
  return server.records.map((frame) => decodeFrame(frame));
}

/** Bytes of eight records: some shorter than a page, some longer. */
export const LENGTHS = [10, 5000, 70, 3000, 0, 900, 4040, 25];
