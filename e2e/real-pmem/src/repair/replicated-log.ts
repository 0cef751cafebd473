/** The example's replicated log on real poison: what the medium has lost comes back from a real nats-server on loopback. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { type NatsServer, NatsStream, ReplicatedWal, startNatsServer } from '@safe-pmem/examples/replicated';
import { Wal } from '@safe-pmem/examples/wal';
import { kernelAbilities } from '../jobs/kernel-abilities.js';
import { page, pageBytes } from '../scenarios/file-steps.js';
import { context, scene, suite, test } from './dax-scene.js';

const records = 24;
const { repairInPlace } = kernelAbilities(context);
let server: NatsServer | undefined;

function payloadOf(sequence: number): Uint8Array {
  return Uint8Array.from({ length: 20 + (sequence % 7) * 150 }, (_, i) => (sequence * 131 + i * 17) & 0xff);
}

/** Opens log and stream as a process does that has just started. */
async function openLog(create: boolean): Promise<{ log: ReplicatedWal; wal: Wal; close: () => Promise<void> }> {
  server ??= await startNatsServer();
  const stream = await NatsStream.open({ url: server.url, token: server.token, name: 'guest', createFrom: 1, timeoutMs: 60_000 });
  const wal = await Wal.open({ file: await scene.file('log'), create });
  const log = await ReplicatedWal.open({ wal, stream, ack: 'both' });
  const close = async (): Promise<void> => {
    await log.close();
    await stream.close();
    await scene.closeFiles();
  };
  return { log, wal, close };
}

/** The numbers of the records that are returned, each compared byte by byte. */
async function numbersOf(log: ReplicatedWal): Promise<number[]> {
  const numbers: number[] = [];
  for await (const item of log.replay()) {
    if (item.type !== 'record') continue;
    assert.deepEqual(Buffer.from(item.payload), Buffer.from(payloadOf(item.sequence)));
    numbers.push(item.sequence);
  }
  return numbers;
}

const all = Array.from({ length: records }, (_, i) => i + 1);

suite(`replicated log on ${context.filesystem}, ${context.device}`, () => {
  test('records of bad pages come from the stream, and back into the log where it can be repaired', async () => {
    await scene.written('log', new Uint8Array(page(12)));
    const before = await openLog(true);
    for (const sequence of all) assert.equal(await before.log.append(payloadOf(sequence)), sequence);
    await before.close();
    await scene.poison('log', { offset: page(2), length: 2 * pageBytes });

    const { log, wal, close } = await openLog(false);
    try {
      const local: string[] = [];
      for await (const item of wal.replay()) local.push(item.type);
      assert.ok(local.some((type) => type !== 'record'), 'records lie in the bad pages');
      assert.deepEqual(await numbersOf(log), all);
      const { rebuilt, lost, failed } = await log.repair();
      assert.deepEqual(lost, []);
      assert.equal(failed.length > 0, !repairInPlace);
      if (repairInPlace) assert.ok(rebuilt.some(({ from }) => from === 'rebuild'));
      assert.deepEqual(await numbersOf(log), all);
    } finally {
      // Also after a failure: a connection that stays open keeps the job from ending.
      await close();
    }
  });
});

after(() => server?.stop());
