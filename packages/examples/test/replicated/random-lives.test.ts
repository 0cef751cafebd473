import { expect, test } from 'vitest';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import type { Answer } from '../../explore/simulated-stream.js';
import { Random, payloadOf, seedsFor } from '../wal/log-machine.js';
import { account, Host } from './host.js';

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
