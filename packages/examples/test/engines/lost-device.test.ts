/** One device of a mirrored log is new, or is from an older moment: the log alone, and the replicated one. */
import { describe, expect, test } from 'vitest';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import { decodeFrame } from '../../src/replicated/frame.js';
import { ReplicatedWal } from '../../src/replicated/index.js';
import type { Wal } from '../../src/wal/index.js';
import { accountFor, commitRecords, LogMachine, PAGE, payloadOf } from '../wal/log-machine.js';

const PATHS = ['/pmem0/log', '/pmem1/mirror'] as const;
const PAGES = 16;
const LENGTHS = Array.from({ length: 12 }, (_, i) => 100 + i * 37);
const ALL = LENGTHS.map((_, i) => i + 1);

interface Past {
  readonly machine: LogMachine;
  readonly records: ReadonlyMap<number, Uint8Array>;
  /** What the files were after half of the records. */
  readonly before: readonly Uint8Array[];
}

async function logWithPast(): Promise<Past> {
  const machine = new LogMachine({ pages: PAGES, mirrored: true });
  const wal = await machine.open({ create: true });
  const records = new Map(commitRecords(wal, LENGTHS.slice(0, 6)));
  const before = PATHS.map((path) => Uint8Array.from(machine.driver.readFile(path)));
  for (const [i, length] of LENGTHS.slice(6).entries()) {
    const payload = payloadOf(7 + i, length);
    records.set(wal.append(payload), payload);
    wal.commit();
  }
  wal.close();
  return { machine, records, before };
}

describe.each([0, 1] as const)('a log whose file %i', (lost) => {
  const other = PATHS[1 - lost] ?? '';

  test('is new and empty is refused, and whole again with attachMirror: either file is enough then', async () => {
    const { machine, records } = await logWithPast();
    machine.driver.writeFile(PATHS[lost], new Uint8Array(PAGES * PAGE));
    await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE' });
    (await machine.open({ attachMirror: true })).close();
    machine.driver.poison(other, { offset: 0, length: PAGES * PAGE });
    expect((await accountFor(await machine.open(), records)).returned).toEqual(ALL);
  });

  test('is from an older moment is current all the same, or refused; never older', async () => {
    const { machine, records, before } = await logWithPast();
    machine.driver.writeFile(PATHS[lost], before[lost] ?? new Uint8Array(0));
    const wal: Wal | undefined = await machine.open().catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'ERR_WAL_MIRROR_STALE' });
      return undefined;
    });
    if (wal !== undefined) expect((await accountFor(wal, records)).returned).toEqual(ALL);
    wal?.close();
    const attached = await machine.open({ attachMirror: true });
    expect((await accountFor(attached, records)).returned).toEqual(ALL);
  });
});

async function replicated(lengths: readonly number[]): Promise<{ machine: LogMachine; server: SimulatedServer }> {
  const [machine, server] = [new LogMachine({ pages: PAGES, mirrored: true }), new SimulatedServer()];
  const wal = await machine.open({ create: true });
  const log = await ReplicatedWal.open({ wal, stream: server.connect() });
  for (const [i, length] of lengths.entries()) await log.append(payloadOf(i + 1, length));
  await log.close();
  wal.close();
  return { machine, server };
}

async function expectAll(wal: Wal, server: SimulatedServer): Promise<void> {
  const log = await ReplicatedWal.open({ wal, stream: server.connect() });
  const found: Uint8Array[] = [];
  for await (const item of wal.replay()) {
    if (item.type === 'record') found.push(decodeFrame(item.payload) ?? item.payload);
  }
  expect(found).toEqual(LENGTHS.map((length, i) => payloadOf(i + 1, length)));
  expect(await log.append(payloadOf(13, 10))).toBe(13);
  await log.close();
  wal.close();
}

test.each([0, 1] as const)('a replicated log whose device %i is new: attachMirror of its log', async (lost) => {
  const { machine, server } = await replicated(LENGTHS);
  machine.driver.writeFile(PATHS[lost], new Uint8Array(PAGES * PAGE));
  await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_MIRROR_STALE' });
  await expectAll(await machine.open({ attachMirror: true }), server);
});

test('a replicated log both files of which are new gets everything from the stream', async () => {
  const { machine, server } = await replicated(LENGTHS);
  for (const path of PATHS) machine.driver.writeFile(path, new Uint8Array(PAGES * PAGE));
  await expectAll(await machine.open({ create: true }), server);
});

test('a replicated log both files of which are from an older moment catches up with the stream', async () => {
  const { machine, server } = await replicated(LENGTHS.slice(0, 6));
  const before = PATHS.map((path) => Uint8Array.from(machine.driver.readFile(path)));
  const log = await ReplicatedWal.open({ wal: await machine.open(), stream: server.connect() });
  for (const [i, length] of LENGTHS.slice(6).entries()) await log.append(payloadOf(7 + i, length));
  const { wal } = log;
  await log.close();
  wal.close();
  for (const [i, path] of PATHS.entries()) machine.driver.writeFile(path, before[i] ?? new Uint8Array(0));
  await expectAll(await machine.open(), server);
});
